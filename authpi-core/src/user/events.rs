//! What happens to users, as events (events-webhooks §4).

use serde_json::{Value, json};

use super::model::{PASSWORD_METHOD, PasswordVerifier, User, UserStatus, UsernameHash};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::status::machine_word;

/// How users come to be who are made through the management API.
const ORIGIN_ADMIN: &str = "admin";

fn about(kind: EventType, account: AccountId, user: &User) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, user.issuer_id).user(user.id))
}

/// `user.created`
pub fn created(account: AccountId, user: &User) -> EventDraft {
    about(catalogue::USER_CREATED, account, user)
        .with("username_type", user.username.kind().as_str())
        .with("status", user.status.value.as_str())
        .with("origin", ORIGIN_ADMIN)
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

/// `user.email.changed`: another address is the username; `old` is `None` when none was before.
pub fn email_changed(account: AccountId, user: &User, old: Option<UsernameHash>) -> EventDraft {
    about(catalogue::USER_EMAIL_CHANGED, account, user)
        .with("old_hash", old.map(|hash| hash.to_string()))
        .with("new_hash", user.username_hash.to_string())
}

/// `user.verifier.created` for a password.
pub fn password_created(account: AccountId, password: &PasswordVerifier) -> EventDraft {
    let subject = Subject::issuer(account, password.issuer_id).user(password.user_id).verifier(password.id);
    EventDraft::new(catalogue::USER_VERIFIER_CREATED, subject).with("verifier_type", PASSWORD_METHOD)
}

/// What goes with a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cascade {
    /// Memberships in organizations.
    pub memberships: u64,
    /// Credentials.
    pub verifiers: u64,
    /// Delegations in force.
    pub delegations: u64,
    /// Sessions that had not ended.
    pub sessions: u64,
    /// Personal tokens.
    pub personal_tokens: u64,
}

/// `user.deleted`, with what goes with it.
pub fn deleted(account: AccountId, user: &User, cascade: Cascade) -> EventDraft {
    let Cascade { memberships, verifiers, delegations, sessions, personal_tokens } = cascade;
    let counts = json!({
        "memberships": memberships,
        "verifiers": verifiers,
        "delegations": delegations,
        "sessions": sessions,
        "personal_tokens": personal_tokens,
    });
    about(catalogue::USER_DELETED, account, user).with("cascade", counts)
}
