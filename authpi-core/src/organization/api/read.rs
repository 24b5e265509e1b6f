//! Endpoints that change nothing.

use async_trait::async_trait;

use super::view::{IssuerOrganizationsListItem, OrganizationView};
use super::{ALL, ONE, READ};
use crate::error::Refusal;
use crate::id::OrganizationId;
use crate::organization::repository::{OrganizationFilter, StatusFilter};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// `listOrganizations`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listOrganizations", "List organizations, newest first")
            .about("organizations", "organization")
            .scope(READ)
            .query([
                Parameter::one_of("status", StatusFilter::WORDS, "Only in this status."),
                Parameter::flag("sso_enabled", "Only with, or without, enterprise sign-on."),
                Parameter::flag("sso_only", "Only where enterprise sign-on is, or is not, the only way in."),
                Parameter::flag("mfa_required", "Only where a second factor is, or is not, required."),
                Parameter::flag("invitation_enabled", "Only with, or without, invitations."),
            ])
            .answers_page::<IssuerOrganizationsListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let query = call.query()?;
        let page = query.page::<OrganizationId>()?;
        let filter = OrganizationFilter {
            status: query.parsed("status")?,
            mfa_required: query.flag("mfa_required"),
            invitation_enabled: query.flag("invitation_enabled"),
            sso_enabled: query.flag("sso_enabled"),
            sso_only: query.flag("sso_only"),
        };
        let found = reads.organizations().list(issuer, &filter, &page).await?;
        let page = found.map(IssuerOrganizationsListItem::from);
        let ids: Vec<_> = page.items.iter().map(IssuerOrganizationsListItem::id).collect();
        let open = reads.invitations().count_open(issuer, &ids, call.now()).await?;
        let page = page.map(|item| {
            let open = open.get(&item.id()).copied().unwrap_or_default();
            item.with_invitations(open)
        });
        Ok(Answer::search_page(&page))
    }
}

/// `getOrganization`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getOrganization", "Get an organization")
            .about("organizations", "organization")
            .scope(READ)
            .conditional()
            .answers::<OrganizationView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let organization = reads.organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        let view = OrganizationView::counted(&organization, reads, call.now()).await?;
        Ok(Answer::of(view).etag(organization.updated_at))
    }
}
