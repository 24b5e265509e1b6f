//! What happens to credit and payment methods, as events (events-webhooks §4).

use super::model::LedgerEntry;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;

/// `account.credits.updated`
pub fn credits_updated(entry: &LedgerEntry) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_CREDITS_UPDATED, Subject::account(entry.account_id))
        .with("amount_μusd", entry.amount)
        .with("balance_after_μusd", entry.balance_after)
        .with("entry_type", entry.entry_type.as_str())
}

/// `account.credits.depleted`
pub fn credits_depleted(account: AccountId, balance: i64) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_CREDITS_DEPLETED, Subject::account(account)).with("balance_μusd", balance)
}

/// `account.updated`, for what an account pays with
pub fn methods_updated(account: AccountId) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_UPDATED, Subject::account(account))
        .with_changes(vec!["payment_methods".to_owned()])
}
