//! Lists groups, and shows one.

use async_trait::async_trait;

use super::view::GroupView;
use super::{ALL, ONE, READ};
use crate::error::Refusal;
use crate::group::operations;
use crate::id::{GroupId, IssuerId, OrganizationId};
use crate::page::Page;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::route::Route;

/// The organization in the path is there.
pub(super) async fn existing(reads: &dyn Reads, issuer: IssuerId, organization: OrganizationId) -> Result<(), Refusal> {
    reads.organizations().find(issuer, organization).await?.map(|_| ()).ok_or(Refusal::NotFound)
}

/// `listGroups`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listGroups", "List the groups of an organization, newest first")
            .about("groups", "group")
            .scope(READ)
            .answers_page::<GroupView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(reads, issuer, organization).await?;
        let page = call.query()?.page::<GroupId>()?;
        let found = reads.groups().list(issuer, organization, &page).await?;
        let items = operations::shown(reads, issuer, found.items).await?;
        let shown = Page { items, has_more: found.has_more }.map(GroupView::from);
        Ok(Answer::page(&shown, GroupView::cursor))
    }
}

/// `getGroup`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getGroup", "Get a group")
            .about("groups", "group")
            .scope(READ)
            .conditional()
            .answers::<GroupView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization, id) = call.path()?;
        existing(reads, issuer, organization).await?;
        let (group, _) = operations::find(reads, issuer, organization, id).await?;
        let version = group.updated_at;
        Ok(Answer::of(GroupView::from(group)).etag(version))
    }
}
