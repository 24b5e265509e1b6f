//! What storage answers and does for events.

mod chain;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::catalogue::{self, EventType};
use super::model::Event;
use crate::error::StoreError;
use crate::id::{AccountId, ClientId, EventId, IssuerId, UserId};
use crate::page::{Page, PageRequest, TimeAndId};
use crate::timestamp::Timestamp;
use crate::words::words;

pub use chain::{ChainReads, ChainRepository, Chained, Stretch, Unchained};

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

/// A background service that acts on events: each event that it wants waits for it from the commit on, until it is done
/// (events-webhooks section 13, design 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consumer {
    /// Mails that tell a person what happened.
    Notices,
    /// Counts what is billed.
    Metering,
    /// Puts events on their way to webhooks.
    Webhooks,
    /// Calls the host. Which events wait for it, the host says.
    Hooks,
    /// Gives every event its number in the hash chain of its account.
    Chain,
}

impl Consumer {
    /// Every consumer.
    pub const ALL: [Self; 5] = [Self::Notices, Self::Metering, Self::Webhooks, Self::Hooks, Self::Chain];

    /// Names it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notices => "notices",
            Self::Metering => "metering",
            Self::Webhooks => "webhooks",
            Self::Hooks => "hooks",
            Self::Chain => "chain",
        }
    }

    /// Whether events of this type wait for the consumer in every deployment.
    pub fn wants(self, kind: EventType) -> bool {
        let wanted: &[EventType] = match self {
            Self::Notices => NOTICED,
            Self::Metering => METERED,
            Self::Webhooks => return kind.is_deliverable(),
            Self::Hooks => &[],
            Self::Chain => return true,
        };
        wanted.contains(&kind)
    }
}

const NOTICED: &[EventType] = &[
    catalogue::SESSION_CREATED,
    catalogue::SESSION_COMPROMISED,
    catalogue::USER_PASSWORD_CHANGED,
    catalogue::USER_PASSWORD_RESET,
    catalogue::USER_VERIFIER_CREATED,
    catalogue::USER_VERIFIER_DELETED,
    catalogue::USER_MFA_FACTOR_CREATED,
    catalogue::USER_MFA_FACTOR_DELETED,
    catalogue::USER_MFA_BACKUP_CODES_REGENERATED,
    catalogue::USER_SSO_LINKED,
    catalogue::USER_APPROVAL_APPROVED,
    catalogue::USER_APPROVAL_REJECTED,
    catalogue::USER_PERSONAL_TOKEN_CREATED,
    catalogue::USER_PERSONAL_TOKEN_UPDATED,
    catalogue::USER_PERSONAL_TOKEN_DELETED,
    catalogue::USER_PERSONAL_TOKEN_VERIFIED,
    catalogue::USER_DELEGATION_GRANTED,
    catalogue::ORGANIZATION_INVITATION_APPROVAL_REQUESTED,
    catalogue::API_KEY_RATE_LIMIT_WARNED,
    catalogue::WEBHOOK_PAUSED,
];

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
pub trait EventReads: EventCounts + ChainReads {
    /// One event of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: EventId) -> Result<Option<Event>, StoreError>;

    /// At most `limit` events of all accounts behind `after` that wait for `consumer`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting(&self, consumer: Consumer, after: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// When the oldest event was made that waits for `consumer`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting_since(&self, consumer: Consumer) -> Result<Option<Timestamp>, StoreError>;

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
pub trait EventRepository: EventReads + ChainRepository {
    /// Adds events to the trail, in the unit of work of what they tell about.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError>;

    /// At most `limit` events behind `after` that wait for `consumer`, oldest first. They are this unit's alone until it ends: what
    /// another unit has taken is left out where the database can tell, and waited for where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn outbox(
        &mut self,
        consumer: Consumer,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;

    /// Those of `events` that still wait for `consumer`. They are this unit's alone until it ends; what another unit has
    /// taken is left out where the database can tell, and waited for where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn take(&mut self, consumer: Consumer, events: &[EventId]) -> Result<Vec<EventId>, StoreError>;

    /// Reserves at most `limit` events that wait for `consumer` and are nobody else's, oldest first, until `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lease(&mut self, consumer: Consumer, until: Timestamp, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// An event that was reserved for `consumer` waits on, and is nobody's from `at` on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn postpone(&mut self, consumer: Consumer, event: EventId, at: Timestamp) -> Result<(), StoreError>;

    /// These events wait for `consumer` no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn outbox_done(&mut self, consumer: Consumer, events: &[EventId]) -> Result<(), StoreError>;

    /// Erases the contexts of at most `limit` events: those that a user did, and those that nobody known or a
    /// client did and that are about the user. The events stay, and so do the hashes of their contexts. Returns how many; repeat until there are
    /// none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase_contexts_of(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` events, their contexts and what waits for them: per-request types older than `per_request`, others older
    /// than `others`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, per_request: Timestamp, others: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
