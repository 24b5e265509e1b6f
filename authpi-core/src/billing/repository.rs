//! What storage answers and does for usage, credit and payment methods.

use async_trait::async_trait;

use super::model::{
    ActiveUser, CreditState, LedgerEntry, LedgerPosition, Metered, PaymentMethod, Period, Statement, UsageLine,
};
use crate::error::StoreError;
use crate::id::{AccountId, IssuerId, PaymentMethodId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Page, PageRequest};
use crate::timestamp::Timestamp;

/// An account whose month has come to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountPeriod {
    /// The account.
    pub account_id: AccountId,
    /// The month.
    pub period: Period,
}

/// Questions about usage, credit and payment methods.
#[async_trait]
pub trait BillingReads: Send + Sync {
    /// The end of the ledger of those of `accounts` that have used or paid anything.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn credit(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, CreditState)>, StoreError>;

    /// What an account used in all months, or in one: by month, newest first, then by dimension.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn usage(&self, account: AccountId, period: Option<Period>) -> Result<Vec<UsageLine>, StoreError>;

    /// The ledger of an account, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn ledger(
        &self,
        account: AccountId,
        page: &PageRequest<LedgerPosition>,
    ) -> Result<Page<LedgerEntry>, StoreError>;

    /// The entry of the account for a payment.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn payment(&self, account: AccountId, reference: &str) -> Result<Option<LedgerEntry>, StoreError>;

    /// The newest statements of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn statements(&self, account: AccountId, limit: u32) -> Result<Vec<Statement>, StoreError>;

    /// The payment methods of `accounts` that were not removed, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn methods(&self, accounts: &[AccountId]) -> Result<Vec<PaymentMethod>, StoreError>;

    /// One payment method of the account; none once it was removed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn method(&self, account: AccountId, id: PaymentMethodId) -> Result<Option<PaymentMethod>, StoreError>;

    /// At most `limit` months of all accounts with usage that is not in the ledger, oldest first: work for a worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unsettled(&self, limit: u32) -> Result<Vec<AccountPeriod>, StoreError>;

    /// At most `limit` accounts with the first of their months without a statement, where that is before `current`:
    /// work for a worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unclosed(&self, current: Period, limit: u32) -> Result<Vec<AccountPeriod>, StoreError>;
}

/// Writes of usage, credit and payment methods.
#[async_trait]
pub trait BillingRepository: BillingReads {
    /// The end of the ledger, locked until the end of the unit of work; begun in `first` where there was none. Whatever
    /// is written below is decided under this lock.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, account: AccountId, first: Period) -> Result<CreditState, StoreError>;

    /// Writes the end of the ledger, which is locked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn save(&mut self, account: AccountId, state: &CreditState) -> Result<(), StoreError>;

    /// Adds an entry. A payment that is in some ledger already is not added again.
    ///
    /// # Errors
    /// [`StoreError`], `Retryable` when somebody else is about to add it.
    async fn append_entry(&mut self, entry: &LedgerEntry) -> Result<InsertOutcome, StoreError>;

    /// Counts more usage, which is not in the ledger yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add_usage(&mut self, account: AccountId, more: &Metered) -> Result<(), StoreError>;

    /// Notes what is in the ledger for a line.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settle(&mut self, account: AccountId, line: &UsageLine) -> Result<(), StoreError>;

    /// Those of `users` who were active in a month.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active_users(
        &mut self,
        account: AccountId,
        period: Period,
        users: &[(IssuerId, UserId)],
    ) -> Result<Vec<ActiveUser>, StoreError>;

    /// Notes people who were active for the first time in a month.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when one was noted before.
    async fn add_active_users(&mut self, account: AccountId, users: &[ActiveUser]) -> Result<(), StoreError>;

    /// Adds the statement of a month.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when there is one.
    async fn insert_statement(&mut self, statement: &Statement) -> Result<(), StoreError>;

    /// Adds a payment method.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert_method(&mut self, method: &PaymentMethod) -> Result<(), StoreError>;

    /// Writes whether a method is in use or removed, and its version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update_method(&mut self, method: &PaymentMethod, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes at most `limit` notes of who was active in months before `before`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_active_users(&mut self, before: Period, limit: u32) -> Result<u64, StoreError>;
}
