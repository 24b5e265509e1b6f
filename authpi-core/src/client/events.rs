//! What happens to clients, as events (events-webhooks §4).

use super::model::Client;
use crate::error::Refusal;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::status::machine_word;
use crate::timestamp::Timestamp;

fn subject(account: AccountId, client: &Client) -> Subject {
    Subject::issuer(account, client.issuer_id).client(client.id)
}

/// `client.created`
///
/// # Errors
/// [`Refusal::Internal`] when the attributes cannot be written as JSON.
pub fn created(account: AccountId, client: &Client) -> Result<EventDraft, Refusal> {
    let details = &client.details;
    let word = |value| serde_json::to_value(value).map_err(Refusal::internal);
    let grants = serde_json::to_value(details.grant_types()).map_err(Refusal::internal)?;
    Ok(EventDraft::new(catalogue::CLIENT_CREATED, subject(account, client))
        .with("application_type", word(details.settings.openid.application_type)?)
        .with("confidential", details.confidential)
        .with("grant_types", grants))
}

/// `client.updated`
pub fn updated(account: AccountId, client: &Client, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::CLIENT_UPDATED, subject(account, client)).with_changes(changes)
}

/// `client.blocked`
pub fn blocked(account: AccountId, client: &Client) -> EventDraft {
    let reason = machine_word(client.status.reason.as_deref());
    EventDraft::new(catalogue::CLIENT_BLOCKED, subject(account, client)).with("reason", reason)
}

/// `client.unblocked`
pub fn unblocked(account: AccountId, client: &Client) -> EventDraft {
    let reason = machine_word(client.status.reason.as_deref());
    EventDraft::new(catalogue::CLIENT_UNBLOCKED, subject(account, client)).with("reason", reason)
}

/// `client.secret.rotated`
pub fn secret_rotated(account: AccountId, client: &Client, at: Timestamp) -> EventDraft {
    EventDraft::new(catalogue::CLIENT_SECRET_ROTATED, subject(account, client))
        .with("secret_rotated_at", at.as_millis())
}

/// `client.deleted`
pub fn deleted(account: AccountId, client: &Client) -> EventDraft {
    EventDraft::new(catalogue::CLIENT_DELETED, subject(account, client))
}
