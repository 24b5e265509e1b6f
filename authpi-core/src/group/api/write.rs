//! Makes, changes and deletes groups.

use async_trait::async_trait;

use super::body::{CreateGroup, UpdateGroup};
use super::read::existing;
use super::view::GroupView;
use super::{ALL, ONE, WRITE};
use crate::error::Refusal;
use crate::group::model::GroupDetails;
use crate::group::operations::{self, GroupPatch, NewGroup};
use crate::id::OrganizationId;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::caller::Caller;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// In the organization of an account what a group gives are rights on the account: nobody gives more than they hold
/// there (core-api 1.9).
async fn check_grant(
    reads: &dyn Reads,
    caller: &Caller,
    organization: OrganizationId,
    given: &Scopes,
) -> Result<(), Refusal> {
    match caller.grantor(organization).refuses(given) {
        Some(scope) if reads.accounts().exists(organization.account()).await? => Err(Refusal::InsufficientScope(scope)),
        _ => Ok(()),
    }
}

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
        check_grant(change.reads(), call.caller()?, organization, &details.scopes).await?;
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
        let known = &before.details.scopes;
        let added = after.scopes.iter().filter(|scope| !known.contains(scope)).cloned().collect();
        check_grant(change.reads(), call.caller()?, organization, &added).await?;
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
