//! What happens to credentials, as events (events-webhooks §4).

use super::model::{Attempts, Verifier, VerifierKind};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{Actor, EventDraft, Subject};
use crate::id::{AccountId, IssuerId, UserId};
use crate::status::machine_word;
use crate::timestamp::Timestamp;

fn user(kind: EventType, account: AccountId, issuer: IssuerId, user: UserId) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, issuer).user(user))
}

fn about(kind: EventType, account: AccountId, verifier: &Verifier) -> EventDraft {
    let subject = Subject::issuer(account, verifier.issuer_id).user(verifier.user_id).verifier(verifier.id);
    EventDraft::new(kind, subject)
}

fn of_verifier(kind: EventType, account: AccountId, verifier: &Verifier) -> EventDraft {
    about(kind, account, verifier).with("verifier_type", verifier.kind().as_str())
}

fn of_factor(kind: EventType, account: AccountId, verifier: &Verifier) -> EventDraft {
    about(kind, account, verifier).with("factor_type", verifier.kind().as_str())
}

/// `user.verifier.created`
pub fn created(account: AccountId, verifier: &Verifier) -> EventDraft {
    of_verifier(catalogue::USER_VERIFIER_CREATED, account, verifier)
}

/// `user.verifier.updated`
pub fn updated(account: AccountId, verifier: &Verifier, changes: Vec<String>) -> EventDraft {
    of_verifier(catalogue::USER_VERIFIER_UPDATED, account, verifier).with_changes(changes)
}

/// `user.verifier.deleted`
pub fn deleted(account: AccountId, verifier: &Verifier) -> EventDraft {
    of_verifier(catalogue::USER_VERIFIER_DELETED, account, verifier)
}

/// `user.mfa.factor-created`
pub fn factor_created(account: AccountId, verifier: &Verifier) -> EventDraft {
    of_factor(catalogue::USER_MFA_FACTOR_CREATED, account, verifier)
}

/// `user.mfa.factor-deleted`
pub fn factor_deleted(account: AccountId, verifier: &Verifier) -> EventDraft {
    of_factor(catalogue::USER_MFA_FACTOR_DELETED, account, verifier)
}

/// `user.mfa.backup-codes.regenerated`
pub fn codes_regenerated(account: AccountId, verifier: &Verifier, count: u32) -> EventDraft {
    about(catalogue::USER_MFA_BACKUP_CODES_REGENERATED, account, verifier).with("count", count)
}

/// `user.mfa.backup-codes.low`
pub fn codes_low(account: AccountId, verifier: &Verifier, remaining: u32) -> EventDraft {
    about(catalogue::USER_MFA_BACKUP_CODES_LOW, account, verifier).with("remaining", remaining)
}

/// `user.password.changed`
pub fn password_changed(account: AccountId, verifier: &Verifier, by: &Actor, sessions_terminated: u32) -> EventDraft {
    user(catalogue::USER_PASSWORD_CHANGED, account, verifier.issuer_id, verifier.user_id)
        .with("by", machine_word(Some(&by.name())))
        .with("sessions_terminated", sessions_terminated)
}

/// `user.password.reset`
pub fn password_reset(account: AccountId, verifier: &Verifier, sessions_terminated: u32) -> EventDraft {
    user(catalogue::USER_PASSWORD_RESET, account, verifier.issuer_id, verifier.user_id)
        .with("sessions_terminated", sessions_terminated)
}

/// `user.mfa.verification.succeeded`
pub fn verified(account: AccountId, verifier: &Verifier) -> EventDraft {
    user(catalogue::USER_MFA_VERIFICATION_SUCCEEDED, account, verifier.issuer_id, verifier.user_id)
        .with("factor_type", verifier.kind().as_str())
}

/// `user.mfa.verification.failed`; `attempts` count up to now.
pub fn refused(account: AccountId, verifier: &Verifier, attempts: Attempts) -> EventDraft {
    let kind: VerifierKind = verifier.kind();
    let draft = user(catalogue::USER_MFA_VERIFICATION_FAILED, account, verifier.issuer_id, verifier.user_id)
        .with("factor_type", kind.as_str())
        .with("attempts", attempts.failed);
    match attempts.locked_until {
        Some(until) => draft.with("locked_until", Timestamp::as_millis(until)),
        None => draft,
    }
}
