//! What happens to personal tokens, as events (events-webhooks §4).

use serde_json::{Value, json};

use super::model::{PersonalToken, TokenStatus};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::scope::{Scope, Scopes};

fn about(kind: EventType, token: &PersonalToken) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(token.account_id, token.issuer_id).user(token.user_id).token(token.id))
}

fn scopes(token: &PersonalToken) -> Value {
    token.restrictions.scopes.iter().map(Scope::as_str).collect()
}

/// `user.personal-token.created`
pub fn created(token: &PersonalToken) -> EventDraft {
    about(catalogue::USER_PERSONAL_TOKEN_CREATED, token)
        .with("scopes", scopes(token))
        .with("expires_at", token.expires_at.as_millis())
}

/// `user.personal-token.updated`, with both states when `was` is another than the one it has now.
pub fn updated(token: &PersonalToken, was: TokenStatus, changes: Vec<String>) -> EventDraft {
    let draft = about(catalogue::USER_PERSONAL_TOKEN_UPDATED, token).with_changes(changes);
    let is = token.status.value;
    if is == was { draft } else { draft.with("status", json!({ "from": was.as_str(), "to": is.as_str() })) }
}

/// `user.personal-token.deleted`
pub fn deleted(token: &PersonalToken) -> EventDraft {
    about(catalogue::USER_PERSONAL_TOKEN_DELETED, token)
}

/// `user.personal-token.verified`; `new_ip`: it had never been used from this address.
pub fn verified(subject: Subject, scopes: &Scopes, surface: &str, new_ip: bool) -> EventDraft {
    let scopes: Value = scopes.iter().map(Scope::as_str).collect();
    EventDraft::new(catalogue::USER_PERSONAL_TOKEN_VERIFIED, subject)
        .with("surface", surface)
        .with("scopes", scopes)
        .with("new_ip", new_ip)
}
