//! What happens to webhooks, as events (events-webhooks §4).

use super::model::Webhook;
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};

fn about(kind: EventType, webhook: &Webhook) -> EventDraft {
    EventDraft::new(kind, Subject::account(webhook.account_id).webhook(webhook.id))
}

/// `webhook.created`
pub fn created(webhook: &Webhook) -> EventDraft {
    let events: serde_json::Value = webhook.details.events.iter().map(|kind| kind.event_type().as_str()).collect();
    about(catalogue::WEBHOOK_CREATED, webhook)
        .with("name", webhook.details.name.clone())
        .with("events", events)
        .with("auth_type", webhook.auth.kind.as_str())
}

/// `webhook.updated`
pub fn updated(webhook: &Webhook, changes: Vec<String>) -> EventDraft {
    about(catalogue::WEBHOOK_UPDATED, webhook).with_changes(changes)
}

/// `webhook.deleted`
pub fn deleted(webhook: &Webhook) -> EventDraft {
    about(catalogue::WEBHOOK_DELETED, webhook)
}

/// Why deliveries pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// Somebody disabled the webhook.
    Manual,
    /// Too many failures in a row.
    CircuitOpen,
    /// The receiver said 410.
    Gone,
    /// No success for days.
    Exhausted,
}

/// `webhook.paused`
pub fn paused(webhook: &Webhook, cause: PauseCause) -> EventDraft {
    let cause = match cause {
        PauseCause::Manual => "manual",
        PauseCause::CircuitOpen => "circuit_open",
        PauseCause::Gone => "gone",
        PauseCause::Exhausted => "exhausted",
    };
    about(catalogue::WEBHOOK_PAUSED, webhook).with("cause", cause)
}

/// Why deliveries go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeCause {
    /// Somebody activated the webhook.
    Manual,
    /// A delivery arrived.
    CircuitClosed,
}

/// `webhook.resumed`
pub fn resumed(webhook: &Webhook, cause: ResumeCause) -> EventDraft {
    let cause = match cause {
        ResumeCause::Manual => "manual",
        ResumeCause::CircuitClosed => "circuit_closed",
    };
    about(catalogue::WEBHOOK_RESUMED, webhook).with("cause", cause)
}
