//! What storage answers and does for events.

mod chain;
mod outbox;

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::catalogue::EventType;
use super::model::Event;
use crate::error::StoreError;
use crate::id::{AccountId, ClientId, EventId, IssuerId, UserId};
use crate::page::{Page, PageRequest, TimeAndId};
use crate::timestamp::Timestamp;
use crate::words::words;

pub use chain::{ChainReads, ChainRepository, Chained, SequenceRange, Unchained};
pub use outbox::{Consumer, Outbox, OutboxReads, Scouted};

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

impl EventFilter {
    /// It lets everything through.
    pub fn is_empty(&self) -> bool {
        let Self { issuer_id, user_id, client_id, kinds, after, before } = self;
        let (ids, times) = ((issuer_id, user_id, client_id), (after, before));
        ids == (&None, &None, &None) && times == (&None, &None) && kinds.is_empty()
    }
}

/// How events are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aggregation {
    /// A bucket for each of these; one for the whole time without.
    pub interval: Option<Interval>,
    /// A bucket for each value of this; events without one are left out.
    pub group_by: Option<Group>,
    /// How many different values of this there are, too.
    pub count_unique: Option<UniqueId>,
}

/// A stretch of time, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 60 s.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

words!(Interval: "minute" => Self::Minute, "hour" => Self::Hour, "day" => Self::Day);

impl Interval {
    /// How long it is.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// When the interval began that `at` lies in.
    pub const fn start(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis() - at.as_millis().rem_euclid(self.millis()))
    }
}

/// What counted events are grouped by: their type, or an id of their subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EventGrouping)]
pub enum Group {
    /// What happened.
    Type,
    /// The issuer.
    IssuerId,
    /// The user.
    UserId,
    /// The client.
    ClientId,
    /// The organization.
    OrgId,
}

words!(Group: "type" => Self::Type, "issuer_id" => Self::IssuerId, "user_id" => Self::UserId, "client_id" => Self::ClientId, "org_id" => Self::OrgId);

/// An id of the subject whose different values are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueId {
    /// The user.
    User,
    /// The client.
    Client,
    /// The agent.
    Agent,
    /// The organization.
    Organization,
    /// The session.
    Session,
}

words!(UniqueId: "user_id" => Self::User, "client_id" => Self::Client, "agent_id" => Self::Agent, "org_id" => Self::Organization, "session_id" => Self::Session);

/// Groups that an aggregation shows at most: the largest (events-webhooks §5).
pub const LARGEST_GROUPS: u32 = 100;

/// Counted events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCount {
    /// When the interval began; `None` without intervals.
    pub at: Option<Timestamp>,
    /// Value that they have in common; `None` without grouping.
    pub key: Option<String>,
    /// How many.
    pub count: u64,
    /// How many different ids.
    pub unique: Option<u64>,
}

/// Questions about events.
#[async_trait]
pub trait EventReads: EventCounts + OutboxReads + ChainReads {
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

/// Counts of events.
#[async_trait]
pub trait EventCounts: Send + Sync {
    /// Counts the events of the account that `filter` lets through. Only what there is comes back: by interval, the
    /// oldest first, then by size; of groups the [`LARGEST_GROUPS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn aggregate(
        &self,
        account: AccountId,
        filter: &EventFilter,
        by: Aggregation,
    ) -> Result<Vec<EventCount>, StoreError>;
}

/// Writes of events: inserting, and removing what has expired. Nothing changes one.
#[async_trait]
pub trait EventRepository: EventReads + Outbox + ChainRepository {
    /// Adds events to the trail, in the unit of work of what they tell about.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError>;

    /// Erases the contexts of at most `limit` events: those that a user did, and those that nobody known or a
    /// client did and that are about the user. The events stay, and so do the hashes of their contexts. Returns how many;
    /// repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase_contexts_of(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` events, their contexts and what waits for them: per-request types older than
    /// `per_request`, others older than `others`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, per_request: Timestamp, others: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
