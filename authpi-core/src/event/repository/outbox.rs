//! Events that wait for background services, from the commit on.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::event::catalogue::{self, EventType};
use crate::event::model::Event;
use crate::id::{AccountId, EventId};
use crate::timestamp::Timestamp;

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

/// Events of accounts that stand behind those of others.
#[derive(Debug, Default)]
pub struct Scouted {
    /// Oldest first.
    pub events: Vec<Event>,
    /// The last event that was looked at; `None` when that was all that waits.
    pub seen_to: Option<EventId>,
}

/// Questions about what waits.
#[async_trait]
pub trait OutboxReads: Send + Sync {
    /// At most `limit` events of all accounts behind `after` that wait for `consumer`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting(&self, consumer: Consumer, after: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Of the first `scanned` events behind `after` that wait for `consumer`, at most `limit`, oldest first, that are of no
    /// account in `but`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting_of_others(
        &self,
        consumer: Consumer,
        after: EventId,
        but: &BTreeSet<AccountId>,
        (scanned, limit): (u32, u32),
    ) -> Result<Scouted, StoreError>;

    /// The newest event of the account that waits for `consumer`. It is looked for among the newest `seen` of all accounts;
    /// where it may be behind those, the last of them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn newest_waiting(
        &self,
        consumer: Consumer,
        account: AccountId,
        seen: u32,
    ) -> Result<Option<EventId>, StoreError>;

    /// When the oldest event was made that waits for `consumer`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting_since(&self, consumer: Consumer) -> Result<Option<Timestamp>, StoreError>;
}

/// Handling what waits.
#[async_trait]
pub trait Outbox: OutboxReads {
    /// At most `limit` events behind `after` that wait for `consumer`, oldest first. They are this unit's alone until it
    /// ends: what another unit has taken is left out where the database can tell, and waited for where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock_waiting(
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
}
