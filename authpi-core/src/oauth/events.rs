//! What happens to tokens and grants, as events (events-webhooks §4).

use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};

/// `machine.token.issued`
pub fn machine_token(subject: Subject, grant_type: &str, scopes: &[String], expires_in: u32) -> EventDraft {
    EventDraft::new(catalogue::MACHINE_TOKEN_ISSUED, subject)
        .with("grant_type", grant_type)
        .with("scope", scopes.join(" "))
        .with("expires_in", expires_in)
}

/// `user.consent.granted`
pub fn consent_granted(subject: Subject, scopes: &[String]) -> EventDraft {
    EventDraft::new(catalogue::USER_CONSENT_GRANTED, subject).with("scopes", scopes.to_vec())
}

/// `user.consent.revoked`
pub fn consent_revoked(subject: Subject, scopes: &[String]) -> EventDraft {
    EventDraft::new(catalogue::USER_CONSENT_REVOKED, subject).with("scopes", scopes.to_vec())
}
