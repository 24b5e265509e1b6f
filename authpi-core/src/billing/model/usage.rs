//! What was used in a month, and what came of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::period::Period;
use super::rates::Dimension;
use crate::id::{AccountId, IssuerId, UserId};
use crate::timestamp::Timestamp;

/// What was counted of one dimension in one month of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// The month.
    pub period: Period,
    /// What was counted.
    pub dimension: Dimension,
    /// How many.
    pub count: u64,
    /// How many of them cost nothing: in the trial, and by people below the allowance.
    pub free: u64,
    /// Micro US dollars that are in the ledger for it.
    pub settled: i64,
    /// Entries in the ledger for it.
    pub entries: u32,
}

impl UsageLine {
    /// How many are charged.
    pub const fn chargeable(&self) -> u64 {
        self.count.saturating_sub(self.free)
    }
}

/// More of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The month.
    pub period: Period,
    /// What was counted.
    pub dimension: Dimension,
    /// How many more.
    pub count: u64,
    /// How many of them cost nothing.
    pub free: u64,
}

/// Somebody who signed in during a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActiveUser {
    /// The month.
    pub period: Period,
    /// Their issuer.
    pub issuer_id: IssuerId,
    /// Who.
    pub user_id: UserId,
    /// They are among the first of the month, who cost nothing.
    pub free: bool,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvoiceStatus)]
pub enum StatementStatus {
    /// To be paid out of band.
    Open,
    /// Paid from credit, or nothing to pay.
    Paid,
}

/// The end of a month of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose.
    pub account_id: AccountId,
    /// The month.
    pub period: Period,
    /// What became of it.
    pub status: StatementStatus,
    /// Micro US dollars that the month cost beyond the included credit.
    pub total: i64,
    /// When it was made.
    pub created_at: Timestamp,
}
