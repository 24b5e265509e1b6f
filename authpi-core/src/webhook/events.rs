//! What happens to webhooks, as events (events-webhooks §4).

use super::model::{Switch, Webhook};
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

/// `webhook.paused` or `webhook.resumed`
pub fn switched(webhook: &Webhook, switch: Switch) -> EventDraft {
    let kind = match switch {
        Switch::Paused(_) => catalogue::WEBHOOK_PAUSED,
        Switch::Resumed(_) => catalogue::WEBHOOK_RESUMED,
    };
    about(kind, webhook).with("cause", switch.cause())
}
