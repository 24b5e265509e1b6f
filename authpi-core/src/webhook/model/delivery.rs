//! The sending of one event to one webhook (events-webhooks §12), and what each attempt makes of it. Pure: whoever
//! sends brings the outcome, the time and the jitter.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempt::AttemptOutcome;
use super::retry::RetryPolicy;
use crate::error::Refusal;
use crate::event::catalogue::EventType;
use crate::id::{AccountId, DeliveryId, EventId, WebhookId};
use crate::keyring::Keyring;
use crate::lease::LOST_LEASES;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// How long after it was enqueued a delivery is tried.
pub const HORIZON: Duration = Duration::from_hours(7 * 24);

/// How much longer than an attempt may take it is reserved for whoever makes it.
pub const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// `last_error` of what nobody attempted in time.
pub const EXPIRED: &str = "expired";

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Not attempted yet.
    Pending,
    /// Failed at least once; another attempt is due at a time.
    Retrying,
    /// Arrived.
    Delivered,
    /// Given up.
    Failed,
    /// The webhook was deleted.
    Cancelled,
}

impl DeliveryStatus {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// No attempt is due any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Cancelled)
    }
}

/// What all attempts send, sealed because it may hold personal context.
#[derive(Clone, Debug)]
pub enum KeptBody {
    /// Nothing: the event is looked up.
    None,
    /// This.
    Here(Sealed),
    /// Something that is read when it is sent.
    InStore,
}

impl KeptBody {
    /// Bytes of a sealed body that is held with its delivery while that waits for its turn.
    pub const SMALL: u32 = 8 * 1024;

    /// Nothing is kept.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// What is here.
    pub const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Here(sealed) => Some(sealed),
            Self::None | Self::InStore => None,
        }
    }

    /// A large one is left where it is kept, so that those who wait take little room.
    #[must_use]
    pub fn to_wait(self) -> Self {
        match self {
            Self::Here(sealed) if sealed.as_bytes().len() > Self::SMALL as usize => Self::InStore,
            other => other,
        }
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Where to.
    pub webhook_id: WebhookId,
    /// What.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Attempts since it was enqueued.
    pub attempt_count: u32,
    /// Most attempts.
    pub attempt_budget: u32,
    /// When it was first attempted.
    pub first_attempted_at: Option<Timestamp>,
    /// When it was last attempted.
    pub last_attempted_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// Class of the last failure.
    pub last_error: Option<String>,
    /// Last status that the receiver answered.
    pub last_response_status: Option<u16>,
    /// An attempt is under way; until then nobody else makes one.
    pub leased_until: Option<Timestamp>,
    /// Leases that ran out since the last recorded attempt.
    pub lost_leases: u32,
    /// The body, so that every attempt sends the same bytes; dropped once the delivery is final.
    pub body: KeptBody,
    /// When the last series of attempts began.
    pub enqueued_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

impl Delivery {
    /// A delivery that is due at once.
    pub fn new(
        webhook: (AccountId, WebhookId),
        id: DeliveryId,
        event: (EventId, EventType),
        budget: u32,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account_id: webhook.0,
            webhook_id: webhook.1,
            event_id: event.0,
            event_type: event.1,
            status: DeliveryStatus::Pending,
            attempt_count: 0,
            attempt_budget: budget,
            first_attempted_at: None,
            last_attempted_at: None,
            next_attempt_at: Some(now),
            last_error: None,
            last_response_status: None,
            leased_until: None,
            lost_leases: 0,
            body: KeptBody::None,
            enqueued_at: now,
            created_at: now,
            updated_at: now,
        }
    }

    /// When somebody may do something about it: neither before the next attempt is due nor while one is under way.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.next_attempt_at.map(|next| self.leased_until.map_or(next, |until| until.max(next)))
    }

    /// It has waited too long for any further attempt.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now > self.enqueued_at.plus(HORIZON)
    }

    /// The body as earlier attempts have sent it, if it is here.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal does not open.
    pub fn opened_body(&self, keyring: &Keyring) -> Result<Option<Vec<u8>>, Refusal> {
        let KeptBody::Here(sealed) = &self.body else { return Ok(None) };
        let plain = keyring.seals.open(&body_seal(self.id), sealed).map_err(Refusal::internal)?;
        Ok(Some(plain.to_vec()))
    }

    /// Somebody is making an attempt.
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }

    /// Reserved for an attempt that takes at most `timeout`. A lease that ran out costs no attempt; too many count as
    /// one that failed, which [`Delivery::is_lost`] tells.
    #[must_use]
    pub fn leased(self, timeout: Duration, now: Timestamp) -> Self {
        let lost = u32::from(self.leased_until.is_some());
        Self {
            leased_until: Some(now.plus(timeout.saturating_add(LEASE_MARGIN))),
            lost_leases: self.lost_leases.saturating_add(lost),
            updated_at: self.updated_at.next_version(now),
            ..self
        }
    }

    /// Leases ran out too often.
    pub const fn is_lost(&self) -> bool {
        self.lost_leases >= LOST_LEASES
    }

    /// Reserved no longer: no attempt was made.
    #[must_use]
    pub fn released(self, now: Timestamp) -> Self {
        Self { leased_until: None, updated_at: self.updated_at.next_version(now), ..self }
    }

    /// Given up without an attempt: the horizon has passed, or there is nothing left to send.
    #[must_use]
    pub fn expired(self, now: Timestamp) -> Self {
        let given_up = Self {
            last_error: Some(EXPIRED.to_owned()),
            leased_until: None,
            updated_at: self.updated_at.next_version(now),
            ..self
        };
        given_up.ended(DeliveryStatus::Failed)
    }

    /// After an attempt in its turn.
    #[must_use]
    pub fn after(self, outcome: &AttemptOutcome, policy: &RetryPolicy, jitter: u16, now: Timestamp) -> Self {
        let attempted = self.attempted(outcome, now);
        match outcome {
            AttemptOutcome::Delivered { .. } => attempted.ended(DeliveryStatus::Delivered),
            AttemptOutcome::Gone => attempted.ended(DeliveryStatus::Failed),
            AttemptOutcome::Failed { retry_after, .. } => {
                let wanted = retry_after.unwrap_or_default().min(policy.max_delay());
                let next = now.plus(policy.delay(attempted.attempt_count, jitter).max(wanted));
                let is_over =
                    attempted.attempt_count >= attempted.attempt_budget || next > attempted.enqueued_at.plus(HORIZON);
                if is_over {
                    return attempted.ended(DeliveryStatus::Failed);
                }
                Self { status: DeliveryStatus::Retrying, next_attempt_at: Some(next), ..attempted }
            }
        }
    }

    /// After an attempt that somebody asked for out of turn: it costs no budget, and on failure what is being retried
    /// keeps its schedule.
    #[must_use]
    pub fn after_asked(self, outcome: &AttemptOutcome, now: Timestamp) -> Self {
        let attempted = self.attempted(outcome, now);
        match (outcome, attempted.status) {
            (AttemptOutcome::Delivered { .. }, _) => attempted.ended(DeliveryStatus::Delivered),
            (AttemptOutcome::Failed { .. }, DeliveryStatus::Retrying) => {
                Self { attempt_budget: attempted.attempt_budget.saturating_add(1), ..attempted }
            }
            _ => attempted.ended(DeliveryStatus::Failed),
        }
    }

    fn attempted(self, outcome: &AttemptOutcome, now: Timestamp) -> Self {
        Self {
            attempt_count: self.attempt_count.saturating_add(1),
            first_attempted_at: self.first_attempted_at.or(Some(now)),
            last_attempted_at: Some(now),
            last_error: outcome.error(),
            last_response_status: outcome.status(),
            leased_until: None,
            lost_leases: 0,
            updated_at: self.updated_at.next_version(now),
            ..self
        }
    }

    fn ended(self, status: DeliveryStatus) -> Self {
        Self { status, next_attempt_at: None, body: KeptBody::None, ..self }
    }
}

/// What the sealed body of a delivery is bound to.
pub fn body_seal(id: DeliveryId) -> String {
    format!("webhook-delivery:{id}:body")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue;
    use crate::id::Id;

    const START: Timestamp = Timestamp::from_millis(1_000_000);
    const MIDDLE: u16 = u16::MAX / 2 + 1;

    fn id<I: Id>() -> I {
        I::from_uuid(uuid::Uuid::from_u128(7))
    }

    fn delivery() -> Delivery {
        Delivery::new((id(), id()), id(), (id(), catalogue::USER_CREATED), 3, START)
    }

    fn failure(retry_after: Option<u64>) -> AttemptOutcome {
        let retry_after = retry_after.map(Duration::from_secs);
        AttemptOutcome::Failed { error: "http_503".to_owned(), status: Some(503), retry_after }
    }

    fn waits(delivery: &Delivery, now: Timestamp) -> Option<u64> {
        delivery.next_attempt_at.map(|next| next.since(now).as_secs())
    }

    #[test]
    fn a_failure_is_retried_until_the_budget_is_used_up() {
        let policy = RetryPolicy::default();
        let mut delivery = delivery();
        delivery.body = KeptBody::Here(Sealed::from_bytes(vec![1]));
        let first = delivery.leased(policy.timeout(), START).after(&failure(None), &policy, MIDDLE, START);
        assert_eq!((first.status, first.attempt_count), (DeliveryStatus::Retrying, 1));
        assert_eq!(waits(&first, START), Some(30));
        assert_eq!(first.last_error.as_deref(), Some("http_503"));
        assert!(first.leased_until.is_none() && !first.body.is_none());
        let second = first.after(&failure(None), &policy, MIDDLE, START);
        assert_eq!(waits(&second, START), Some(120));
        let third = second.after(&failure(None), &policy, MIDDLE, START);
        assert_eq!((third.status, third.attempt_count), (DeliveryStatus::Failed, 3));
        assert!(third.next_attempt_at.is_none() && third.body.is_none());
    }

    #[test]
    fn a_success_ends_it_and_forgets_the_failure() {
        let policy = RetryPolicy::default();
        let done = delivery().after(&failure(None), &policy, MIDDLE, START).after(
            &AttemptOutcome::Delivered { status: 202 },
            &policy,
            MIDDLE,
            START,
        );
        assert_eq!(
            (done.status, done.last_error, done.last_response_status),
            (DeliveryStatus::Delivered, None, Some(202))
        );
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_asked_again() {
        let gone = delivery().after(&AttemptOutcome::Gone, &RetryPolicy::default(), MIDDLE, START);
        assert_eq!((gone.status, gone.attempt_count), (DeliveryStatus::Failed, 1));
    }

    #[test]
    fn a_wanted_pause_is_kept_up_to_the_longest_delay() {
        let policy = RetryPolicy { max_delay_seconds: 600, ..RetryPolicy::default() };
        let waited = |seconds| waits(&delivery().after(&failure(Some(seconds)), &policy, MIDDLE, START), START);
        assert_eq!(waited(300), Some(300));
        assert_eq!(waited(10), Some(30), "not before our own delay");
        assert_eq!(waited(1_000_000), Some(600));
    }

    #[test]
    fn nothing_is_tried_beyond_the_horizon() {
        let late = START.plus(HORIZON).minus(Duration::from_secs(10));
        let failed = delivery().after(&failure(None), &RetryPolicy::default(), MIDDLE, late);
        assert_eq!(failed.status, DeliveryStatus::Failed);
    }

    #[test]
    fn what_is_overdue_is_given_up_and_costs_no_attempt() {
        assert!(!delivery().is_overdue(START.plus(HORIZON)));
        let late = START.plus(HORIZON).plus(Duration::from_millis(1));
        assert!(delivery().is_overdue(late));
        let given_up = delivery().leased(Duration::from_secs(15), late).expired(late);
        assert_eq!((given_up.status, given_up.attempt_count), (DeliveryStatus::Failed, 0));
        assert_eq!((given_up.due_at(), given_up.last_error.as_deref()), (None, Some(EXPIRED)));
    }

    #[test]
    fn nothing_is_due_while_an_attempt_is_under_way() {
        let leased = delivery().leased(Duration::from_secs(15), START);
        assert_eq!(delivery().due_at(), Some(START));
        assert_eq!(leased.due_at(), Some(START.plus(Duration::from_secs(45))));
        let released = leased.released(START);
        assert_eq!((released.due_at(), released.attempt_count, released.lost_leases), (Some(START), 0, 0));
    }

    #[test]
    fn an_attempt_asked_for_costs_no_budget_and_leaves_a_schedule() {
        let policy = RetryPolicy::default();
        let retrying = delivery().after(&failure(None), &policy, MIDDLE, START);
        let schedule = retrying.next_attempt_at;
        let asked = retrying.clone().after_asked(&failure(None), START);
        assert_eq!((asked.status, asked.next_attempt_at), (DeliveryStatus::Retrying, schedule));
        assert_eq!((asked.attempt_count, asked.attempt_budget), (2, 4));
        assert_eq!(retrying.after_asked(&AttemptOutcome::Gone, START).status, DeliveryStatus::Failed);
        assert_eq!(delivery().after_asked(&failure(None), START).status, DeliveryStatus::Failed);
        let delivered = delivery().after_asked(&AttemptOutcome::Delivered { status: 200 }, START);
        assert_eq!(delivered.status, DeliveryStatus::Delivered);
        assert_eq!(delivered.after_asked(&failure(None), START).status, DeliveryStatus::Failed);
    }

    #[test]
    fn a_lease_that_runs_out_makes_it_due_again_and_five_are_a_failure() {
        let mut delivery = delivery();
        for round in 0..6 {
            assert!(!delivery.is_lost());
            delivery = delivery.leased(Duration::from_secs(15), START);
            assert!(delivery.is_leased(START) && !delivery.is_leased(START.plus(Duration::from_secs(45))));
            assert_eq!((delivery.attempt_count, delivery.lost_leases), (0, round));
        }
        assert!(delivery.is_lost());
        let failed = delivery.after(&AttemptOutcome::lease_expired(), &RetryPolicy::default(), MIDDLE, START);
        assert_eq!((failed.status, failed.lost_leases), (DeliveryStatus::Retrying, 0));
    }
}
