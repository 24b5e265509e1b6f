//! What happens to API keys, as events (events-webhooks §4).

use super::model::{ApiKey, LimitedKey};
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::scope::{Scope, Scopes};
use crate::status::machine_word;

/// Events of a key belong to its own account, whoever changed it.
fn subject(key: &ApiKey) -> Subject {
    Subject::issuer(key.account_id, key.issuer_id).organization(key.org_id).api_key(key.id)
}

/// `api-key.created`
pub fn created(key: &ApiKey) -> EventDraft {
    let scopes: serde_json::Value = key.details.restrictions.scopes.iter().map(Scope::as_str).collect();
    EventDraft::new(catalogue::API_KEY_CREATED, subject(key))
        .with("name", key.details.name.clone())
        .with("scopes", scopes)
        .with("expires_at", key.details.expires_at.map(crate::timestamp::Timestamp::as_millis))
}

/// What `api-key.updated` says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateAction {
    /// Attributes were written.
    Updated,
    /// The secret was replaced.
    Rotated,
    /// Put out of use for ever.
    Revoked,
    /// Its time has passed.
    Expired,
}

impl UpdateAction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Rotated => "rotated",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// `api-key.updated`
pub fn updated(key: &ApiKey, action: UpdateAction, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::API_KEY_UPDATED, subject(key)).with_changes(changes).with("action", action.as_str())
}

/// `api-key.deleted`
pub fn deleted(key: &ApiKey) -> EventDraft {
    EventDraft::new(catalogue::API_KEY_DELETED, subject(key))
}

/// `api-key.blocked`
pub fn blocked(key: &ApiKey) -> EventDraft {
    switched(EventDraft::new(catalogue::API_KEY_BLOCKED, subject(key)), key)
}

/// `api-key.unblocked`
pub fn unblocked(key: &ApiKey) -> EventDraft {
    switched(EventDraft::new(catalogue::API_KEY_UNBLOCKED, subject(key)), key)
}

fn switched(draft: EventDraft, key: &ApiKey) -> EventDraft {
    draft.with("reason", machine_word(key.status.reason.as_deref())).with("by", machine_word(key.status.by.as_deref()))
}

fn limited(key: &LimitedKey) -> Subject {
    Subject::issuer(key.account_id, key.issuer_id).organization(key.org_id).api_key(key.id)
}

/// `api-key.rate-limit.warned`
pub fn rate_limit_warned(key: &LimitedKey) -> EventDraft {
    let limit = key.rate_limit;
    EventDraft::new(catalogue::API_KEY_RATE_LIMIT_WARNED, limited(key))
        .with("limit", limit.limit)
        .with("window_seconds", limit.window_seconds)
        .with("used", limit.alert_use())
}

/// `api-key.rate-limit.exceeded`
pub fn rate_limit_exceeded(key: &LimitedKey) -> EventDraft {
    EventDraft::new(catalogue::API_KEY_RATE_LIMIT_EXCEEDED, limited(key))
        .with("limit", key.rate_limit.limit)
        .with("window_seconds", key.rate_limit.window_seconds)
}

/// `api-key.verified`
pub fn verified(subject: Subject, scopes: &Scopes, surface: &str) -> EventDraft {
    let scopes: serde_json::Value = scopes.iter().map(Scope::as_str).collect();
    EventDraft::new(catalogue::API_KEY_VERIFIED, subject).with("surface", surface).with("scopes", scopes)
}
