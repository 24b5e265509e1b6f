//! Credit: entries that are only ever added, each with the balance after it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::period::Period;
use super::rates::Dimension;
use crate::id::{AccountId, LedgerEntryId};
use crate::page::CursorKey;
use crate::timestamp::Timestamp;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LedgerEntryType)]
pub enum EntryType {
    /// Paid in.
    Topup,
    /// Used up.
    Debit,
    /// Given.
    Grant,
    /// Paid back.
    Refund,
    /// Given, and not used in time.
    Expiry,
}

impl EntryType {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topup => "topup",
            Self::Debit => "debit",
            Self::Grant => "grant",
            Self::Refund => "refund",
            Self::Expiry => "expiry",
        }
    }
}

/// What an entry says besides its amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryDetails {
    /// What it is for, as a word.
    pub operation: Option<String>,
    /// What it belongs to: a month, a payment method.
    pub reference: Option<String>,
    /// The entry that it takes from.
    pub related_entry_id: Option<LedgerEntryId>,
    /// What was used.
    pub dimension: Option<Dimension>,
    /// The configuration that it was rated with.
    pub config_version: Option<String>,
    /// The payment, as its provider names it; a payment is entered once.
    pub external_reference: Option<String>,
    /// Until when it must be used.
    pub expires_at: Option<Timestamp>,
    /// All that was settled of this dimension in this month so far.
    pub settled_total: Option<i64>,
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its id.
    pub id: LedgerEntryId,
    /// Whose credit.
    pub account_id: AccountId,
    /// Its place in the ledger of the account, from 1.
    pub sequence: i64,
    /// What it is.
    pub entry_type: EntryType,
    /// Micro US dollars; negative where credit goes.
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
    /// The rest.
    pub details: EntryDetails,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is known of the credit of an account: the end of its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditState {
    /// Micro US dollars.
    pub balance: i64,
    /// Entries so far.
    pub sequence: i64,
    /// The first month without a statement.
    pub open: Period,
    /// The last month whose included credit was given.
    pub granted: Option<Period>,
    /// The entry that gave it.
    pub grant_entry: Option<LedgerEntryId>,
    /// What is left of it.
    pub grant_left: i64,
}

impl CreditState {
    /// Before the first entry.
    pub const fn new(open: Period) -> Self {
        Self { balance: 0, sequence: 0, open, granted: None, grant_entry: None, grant_left: 0 }
    }

    /// The state after an amount. What is used is taken from the credit that is lost first.
    #[must_use]
    pub fn after(self, amount: i64) -> Self {
        let used = amount.min(0).saturating_neg().min(self.grant_left);
        Self {
            balance: self.balance.saturating_add(amount),
            sequence: self.sequence + 1,
            grant_left: self.grant_left - used,
            ..self
        }
    }

    /// What can be used in `period`: the balance, and the credit that the month will bring with its first charge.
    pub fn available(self, period: Period, included: u32) -> i64 {
        let to_come = if self.granted < Some(period) { i64::from(included) } else { 0 };
        self.balance.saturating_add(to_come)
    }
}

/// Where an entry stands in the ledger of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerPosition(pub i64);

impl CursorKey for LedgerPosition {
    fn encode(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn decode(cursor: &str) -> Option<Self> {
        let is_ours = cursor.len() == 16 && cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| i64::from_str_radix(cursor, 16).ok().map(Self)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: Period = Period::from_number(24_300);

    #[test]
    fn what_is_lost_first_is_used_first() {
        let state = CreditState { balance: 150, granted: Some(MONTH), grant_left: 100, ..CreditState::new(MONTH) };
        let after = state.after(-70);
        assert_eq!((after.balance, after.grant_left, after.sequence), (80, 30, 1));
        let empty = after.after(-90);
        assert_eq!((empty.balance, empty.grant_left), (-10, 0));
        assert_eq!(empty.after(50).grant_left, 0, "what is paid in is not lost");
    }

    #[test]
    fn credit_that_a_month_will_bring_counts_until_it_came() {
        let fresh = CreditState::new(MONTH);
        assert_eq!(fresh.available(MONTH, 5), 5);
        let granted = CreditState { granted: Some(MONTH), ..fresh };
        assert_eq!(granted.available(MONTH, 5), 0);
        assert_eq!(granted.available(MONTH.next(), 5), 5);
    }

    #[test]
    fn cursors_survive_the_round_trip_and_others_are_refused() {
        assert_eq!(LedgerPosition::decode(&LedgerPosition(7).encode()), Some(LedgerPosition(7)));
        for text in ["", "7", "000000000000000G", "+000000000000007", "ffffffffffffffff"] {
            assert_eq!(LedgerPosition::decode(text), None, "{text:?}");
        }
    }
}
