//! Lists invitations, and shows one.

use async_trait::async_trait;

use super::view::{InvitationView, Showing};
use super::{ALL, ONE, READ};
use crate::error::Refusal;
use crate::id::{InvitationId, IssuerId, OrganizationId};
use crate::invitation::model::{Invitation, InvitationStatus};
use crate::invitation::repository::InvitationFilter;
use crate::keyring::IssuerRoot;
use crate::page::SearchPage;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::body::Body;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// The invitation in the path.
pub(super) async fn invitation(
    reads: &dyn Reads,
    (issuer, organization, id): (IssuerId, OrganizationId, InvitationId),
) -> Result<Invitation, Refusal> {
    reads.organizations().find(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    reads.invitations().find(issuer, organization, id).await?.ok_or(Refusal::NotFound)
}

async fn root<B: Body>(call: &Call<B>, issuer: IssuerId) -> Result<IssuerRoot, Refusal> {
    call.services().root(issuer).await?.ok_or(Refusal::NotFound)
}

/// `listOrganizationInvitations`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listOrganizationInvitations", "List the invitations into an organization, newest first")
            .about("invitations", "invitation")
            .scope(READ)
            .query([Parameter::one_of("status", InvitationStatus::WORDS, "Only in this status.")])
            .answers_page::<InvitationView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        reads.organizations().find(issuer, organization).await?.ok_or(Refusal::NotFound)?;
        let query = call.query()?;
        let page = query.page::<InvitationId>()?;
        let filter = InvitationFilter { status: query.parsed("status")?, now: call.now() };
        let found = reads.invitations().list(issuer, organization, filter, &page).await?;
        let root = root(call, issuer).await?;
        let mut showing = Showing::new(reads, &root.key, call.now());
        let mut items = Vec::with_capacity(found.items.len());
        for invitation in found.items {
            items.push(showing.show(invitation).await?);
        }
        Ok(Answer::search_page(&SearchPage { items, next: found.next }))
    }
}

/// `getOrganizationInvitation`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getOrganizationInvitation", "Get an invitation")
            .about("invitations", "invitation")
            .scope(READ)
            .conditional()
            .answers::<InvitationView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let path: (IssuerId, OrganizationId, InvitationId) = call.path()?;
        let found = invitation(reads, path).await?;
        let (version, derived) = (found.updated_at, found.derived_status(call.now()));
        let root = root(call, path.0).await?;
        let view = Showing::new(reads, &root.key, call.now()).show(found).await?;
        Ok(Answer::of(view).etag_showing(version, derived))
    }
}
