//! What happens to invitations, as events (events-webhooks §4). The invited address appears as a hash only.

use serde_json::Value;

use super::model::{Invitation, InvitationStatus};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::{AccountId, UserId};
use crate::scope::{Scope, Scopes};
use crate::secret::hex;
use crate::status::machine_word;

fn about(kind: EventType, account: AccountId, invitation: &Invitation) -> EventDraft {
    let subject = Subject::issuer(account, invitation.issuer_id).organization(invitation.org_id);
    EventDraft::new(kind, subject.invitation(invitation.id))
}

fn list(scopes: &Scopes) -> Value {
    scopes.iter().map(Scope::as_str).collect()
}

/// `organization.invitation.created`; `scopes` include those of the roles.
pub fn created(account: AccountId, invitation: &Invitation, status: InvitationStatus, scopes: &Scopes) -> EventDraft {
    about(catalogue::ORGANIZATION_INVITATION_CREATED, account, invitation)
        .with("status", status.as_str())
        .with("scopes", list(scopes))
        .with("role", invitation.grant.role())
        .with("expires_at", invitation.expires_at.as_millis())
        .with("email_hash", hex(&invitation.address_hash))
}

/// `organization.invitation.approval-requested`
pub fn approval_requested(account: AccountId, invitation: &Invitation, scopes: &Scopes) -> EventDraft {
    about(catalogue::ORGANIZATION_INVITATION_APPROVAL_REQUESTED, account, invitation)
        .with("scopes", list(scopes))
        .with("role", invitation.grant.role())
}

/// `organization.invitation.updated`
pub fn updated(account: AccountId, invitation: &Invitation, changes: Vec<String>) -> EventDraft {
    about(catalogue::ORGANIZATION_INVITATION_UPDATED, account, invitation).with_changes(changes)
}

/// `organization.invitation.approved`
pub fn approved(account: AccountId, invitation: &Invitation) -> EventDraft {
    let by = invitation.approval.as_ref().and_then(|approval| machine_word(approval.decided_by.as_deref()));
    about(catalogue::ORGANIZATION_INVITATION_APPROVED, account, invitation).with("by", by)
}

/// `organization.invitation.rejected`
pub fn rejected(account: AccountId, invitation: &Invitation) -> EventDraft {
    let approval = invitation.approval.as_ref();
    let by = approval.and_then(|approval| machine_word(approval.decided_by.as_deref()));
    let reason = approval.and_then(|approval| machine_word(approval.reason.as_deref()));
    about(catalogue::ORGANIZATION_INVITATION_REJECTED, account, invitation).with("by", by).with("reason", reason)
}

/// `organization.invitation.accepted`; `scopes` include those of the roles.
pub fn accepted(account: AccountId, invitation: &Invitation, user: UserId, scopes: &Scopes) -> EventDraft {
    let mut draft = about(catalogue::ORGANIZATION_INVITATION_ACCEPTED, account, invitation);
    draft.subject = draft.subject.user(user);
    draft.with("scopes", list(scopes))
}

/// `organization.invitation.declined`
pub fn declined(account: AccountId, invitation: &Invitation) -> EventDraft {
    about(catalogue::ORGANIZATION_INVITATION_DECLINED, account, invitation)
}

/// `organization.invitation.deleted`: revoked, or its approval refused.
pub fn deleted(account: AccountId, invitation: &Invitation, cause: &'static str) -> EventDraft {
    about(catalogue::ORGANIZATION_INVITATION_DELETED, account, invitation).with("cause", cause)
}
