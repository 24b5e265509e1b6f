//! What storage answers and does for events.

use async_trait::async_trait;

use super::catalogue::EventType;
use super::model::Event;
use crate::error::StoreError;
use crate::id::{AccountId, ClientId, EventId, IssuerId, UserId};
use crate::page::{Page, PageRequest, TimeAndId};
use crate::timestamp::Timestamp;

/// Which events a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Below this issuer.
    pub issuer_id: Option<IssuerId>,
    /// About this user, or done by them.
    pub user_id: Option<UserId>,
    /// About this client, or done by it.
    pub client_id: Option<ClientId>,
    /// One of these types; empty means any.
    pub kinds: Vec<EventType>,
    /// Later than this, exclusive.
    pub after: Option<Timestamp>,
    /// Earlier than this, exclusive.
    pub before: Option<Timestamp>,
}

/// Questions about events.
#[async_trait]
pub trait EventReads: Send + Sync {
    /// One event of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: EventId) -> Result<Option<Event>, StoreError>;

    /// Events of the account, newest first: by time, then by id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &PageRequest<TimeAndId<EventId>>,
    ) -> Result<Page<Event>, StoreError>;
}

/// Writes of events: inserting, and removing what has expired. Nothing changes one.
#[async_trait]
pub trait EventRepository: EventReads {
    /// Adds events to the trail, in the unit of work of what they tell about.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError>;

    /// Removes at most `limit` events, and their contexts: per-request types older than `per_request`, others older
    /// than `others`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, per_request: Timestamp, others: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
