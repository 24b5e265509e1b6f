//! What storage answers and does for personal tokens.

use async_trait::async_trait;

use super::model::{EffectiveStatus, PersonalToken, TokenAuthentication, TokenStatus};
use crate::error::StoreError;
use crate::id::{AccountId, IssuerId, TokenId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{PageRequest, SearchPage};
use crate::timestamp::Timestamp;

/// Which tokens a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonalTokenFilter {
    /// In this status.
    pub status: Option<EffectiveStatus>,
}

/// A user whose deletion was accepted and whose tokens are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepartedOwner {
    /// Where they lived.
    pub issuer_id: IssuerId,
    /// Who.
    pub user_id: UserId,
}

/// Addresses that are remembered of one token: the last ones it was used from.
pub const ADDRESSES_KEPT: u64 = 100;

/// Questions about personal tokens.
#[async_trait]
pub trait PersonalTokenReads: Send + Sync {
    /// What deciding about a presented token needs; none when its issuer is gone. The one question without a tenant: the
    /// token is what tells the tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn authentication(&self, id: TokenId) -> Result<Option<TokenAuthentication>, StoreError>;

    /// One token of any issuer of the account, unless the deletion of its user or issuer was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: TokenId) -> Result<Option<PersonalToken>, StoreError>;

    /// Tokens of a user, newest first. With a filter, which no index serves, at most 2,000 are examined.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        user: UserId,
        filter: PersonalTokenFilter,
        page: &PageRequest<TokenId>,
        now: Timestamp,
    ) -> Result<SearchPage<PersonalToken, TokenId>, StoreError>;

    /// Tokens of a user of which this was done and that time has not ended by `now`, oldest first: at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unexpired(
        &self,
        issuer: IssuerId,
        user: UserId,
        status: TokenStatus,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PersonalToken>, StoreError>;

    /// How many tokens a user has, in whatever status.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_of_user(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;

    /// At most `limit` users of all issuers who were deleted at `since` or later and have tokens left: work for the
    /// removal worker. Costs a look at everybody who was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn departed_owners(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedOwner>, StoreError>;
}

/// Writes of personal tokens. Whoever adds or revives one has locked the user by then: see
/// [`UserRepository::lock`](crate::user::repository::UserRepository::lock).
#[async_trait]
pub trait PersonalTokenRepository: PersonalTokenReads {
    /// Adds a new token.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, token: &PersonalToken) -> Result<(), StoreError>;

    /// Writes status, details, metadata and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, token: &PersonalToken, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a token with the addresses it was used from, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, account: AccountId, id: TokenId, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes at most `limit` tokens of a user. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError>;

    /// Remembers that a token of the issuer was used from an address, by its keyed hash, and forgets all but the last
    /// [`ADDRESSES_KEPT`]. `Taken`: it was remembered before, which is the latest use from there from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remember_address(
        &mut self,
        issuer: IssuerId,
        id: TokenId,
        address: &[u8; 32],
    ) -> Result<InsertOutcome, StoreError>;
}
