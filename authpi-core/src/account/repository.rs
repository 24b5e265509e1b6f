//! What storage answers and does for accounts.

use async_trait::async_trait;

use super::model::Account;
use crate::error::StoreError;
use crate::id::{AccountId, OrganizationId, UserId};
use crate::outcome::WriteOutcome;
use crate::page::{Page, PageRequest};
use crate::timestamp::Timestamp;

/// What belongs to an account besides its issuers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountChildren {
    /// Members of its organization.
    pub memberships: u64,
    /// Its API keys.
    pub api_keys: u64,
    /// Its custom hosts.
    pub domains: u64,
    /// Its webhooks.
    pub webhooks: u64,
    /// Notes of its team.
    pub notes: u64,
    /// Its payment methods.
    pub payment_methods: u64,
}

/// An account whose end was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedAccount {
    /// Its id.
    pub id: AccountId,
    /// When.
    pub accepted_at: Timestamp,
}

/// Questions about accounts. One whose end was accepted is not found.
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

    /// How many accounts name this user as their owner.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_owned(&self, owner: UserId) -> Result<u64, StoreError>;

    /// The account has an issuer whose deletion was not accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn has_issuer(&self, id: AccountId) -> Result<bool, StoreError>;

    /// Counts what belongs to an account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn children(&self, id: AccountId) -> Result<AccountChildren, StoreError>;

    /// At most `limit` accounts whose end was accepted, longest ago first: work for the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleting(&self, limit: u32) -> Result<Vec<ClosedAccount>, StoreError>;
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

    /// Keeps an account from ending until the end of the unit of work; `false` when there is none. Whoever makes an
    /// issuer holds this.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, id: AccountId) -> Result<bool, StoreError>;

    /// Accepts the end of an account, if the stored version still is `before`: it is not found from here on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(&mut self, id: AccountId, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes about `limit` rows of an account whose end was accepted; its organization, issuers and events are others'
    /// work. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_children(&mut self, id: AccountId, limit: u32) -> Result<u64, StoreError>;

    /// Removes an account whose end was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, id: AccountId) -> Result<(), StoreError>;
}
