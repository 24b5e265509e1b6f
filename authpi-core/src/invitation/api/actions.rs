//! Sends again, takes back, approves and rejects.

use async_trait::async_trait;

use super::body::DecideInvitation;
use super::limits::charge;
use super::read::invitation;
use super::view::InvitationView;
use super::write::shown;
use super::{APPROVE, WRITE};
use crate::error::Refusal;
use crate::invitation::operations;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

const RESEND: &str =
    "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations/{invitation_id}/resend";
const REVOKE: &str =
    "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations/{invitation_id}/revoke";
const APPROVED: &str =
    "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations/{invitation_id}/approve";
const REJECTED: &str =
    "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations/{invitation_id}/reject";

fn action(path: &'static str, name: &'static str, summary: &'static str, scope: &'static str) -> Route {
    Route::post(path)
        .named(name, summary)
        .about("invitations", "invitation")
        .scope(scope)
        .conditional()
        .answers::<InvitationView>(200)
}

/// `resendOrganizationInvitation`
pub(super) struct Resend;

#[async_trait]
impl Write for Resend {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        action(RESEND, "resendOrganizationInvitation", "Send an invitation again, with another link", WRITE)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = invitation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let after = operations::resend(change, before).await?;
        charge(change, call, &after)?;
        let version = after.updated_at;
        Ok(Answer::of(shown(change, after).await?).etag(version))
    }
}

/// `revokeOrganizationInvitation`
pub(super) struct Revoke;

#[async_trait]
impl Write for Revoke {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        action(REVOKE, "revokeOrganizationInvitation", "Take an invitation back", WRITE).without_credit()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = invitation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let after = operations::revoke(change, before).await?;
        let version = after.updated_at;
        Ok(Answer::of(shown(change, after).await?).etag(version))
    }
}

/// `approveOrganizationInvitation`
pub(super) struct Approve;

#[async_trait]
impl Write for Approve {
    type Body = DecideInvitation;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Approve an invitation that waits for it, and send it";
        action(APPROVED, "approveOrganizationInvitation", summary, APPROVE).extension()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<DecideInvitation>) -> Result<Answer, Refusal> {
        let before = invitation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let version_before = before.updated_at;
        let after = operations::approve(change, before, call.body()?.reason.clone()).await?;
        let version = after.updated_at;
        if version != version_before {
            charge(change, call, &after)?;
        }
        let derived = after.derived_status(change.now());
        Ok(Answer::of(shown(change, after).await?).etag_showing(version, derived))
    }
}

/// `rejectOrganizationInvitation`
pub(super) struct Reject;

#[async_trait]
impl Write for Reject {
    type Body = DecideInvitation;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Reject an invitation that waits for approval";
        action(REJECTED, "rejectOrganizationInvitation", summary, APPROVE).extension().without_credit()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<DecideInvitation>) -> Result<Answer, Refusal> {
        let before = invitation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let after = operations::reject(change, before, call.body()?.reason.clone()).await?;
        let version = after.updated_at;
        Ok(Answer::of(shown(change, after).await?).etag(version))
    }
}
