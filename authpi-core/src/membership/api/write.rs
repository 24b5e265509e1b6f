//! Adds, changes and removes members.

use async_trait::async_trait;

use super::body::{AddMember, UpdateMember};
use super::read::{existing, member};
use super::view::{MembershipView, shown};
use super::{ALL, ONE, WRITE};
use crate::error::Refusal;
use crate::membership::model::{MembershipDetails, MembershipOrigin, NewMember};
use crate::membership::operations::{self, MembershipPatch};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// `addOrganizationMember`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = AddMember;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("addOrganizationMember", "Add a user or an agent to an organization")
            .about("members", "membership")
            .scope(WRITE)
            .answers::<MembershipView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<AddMember>) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(change.reads(), issuer, organization).await?;
        let body = call.body()?;
        let details: MembershipDetails = merged(&MembershipDetails::default(), &body.details)?;
        let new = NewMember {
            member_id: body.member_id,
            scopes: details.scopes,
            groups: body.groups.clone(),
            roles: body.roles.named().unwrap_or_default(),
            user_title: details.user_title,
            status: details.status,
            metadata: Metadata::from_create(&body.metadata),
            origin: MembershipOrigin::Direct,
            grantor: call.caller()?.grantor(organization),
        };
        let membership = operations::add(change, issuer, organization, new).await?;
        let version = membership.updated_at;
        Ok(Answer::created(shown(change.reads(), membership).await?).etag(version))
    }
}

/// `updateOrganizationMember`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateMember;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateOrganizationMember", "Update a membership; suspend or reactivate it")
            .about("members", "membership")
            .scope(WRITE)
            .conditional()
            .answers::<MembershipView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateMember>) -> Result<Answer, Refusal> {
        let before = member(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let patch = MembershipPatch {
            details: body.details.clone(),
            groups: body.groups.clone(),
            roles: body.roles.named(),
            metadata: body.metadata.clone(),
            grantor: call.caller()?.grantor(before.org_id),
        };
        let after = operations::update(change, before, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(shown(change.reads(), after).await?).etag(version))
    }
}

/// `removeOrganizationMember`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("removeOrganizationMember", "Remove a member from an organization")
            .about("members", "membership")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let membership = member(change.reads(), call.path()?).await?;
        call.precondition(membership.updated_at)?;
        operations::remove(change, &membership).await?;
        Ok(Answer::no_content())
    }
}
