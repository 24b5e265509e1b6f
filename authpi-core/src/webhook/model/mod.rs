//! What a webhook is, and which changes it allows.

mod attempt;
mod auth;
mod circuit;
mod delivery;
mod filter;
mod retry;
mod signature;
mod switch;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

pub use attempt::AttemptOutcome;
pub use auth::{
    AuthKind, SIGNATURE_OVERLAP, SigningSecret, StoredSecret, WebhookAuth, bearer_seal, hint, signing_seal,
};
pub use circuit::{Circuit, CircuitBreaker, OpenCircuit};
pub use delivery::{Delivery, DeliveryStatus, EXPIRED, HORIZON, KeptBody, LEASE_MARGIN, body_seal};
pub use filter::{DeliverableType, SubjectFilter};
pub use retry::RetryPolicy;
pub use signature::{SIGNING_PREFIX, signature, signing_secret};
pub use switch::{PauseCause, ResumeCause, Switch};

use self::circuit::CircuitChange;
use crate::error::{FieldCode, FieldErrors};
use crate::event::catalogue::EventType;
use crate::event::model::Subject;
use crate::id::{AccountId, EventId, Id as _, WebhookId};
use crate::metadata::Metadata;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// Somewhere that events are delivered to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is; it sees the events of all issuers of the account.
    pub account_id: AccountId,
    /// Where it stands.
    pub status: Status<WebhookStatus>,
    /// What a caller writes.
    pub details: WebhookDetails,
    /// How the receiver knows us.
    pub auth: WebhookAuth,
    /// What is known of the receiver's health.
    pub circuit: Circuit,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// The last event of the account that was already on its way when it was made: those that come later are for it. `None`
    /// when none was.
    pub events_after: Option<EventId>,
    /// When it was disabled last, and activated again: what happened from the one to the other is not for it, though it may be
    /// on its way still.
    pub silent: Option<(Timestamp, Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where a webhook stands. `deleted` is not here: there is none for anybody from then on, save in the list that asks
/// for deleted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    /// Delivering.
    Active,
    /// Paused; receives nothing.
    Disabled,
    /// Too many failures in a row: tried now and then. Set by the server only.
    Failing,
}

/// The attributes that a caller writes; see events-webhooks §6.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookDetails {
    /// Display name; the host of the URL when absent.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Where to: https, a public host.
    #[schema(format = "http-url", max_length = 2048)]
    pub url: String,
    /// Exact names of the types to deliver; all when absent.
    #[schema(min_items = 1, nullable = true)]
    pub events: Vec<DeliverableType>,
    /// Deliver only what matches one of these; everything when absent.
    #[schema(max_items = 50, nullable = true)]
    pub subjects: Vec<SubjectFilter>,
    /// When failed deliveries are tried again.
    #[schema(nullable = true)]
    pub retry: RetryPolicy,
    /// When deliveries pause because the receiver fails.
    #[schema(nullable = true)]
    pub circuit_breaker: CircuitBreaker,
}

/// Whether a URL may be called later; what is wrong with it, in words for the caller.
pub type UrlRule<'a> = &'a (dyn Fn(&Url) -> Result<(), &'static str> + Sync);

impl WebhookDetails {
    /// Fills the name in and drops repeated event types.
    #[must_use]
    pub fn completed(mut self) -> Self {
        if self.name.is_none() {
            self.name = Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        }
        let mut seen = std::collections::BTreeSet::new();
        self.events.retain(|kind| seen.insert(*kind));
        self
    }

    /// What must hold between the attributes; the URL is checked when it is another than `before`.
    pub fn check(&self, before: Option<&str>, rule: UrlRule<'_>, errors: &mut FieldErrors) {
        if before != Some(self.url.as_str()) {
            match Url::parse(&self.url).map_err(|_| "must be an absolute URL").and_then(|url| rule(&url)) {
                Ok(()) => {}
                Err(problem) => errors.add("url", FieldCode::NotAllowed, problem),
            }
        }
        if self.retry.max_delay_seconds < self.retry.initial_delay_seconds {
            errors.add("retry.max_delay_seconds", FieldCode::TooSmall, "must not be less than initial_delay_seconds");
        }
        for (index, filter) in self.subjects.iter().enumerate() {
            if filter.is_empty() {
                errors.add(format!("subjects.{index}"), FieldCode::Required, "must name at least one id");
            }
        }
    }

    /// The event is one to deliver.
    pub fn wants(&self, kind: EventType, subject: &Subject) -> bool {
        let is_asked_for = self.events.is_empty() || self.events.iter().any(|wanted| wanted.event_type() == kind);
        kind.is_deliverable()
            && is_asked_for
            && (self.subjects.is_empty() || self.subjects.iter().any(|filter| filter.matches(subject)))
    }
}

impl Webhook {
    /// What [`Webhook::events_after`] is of one that is made now, where `waiting` is the newest event on its way. One of a process
    /// whose clock is ahead says nothing about what comes later; what was on its way with a later id is for it, too.
    pub fn begins_after(id: WebhookId, waiting: Option<EventId>) -> Option<EventId> {
        waiting.map(|newest| newest.min(EventId::from_uuid(id.uuid())))
    }

    /// An event that is on its way is to be delivered here. Not what was on its way before there was this webhook, or happened
    /// while it was disabled, whoever has activated it since then; nor, so that no loop forms, what happens to itself while it is not active.
    pub fn receives(&self, event: EventId, kind: EventType, subject: &Subject, at: Timestamp) -> bool {
        let is_active = self.status.value == WebhookStatus::Active;
        let is_disabled = self.disabled_since().is_some_and(|since| since <= at)
            || self.silent.is_some_and(|(from, until)| from <= at && at < until);
        let is_about_itself = subject.webhook_id == Some(self.id);
        (is_about_itself || self.events_after.is_none_or(|last| event > last))
            && !is_disabled
            && (is_active || !is_about_itself)
            && self.details.wants(kind, subject)
    }

    /// Since when it is disabled, if it is.
    fn disabled_since(&self) -> Option<Timestamp> {
        let is_disabled = self.status.value == WebhookStatus::Disabled;
        is_disabled.then(|| self.status.at.unwrap_or(self.created_at))
    }

    /// No attempt may be made now.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.status.value == WebhookStatus::Disabled || self.circuit.blocked_until(now).is_some()
    }

    /// Receives nothing from here on.
    #[must_use]
    pub fn disabled(self, now: Timestamp, note: StatusNote) -> Self {
        self.with_status(WebhookStatus::Disabled, now, note)
    }

    /// Delivers again, as if nothing had failed.
    #[must_use]
    pub fn activated(self, now: Timestamp, note: StatusNote) -> Self {
        let silent = self.disabled_since().map(|since| (since, now)).or(self.silent);
        Self { circuit: Circuit::CLOSED, silent, ..self.with_status(WebhookStatus::Active, now, note) }
    }

    /// Takes note of an attempt in its turn. If somebody has disabled the webhook meanwhile, that stands.
    #[must_use]
    pub fn after(self, outcome: &AttemptOutcome, is_probe: bool, now: Timestamp) -> (Self, Option<Switch>) {
        let (circuit, switch) = match outcome {
            AttemptOutcome::Delivered { .. } => {
                let (circuit, change) = self.circuit.after_success();
                let has_closed = change == CircuitChange::Closed;
                (circuit, has_closed.then_some(Switch::Resumed(ResumeCause::CircuitClosed)))
            }
            AttemptOutcome::Gone => (self.circuit, Some(Switch::Paused(PauseCause::Gone))),
            AttemptOutcome::Failed { .. } if self.status.value == WebhookStatus::Disabled => (self.circuit, None),
            AttemptOutcome::Failed { .. } => {
                let (circuit, change) = self.circuit.after_failure(&self.details.circuit_breaker, is_probe, now);
                let cause = match change {
                    CircuitChange::Opened => Some(PauseCause::CircuitOpen),
                    CircuitChange::Exhausted => Some(PauseCause::Exhausted),
                    CircuitChange::Closed | CircuitChange::None => None,
                };
                (circuit, cause.map(Switch::Paused))
            }
        };
        let after = Self { circuit, ..self };
        match switch {
            Some(switch) if after.status.value != WebhookStatus::Disabled => {
                (after.with_status(switch.status(), now, machine_note(switch.cause())), Some(switch))
            }
            _ => (after, None),
        }
    }

    /// Takes note that nothing is left to be attempted: who has received nothing for too long is given up.
    #[must_use]
    pub fn after_silence(self, now: Timestamp) -> (Self, Option<Switch>) {
        let is_over = self.circuit.given_up_at().is_some_and(|at| at <= now);
        if !is_over || self.status.value == WebhookStatus::Disabled {
            return (self, None);
        }
        let switch = Switch::Paused(PauseCause::Exhausted);
        (self.with_status(switch.status(), now, machine_note(switch.cause())), Some(switch))
    }

    /// Takes note of an attempt that somebody asked for out of turn: a failure says nothing.
    #[must_use]
    pub fn after_asked(self, outcome: &AttemptOutcome, now: Timestamp) -> (Self, Option<Switch>) {
        match outcome {
            AttemptOutcome::Failed { .. } => (self, None),
            AttemptOutcome::Delivered { .. } | AttemptOutcome::Gone => self.after(outcome, false, now),
        }
    }

    fn with_status(self, status: WebhookStatus, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(status, now, note), ..self }
    }
}

fn machine_note(reason: &str) -> StatusNote {
    StatusNote { reason: Some(reason.to_owned()), by: Some("system".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

    fn event(number: u128) -> EventId {
        EventId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn webhook(status: WebhookStatus) -> Webhook {
        let open = OpenCircuit { since: NOW, probe_at: NOW, probes: 0 };
        Webhook {
            id: WebhookId::from_uuid(uuid::Uuid::nil()),
            account_id: AccountId::from_uuid(uuid::Uuid::nil()),
            status: Status::initial(status),
            details: WebhookDetails::default(),
            auth: WebhookAuth { kind: AuthKind::None, bearer: None, signing: None },
            circuit: Circuit { failures: 10, open: Some(open) },
            metadata: Metadata::default(),
            events_after: Some(event(0)),
            silent: None,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn events_from_before_it_and_from_while_it_was_disabled_are_not_for_it() {
        let kind = crate::event::catalogue::USER_CREATED;
        let subject = Subject::account(AccountId::from_uuid(uuid::Uuid::nil()));
        let later = NOW.plus(SECOND);
        assert!(webhook(WebhookStatus::Failing).receives(event(1), kind, &subject, NOW));
        assert!(!webhook(WebhookStatus::Active).receives(event(0), kind, &subject, NOW), "it was on its way");
        let first = Webhook { events_after: None, ..webhook(WebhookStatus::Active) };
        assert!(first.receives(event(0), kind, &subject, NOW), "whatever clock its id is of");
        let disabled = webhook(WebhookStatus::Active).disabled(later, machine_note("manual"));
        assert!(disabled.receives(event(1), kind, &subject, NOW), "it happened before, and waits");
        assert!(!disabled.receives(event(1), kind, &subject, later));
        let activated = disabled.clone().activated(later.plus(SECOND), machine_note("manual"));
        let seconds = [0, 1, 2].map(|seconds| activated.receives(event(1), kind, &subject, NOW.plus(SECOND * seconds)));
        assert_eq!(seconds, [true, false, true], "what was on its way when it was activated, too");
        let once_more = activated.clone().activated(later.plus(SECOND * 5), machine_note("manual"));
        assert_eq!(once_more.silent, activated.silent, "it was active already");
        let from_the_beginning = webhook(WebhookStatus::Disabled);
        assert!(!from_the_beginning.receives(event(1), kind, &subject, later));
    }

    #[test]
    fn what_comes_after_it_is_for_it_though_a_clock_was_ahead() {
        let own = WebhookId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(Webhook::begins_after(own, None), None);
        assert_eq!(Webhook::begins_after(own, Some(event(5))), Some(event(5)));
        assert_eq!(Webhook::begins_after(own, Some(event(9))), Some(event(7)));
    }

    #[test]
    fn what_happens_to_itself_is_not_for_it_while_it_is_not_active() {
        let kind = crate::event::catalogue::WEBHOOK_PAUSED;
        let about = |webhook: &Webhook| Subject::account(webhook.account_id).webhook(webhook.id);
        let failing = webhook(WebhookStatus::Failing);
        assert!(!failing.receives(event(2), kind, &about(&failing), NOW));
        let active = webhook(WebhookStatus::Active);
        assert!(active.receives(event(2), kind, &about(&active), NOW));
        let behind = Webhook { events_after: Some(event(3)), ..active.clone() };
        assert!(behind.receives(event(2), kind, &about(&active), NOW), "whatever clock made it");
        assert!(!behind.receives(event(2), kind, &Subject::account(active.account_id), NOW));
        let other = Webhook { id: WebhookId::from_uuid(uuid::Uuid::from_u128(1)), ..webhook(WebhookStatus::Active) };
        assert!(failing.receives(event(2), kind, &about(&other), NOW));
    }

    #[test]
    fn a_late_failure_leaves_what_somebody_has_disabled() {
        let disabled = webhook(WebhookStatus::Disabled);
        for outcome in [AttemptOutcome::answered(503, None, NOW), AttemptOutcome::Gone] {
            let (after, switch) = disabled.clone().after(&outcome, true, NOW);
            assert_eq!((after.status.value, switch), (WebhookStatus::Disabled, None));
            assert_eq!((after.status.reason, after.circuit), (disabled.status.reason.clone(), disabled.circuit));
        }
    }

    #[test]
    fn a_success_ends_a_failure_and_not_what_somebody_has_disabled() {
        let arrived = AttemptOutcome::answered(204, None, NOW);
        let (healed, switch) = webhook(WebhookStatus::Failing).after(&arrived, true, NOW);
        assert_eq!(switch, Some(Switch::Resumed(ResumeCause::CircuitClosed)));
        assert_eq!(
            (healed.status.value, healed.status.reason.as_deref()),
            (WebhookStatus::Active, Some("circuit_closed"))
        );
        let (disabled, switch) = webhook(WebhookStatus::Disabled).after(&arrived, true, NOW);
        assert_eq!((disabled.status.value, switch), (WebhookStatus::Disabled, None));
        assert_eq!(disabled.circuit, Circuit::CLOSED);
    }

    #[test]
    fn a_failure_that_was_asked_for_says_nothing_about_the_receiver() {
        let failing = webhook(WebhookStatus::Failing);
        let (after, switch) = failing.clone().after_asked(&AttemptOutcome::answered(500, None, NOW), NOW);
        assert_eq!((after.circuit, after.status.value, switch), (failing.circuit, WebhookStatus::Failing, None));
        let (gone, switch) = failing.after_asked(&AttemptOutcome::Gone, NOW);
        assert_eq!(switch, Some(Switch::Paused(PauseCause::Gone)));
        assert_eq!((gone.status.value, gone.status.reason.as_deref()), (WebhookStatus::Disabled, Some("gone")));
    }
}
