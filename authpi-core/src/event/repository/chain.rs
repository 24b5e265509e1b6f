//! What storage answers and does for the hash chain (events-webhooks §15).

use async_trait::async_trait;

use super::EventFilter;
use crate::error::StoreError;
use crate::event::model::{Event, EventDigest, Head, Link};
use crate::id::{AccountId, EventId};
use crate::timestamp::Timestamp;

/// An event without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unchained {
    /// The event.
    pub event_id: EventId,
    /// Whose chain it belongs to.
    pub account_id: AccountId,
    /// When it happened.
    pub timestamp: Timestamp,
}

/// A part of a chain, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// Behind this number.
    pub after: u64,
    /// Up to and including this one.
    pub through: u64,
}

/// A link with its event.
#[derive(Clone, Debug)]
pub struct Chained {
    /// The link.
    pub link: Link,
    /// The event; `None` when it was purged, or the filter does not let it through.
    pub event: Option<Event>,
}

/// Questions about chains.
#[async_trait]
pub trait ChainReads: Send + Sync {
    /// The end of the account's chain; `None` before its first event has a number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn head(&self, account: AccountId) -> Result<Option<Head>, StoreError>;

    /// The place of an event in the account's chain.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn link_of(&self, account: AccountId, event: EventId) -> Result<Option<Link>, StoreError>;

    /// At most `limit` links of the account in their order, each with its event where `filter` lets that through.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn chained(
        &self,
        account: AccountId,
        filter: &EventFilter,
        range: SequenceRange,
        limit: u32,
    ) -> Result<Vec<Chained>, StoreError>;

    /// At most `limit` events of whatever account that have no number yet, behind `after`, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unchained(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Unchained>, StoreError>;

    /// At most `limit` events of the account that have no number yet, behind the first id of `range` and up to the second,
    /// in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unchained_of(
        &self,
        account: AccountId,
        range: (Option<EventId>, EventId),
        limit: u32,
    ) -> Result<Vec<Unchained>, StoreError>;

    /// The highest id of an event that has no number yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn last_unchained(&self) -> Result<Option<EventId>, StoreError>;
}

/// Writes of chains: links are added at their ends and removed at their starts. Nothing changes one.
#[async_trait]
pub trait ChainRepository: ChainReads {
    /// The ends of the chains of those `accounts` that exist, this unit's alone until it ends; of a chain that has not
    /// begun, its beginning.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock_heads(&mut self, accounts: &[AccountId]) -> Result<Vec<Head>, StoreError>;

    /// Those of `among` that still wait for a number and have none, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn still_unchained(&mut self, among: &[EventId]) -> Result<Vec<EventDigest>, StoreError>;

    /// Adds links and moves the ends of their chains, which [`ChainRepository::lock_heads`] gave, to `heads`.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when a number or an event is taken.
    async fn extend_chains(&mut self, links: &[Link], heads: &[Head]) -> Result<(), StoreError>;

    /// Removes at most `limit` links from the starts of chains that were made before `before`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_links(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
