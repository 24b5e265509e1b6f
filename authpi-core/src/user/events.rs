//! What happens to users, as events (events-webhooks §4).

use serde_json::{Value, json};

use super::model::{User, UserOrigin, UserStatus, UsernameHash, Verdict};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::status::machine_word;

fn about(kind: EventType, account: AccountId, user: &User) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, user.issuer_id).user(user.id))
}

/// `user.created`
pub fn created(account: AccountId, user: &User, origin: UserOrigin) -> EventDraft {
    about(catalogue::USER_CREATED, account, user)
        .with("username_type", user.username.kind().as_str())
        .with("status", user.status.value.as_str())
        .with("origin", origin.as_str())
}

/// `user.updated`
pub fn updated(account: AccountId, user: &User, changes: Vec<String>) -> EventDraft {
    about(catalogue::USER_UPDATED, account, user).with_changes(changes)
}

/// `user.updated` of a user that was suspended, or is back from it; `changes` are those besides the status.
pub fn suspension_changed(account: AccountId, user: &User, was: UserStatus, mut changes: Vec<String>) -> EventDraft {
    changes.push("status".to_owned());
    updated(account, user, changes)
        .with("status", step(was, user))
        .with("reason", machine_word(user.status.reason.as_deref()))
}

/// `user.blocked`, also of a user that was disabled.
pub fn blocked(account: AccountId, user: &User, was: UserStatus) -> EventDraft {
    status_changed(catalogue::USER_BLOCKED, account, user, was)
}

/// `user.unblocked`
pub fn unblocked(account: AccountId, user: &User, was: UserStatus) -> EventDraft {
    status_changed(catalogue::USER_UNBLOCKED, account, user, was)
}

fn status_changed(kind: EventType, account: AccountId, user: &User, was: UserStatus) -> EventDraft {
    about(kind, account, user)
        .with("status", step(was, user))
        .with("reason", machine_word(user.status.reason.as_deref()))
        .with("by", machine_word(user.status.by.as_deref()))
}

fn step(was: UserStatus, user: &User) -> Value {
    json!({ "from": was.as_str(), "to": user.status.value.as_str() })
}

/// `user.email.change-requested`: another address waits for its proof.
pub fn email_change_requested(
    account: AccountId,
    user: &User,
    old: Option<UsernameHash>,
    new: UsernameHash,
) -> EventDraft {
    addressed(catalogue::USER_EMAIL_CHANGE_REQUESTED, account, user, (old, new))
}

/// `user.email.changed`: another address is in force; `old` is `None` when none was before.
pub fn email_changed(account: AccountId, user: &User, old: Option<UsernameHash>, new: UsernameHash) -> EventDraft {
    addressed(catalogue::USER_EMAIL_CHANGED, account, user, (old, new))
}

fn addressed(
    kind: EventType,
    account: AccountId,
    user: &User,
    (old, new): (Option<UsernameHash>, UsernameHash),
) -> EventDraft {
    about(kind, account, user).with("old_hash", old.map(|hash| hash.to_string())).with("new_hash", new.to_string())
}

/// `user.email.verified`
pub fn email_verified(account: AccountId, user: &User, hash: UsernameHash) -> EventDraft {
    about(catalogue::USER_EMAIL_VERIFIED, account, user).with("email_hash", hash.to_string())
}

/// `user.approval.requested`
pub fn approval_requested(account: AccountId, user: &User) -> EventDraft {
    about(catalogue::USER_APPROVAL_REQUESTED, account, user)
}

/// `user.approval.approved` or `user.approval.rejected`
pub fn approval_decided(account: AccountId, user: &User, verdict: Verdict) -> EventDraft {
    let kind = match verdict {
        Verdict::Approved => catalogue::USER_APPROVAL_APPROVED,
        Verdict::Rejected => catalogue::USER_APPROVAL_REJECTED,
    };
    about(kind, account, user)
        .with("by", machine_word(user.status.by.as_deref()))
        .with("reason", machine_word(user.status.reason.as_deref()))
}

/// What goes with a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cascade {
    /// Memberships in organizations.
    pub memberships: u64,
    /// Credentials.
    pub verifiers: u64,
    /// Devices, trusted or known.
    pub devices: u64,
    /// Delegations in force.
    pub delegations: u64,
    /// Sessions that had not ended.
    pub sessions: u64,
    /// Personal tokens.
    pub personal_tokens: u64,
}

/// `user.deleted`, with what goes with it.
pub fn deleted(account: AccountId, user: &User, cascade: Cascade) -> EventDraft {
    let Cascade { memberships, verifiers, devices, delegations, sessions, personal_tokens } = cascade;
    let counts = json!({
        "memberships": memberships,
        "verifiers": verifiers,
        "devices": devices,
        "delegations": delegations,
        "sessions": sessions,
        "personal_tokens": personal_tokens,
    });
    about(catalogue::USER_DELETED, account, user).with("cascade", counts)
}
