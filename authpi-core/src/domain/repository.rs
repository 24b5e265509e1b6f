//! What storage answers and does for the domains of accounts.

use async_trait::async_trait;

use super::model::AccountDomain;
use crate::error::StoreError;
use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::timestamp::Timestamp;

/// Questions about domains.
#[async_trait]
pub trait DomainReads: Send + Sync {
    /// One domain of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, host: &Hostname) -> Result<Option<AccountDomain>, StoreError>;

    /// All domains of these accounts, the newest of each first; at most a page of accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_accounts(&self, accounts: &[AccountId]) -> Result<Vec<AccountDomain>, StoreError>;

    /// The domains of the account that serve the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_issuer(&self, account: AccountId, issuer: IssuerId) -> Result<Vec<AccountDomain>, StoreError>;

    /// The issuer that a host serves: asked for a request whose account is not known yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn issuer_at(&self, host: &Hostname) -> Result<Option<IssuerId>, StoreError>;
}

/// Writes of domains.
#[async_trait]
pub trait DomainRepository: DomainReads {
    /// Adds a domain, unless an account has the host already.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert(&mut self, domain: &AccountDomain) -> Result<InsertOutcome, StoreError>;

    /// Writes state, primary and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, domain: &AccountDomain, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a domain, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(
        &mut self,
        account: AccountId,
        host: &Hostname,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Removes all domains of an account that is being closed; they are few. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_account(&mut self, account: AccountId) -> Result<u64, StoreError>;
}
