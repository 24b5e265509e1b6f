//! What happens to accounts, as events (events-webhooks §4).

use super::model::Account;
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
