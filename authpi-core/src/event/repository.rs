//! What storage answers and does for events.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::catalogue::{self, EventType};
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

/// A background service that acts on events: each event that it wants waits for it from the commit on, until it is done
/// (events-webhooks section 13, design 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consumer {
    /// Mails that tell a person what happened.
    Notices,
    /// Counts what is billed.
    Metering,
}

impl Consumer {
    /// Every consumer.
    pub const ALL: [Self; 2] = [Self::Notices, Self::Metering];

    /// Whether events of this type wait for the consumer.
    pub fn wants(self, kind: EventType) -> bool {
        let wanted: &[EventType] = match self {
            Self::Notices => NOTICED,
            Self::Metering => METERED,
        };
        wanted.contains(&kind)
    }
}

const NOTICED: &[EventType] = &[];

/// What `billing::model::Dimension` counts.
const METERED: &[EventType] = &[
    catalogue::API_KEY_VERIFIED,
    catalogue::USER_PERSONAL_TOKEN_VERIFIED,
    catalogue::MACHINE_TOKEN_ISSUED,
    catalogue::USER_VERIFICATION_SUCCEEDED,
    catalogue::USER_MFA_VERIFICATION_SUCCEEDED,
    catalogue::USER_CREATED,
    catalogue::USER_DELETED,
    catalogue::AGENT_CREATED,
    catalogue::AGENT_DELETED,
];

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

    /// At most `limit` events that wait for `consumer`, oldest first. They are this unit's alone until it ends: what
    /// another unit has taken is left out where the database can tell, and waited for where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn outbox(&mut self, consumer: Consumer, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// These events wait for `consumer` no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn outbox_done(&mut self, consumer: Consumer, events: &[EventId]) -> Result<(), StoreError>;

    /// Removes at most `limit` events, their contexts and what waits for them: per-request types older than `per_request`, others older
    /// than `others`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, per_request: Timestamp, others: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
