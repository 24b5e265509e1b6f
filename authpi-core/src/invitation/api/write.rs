//! Makes and changes invitations.

use async_trait::async_trait;

use super::body::{CreateInvitation, UpdateInvitation};
use super::limits::charge;
use super::read::invitation;
use super::view::{InvitationView, Showing};
use super::{ALL, ONE, WRITE};
use crate::error::{FieldCode, Refusal};
use crate::id::{IssuerId, OrganizationId};
use crate::invitation::model::{Invitation, InvitationGrant};
use crate::invitation::operations::{self, NewInvitation};
use crate::mailbox::Mailbox;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// The invitation as the answer to a change shows it.
pub(super) async fn shown(change: &Change<'_>, after: Invitation) -> Result<InvitationView, Refusal> {
    let root = change.root_of(after.issuer_id)?;
    Showing::new(change.reads(), root, change.now()).show(after).await
}

/// `createOrganizationInvitation`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateInvitation;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createOrganizationInvitation", "Invite an e-mail address into an organization")
            .about("invitations", "invitation")
            .scope(WRITE)
            .answers::<InvitationView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateInvitation>) -> Result<Answer, Refusal> {
        let (issuer, organization): (IssuerId, OrganizationId) = call.path()?;
        change.reads().organizations().find(issuer, organization).await?.ok_or(Refusal::NotFound)?;
        let body = call.body()?;
        let message = "must be exactly one e-mail address";
        let malformed = || Refusal::field("email_invited", FieldCode::InvalidFormat, message);
        let new = NewInvitation {
            email: Mailbox::parse(&body.email_invited).ok_or_else(malformed)?,
            roles: body.roles(),
            grant: merged(&InvitationGrant::default(), &body.grant)?,
            message: body.message.clone(),
            inviter: body.inviter(),
            lifetime: body.lifetime(change.now())?,
            metadata: Metadata::from_create(&body.metadata),
            grantor: call.caller()?.grantor(organization),
        };
        let after = operations::create(change, issuer, organization, new).await?;
        charge(change, call, &after)?;
        let version = after.updated_at;
        Ok(Answer::created(shown(change, after).await?).etag(version))
    }
}

/// `updateOrganizationInvitation`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateInvitation;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateOrganizationInvitation", "Update an open invitation")
            .about("invitations", "invitation")
            .scope(WRITE)
            .conditional()
            .answers::<InvitationView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateInvitation>) -> Result<Answer, Refusal> {
        let before = invitation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let grantor = call.caller()?.grantor(before.org_id);
        let patch = call.body()?.patch(change.now(), &before, grantor)?;
        let after = operations::update(change, before, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(shown(change, after).await?).etag(version))
    }
}
