//! What happens to sessions, as events (events-webhooks §4).

use serde_json::json;

use super::model::{EndCause, ExpiryCause, SessionStatus, UserSession};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::status::machine_word;

fn about(kind: EventType, session: &UserSession) -> EventDraft {
    EventDraft::new(kind, subject(session))
}

fn subject(session: &UserSession) -> Subject {
    Subject::issuer(session.account_id, session.issuer_id).user(session.user_id).session(session.id)
}

/// `session.created`; `new_device`: the user had never come with this device.
pub fn created(session: &UserSession, new_device: bool) -> EventDraft {
    let subject = match session.kind.rp() {
        None => subject(session),
        Some(rp) => subject(session).client(rp.client_id),
    };
    let authentication = &session.details.authentication;
    EventDraft::new(catalogue::SESSION_CREATED, subject)
        .with("session_type", session.kind.as_str())
        .with("method", machine_word(Some(&authentication.method)))
        .with("amr", authentication.amr.clone())
        .with("expires_at", session.lifetime.expires_at.as_millis())
        .with("new_device", new_device)
}

/// `session.updated`; with both states when `was` is another than the one it has now.
pub fn updated(session: &UserSession, was: SessionStatus, changes: Vec<String>) -> EventDraft {
    let draft = about(catalogue::SESSION_UPDATED, session).with_changes(changes);
    let is = session.status.value.status();
    if is == was {
        return draft;
    }
    draft
        .with("status", json!({ "from": was.as_str(), "to": is.as_str() }))
        .with("reason", machine_word(session.status.reason.as_deref()))
}

/// `session.expired`
pub fn expired(session: &UserSession, cause: ExpiryCause) -> EventDraft {
    about(catalogue::SESSION_EXPIRED, session).with("cause", cause.as_str())
}

/// `session.terminated`
pub fn terminated(session: &UserSession, cause: EndCause) -> EventDraft {
    about(catalogue::SESSION_TERMINATED, session)
        .with("cause", cause.as_str())
        .with("reason", machine_word(session.status.reason.as_deref()))
}

/// `session.compromised`
pub fn compromised(session: &UserSession, cause: &'static str) -> EventDraft {
    let subject = match session.kind.rp() {
        None => subject(session),
        Some(rp) => subject(session).client(rp.client_id),
    };
    EventDraft::new(catalogue::SESSION_COMPROMISED, subject)
        .with("cause", cause)
        .with("refresh_count", session.tokens.refresh_count)
}

/// `session.token-refreshed`
pub fn refreshed(session: &UserSession, scope: &str) -> EventDraft {
    let subject = match session.kind.rp() {
        None => subject(session),
        Some(rp) => subject(session).client(rp.client_id),
    };
    EventDraft::new(catalogue::SESSION_TOKEN_REFRESHED, subject)
        .with("scope", scope)
        .with("refresh_count", session.tokens.refresh_count)
}
