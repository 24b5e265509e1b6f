//! What happens to accounts, as events (events-webhooks §4).

use serde_json::json;

use super::model::Account;
use super::repository::AccountChildren;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};

/// `account.created`
pub fn created(account: &Account) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_CREATED, Subject::account(account.id))
}

/// `account.updated`
pub fn updated(account: &Account, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_UPDATED, Subject::account(account.id)).with_changes(changes)
}

/// `account.deleted`, with what goes with it
pub fn deleted(account: &Account, cascade: &AccountChildren) -> EventDraft {
    let cascade = json!({
        "memberships": cascade.memberships,
        "api_keys": cascade.api_keys,
        "domains": cascade.domains,
        "webhooks": cascade.webhooks,
        "notes": cascade.notes,
        "payment_methods": cascade.payment_methods,
    });
    EventDraft::new(catalogue::ACCOUNT_DELETED, Subject::account(account.id)).with("cascade", cascade)
}
