//! What storage answers and does for accounts.

use async_trait::async_trait;

use super::model::Account;
use crate::error::StoreError;
use crate::id::{AccountId, OrganizationId};
use crate::outcome::WriteOutcome;
use crate::page::{Page, PageRequest};
use crate::timestamp::Timestamp;

/// Questions about accounts.
#[async_trait]
pub trait AccountReads: Send + Sync {
    /// There is such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn exists(&self, id: AccountId) -> Result<bool, StoreError>;

    /// One account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// Those of `among` that exist, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, among: &[AccountId], page: &PageRequest<AccountId>) -> Result<Page<Account>, StoreError>;
}

/// Writes of accounts.
#[async_trait]
pub trait AccountRepository: AccountReads {
    /// Adds a new account.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, account: &Account) -> Result<(), StoreError>;

    /// Writes owner, metadata and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, account: &Account, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Moves the account over an organization to the version that [`Timestamp::next_version`] makes of its own at
    /// `version`, which the organization was just given. Of an organization without an account nothing changes.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn follow(&mut self, organization: OrganizationId, version: Timestamp) -> Result<(), StoreError>;
}
