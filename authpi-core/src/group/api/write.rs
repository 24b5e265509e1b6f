//! Makes, changes and deletes groups.

use async_trait::async_trait;

use super::body::{CreateGroup, UpdateGroup};
use super::read::existing;
use super::view::GroupView;
use super::{ALL, ONE, WRITE};
use crate::error::Refusal;
use crate::group::model::GroupDetails;
use crate::group::operations::{self, GroupPatch, NewGroup};
use crate::membership::operations::check_grant;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// `createGroup`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateGroup;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createGroup", "Create a group in an organization")
            .about("groups", "group")
            .scope(WRITE)
            .answers::<GroupView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateGroup>) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(change.reads(), issuer, organization).await?;
        let body = call.body()?;
        let details: GroupDetails = merged(&GroupDetails::default(), &body.details)?;
        let grantor = call.caller()?.grantor(organization);
        check_grant(change.reads(), &grantor, organization, &details.scopes).await?;
        let new = NewGroup { details, metadata: Metadata::from_create(&body.metadata) };
        let group = operations::create(change, issuer, organization, new).await?;
        let version = group.updated_at;
        Ok(Answer::created(GroupView::from(group)).etag(version))
    }
}

/// `updateGroup`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateGroup;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateGroup", "Update a group; other scopes detach it from the role it carries out")
            .about("groups", "group")
            .scope(WRITE)
            .conditional()
            .answers::<GroupView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateGroup>) -> Result<Answer, Refusal> {
        let (issuer, organization, id) = call.path()?;
        existing(change.reads(), issuer, organization).await?;
        let (before, stored) = operations::find(change.reads(), issuer, organization, id).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let after: GroupDetails = merged(&before.details, &body.details)?;
        let added = after.scopes.without(&before.details.scopes);
        let grantor = call.caller()?.grantor(organization);
        check_grant(change.reads(), &grantor, organization, &added).await?;
        let patch = GroupPatch { details: body.details.clone(), metadata: body.metadata.clone() };
        let after = operations::update(change, before, stored, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(GroupView::from(after)).etag(version))
    }
}

/// `deleteGroup`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteGroup", "Delete a group; its members stay")
            .about("groups", "group")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization, id) = call.path()?;
        existing(change.reads(), issuer, organization).await?;
        let (group, stored) = operations::find(change.reads(), issuer, organization, id).await?;
        call.precondition(group.updated_at)?;
        operations::delete(change, &group, stored).await?;
        Ok(Answer::no_content())
    }
}
