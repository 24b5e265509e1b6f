//! The deliveries to one webhook that this process has reserved, and the attempts at them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Dispatch;
use super::book::Book;
use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::keyring::Keyring;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::body::with_body;
use crate::webhook::figures;
use crate::webhook::model::{AttemptOutcome, Delivery, Webhook};
use crate::webhook::operations::SecretsInUse;
use crate::webhook::request::AttemptRequest;

/// Deliveries that a sender attempts before others that wait for its place have their turn.
const TURN: usize = 16;

/// For recording an attempt before its lease ends.
const RECORDING: Duration = Duration::from_secs(10);

/// A webhook as attempts see it, with its secrets opened.
pub(super) struct Target {
    webhook: Webhook,
    secrets: SecretsInUse,
}

impl Target {
    /// # Errors
    /// [`Refusal::Internal`] when a seal does not open.
    pub(super) fn new(keyring: &Keyring, webhook: Webhook, now: Timestamp) -> Result<Self, Refusal> {
        let secrets = SecretsInUse::open(keyring, webhook.id, &webhook.auth, now)?;
        Ok(Self { webhook, secrets })
    }

    pub(super) fn place(&self) -> Place {
        let url = url::Url::parse(&self.webhook.details.url).ok();
        let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default().into();
        (self.webhook.account_id, host)
    }

    pub(super) const fn webhook_id(&self) -> WebhookId {
        self.webhook.id
    }

    /// The attempt tells whether the circuit closes: while it is open, nothing else is attempted.
    pub(super) const fn is_probe(&self) -> bool {
        self.webhook.circuit.open.is_some()
    }
}

/// `None` when its secrets cannot be opened.
pub(super) fn opened(services: &Services, webhook: Webhook, now: Timestamp) -> Option<Target> {
    let id = webhook.id;
    Target::new(&services.keyring, webhook, now)
        .inspect_err(|refusal| {
            metrics::counter!("authpi_worker_failures_total", "step" => "deliveries").increment(1);
            tracing::error!(webhook = %id, %refusal, "the secrets of a webhook cannot be opened");
        })
        .ok()
}

/// What attempts in flight are counted by: an account, and the host that they go to.
pub(super) type Place = (AccountId, Arc<str>);

/// Reserved deliveries in the order in which they are attempted.
pub(super) struct Lane {
    pub(super) webhook: WebhookId,
    /// Where attempts went at the time when the lane was made.
    place: Place,
    target: Mutex<Arc<Target>>,
    waiting: Mutex<VecDeque<Delivery>>,
    /// Others wait for the places of its senders.
    is_contended: AtomicBool,
}

impl Lane {
    pub(super) fn new(target: Target) -> Self {
        Self {
            webhook: target.webhook.id,
            place: target.place(),
            target: Mutex::new(Arc::new(target)),
            waiting: Mutex::default(),
            is_contended: AtomicBool::new(false),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    pub(super) const fn account(&self) -> AccountId {
        self.place.0
    }

    /// What waits was reserved to find out whether the circuit closes.
    pub(super) fn is_probe(&self) -> bool {
        self.target().is_probe()
    }

    /// Whether senders give up their places after a turn.
    pub(super) fn contend(&self, is_contended: bool) {
        self.is_contended.store(is_contended, Ordering::Relaxed);
    }

    /// Attempts that begin from here on see the webhook like this.
    pub(super) fn aim(&self, target: Target) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(target);
    }

    pub(super) fn add(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        self.waiting().extend(deliveries);
    }

    /// Takes out everything that no attempt has begun at.
    pub(super) fn take_all(&self) -> Vec<Delivery> {
        self.waiting().drain(..).collect()
    }

    /// Takes out what could not be attempted within its lease any more.
    pub(super) fn take_outdated(&self, now: Timestamp) -> Vec<Delivery> {
        let timeout = self.target().webhook.details.retry.timeout();
        let mut waiting = self.waiting();
        let (kept, outdated) = waiting.drain(..).partition(|delivery| has_time(delivery, timeout, now));
        *waiting = kept;
        outdated.into()
    }

    pub(super) fn waits(&self) -> usize {
        self.waiting().len()
    }

    fn next(&self) -> Option<Delivery> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The lease lasts for an attempt, and for recording it.
fn has_time(delivery: &Delivery, timeout: Duration, now: Timestamp) -> bool {
    delivery.leased_until.is_some_and(|until| now.plus(timeout).plus(RECORDING) <= until)
}

/// What has become of a reserved delivery.
#[derive(Clone)]
pub(super) enum End {
    /// An attempt was made, or counts as one.
    Attempted {
        delivery: Delivery,
        outcome: AttemptOutcome,
        /// It was made to find out whether the circuit closes.
        is_probe: bool,
    },
    /// None was: somebody else may.
    Unsent(Delivery),
    /// None ever will be.
    Expired(Delivery),
}

impl End {
    /// The event has arrived.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Attempted { outcome, .. } if outcome.is_success())
    }

    /// The delivery as it was reserved.
    pub(super) const fn delivery(&self) -> &Delivery {
        match self {
            Self::Attempted { delivery, .. } | Self::Unsent(delivery) | Self::Expired(delivery) => delivery,
        }
    }
}

/// Says that a sender has ended, also when it panics.
struct SenderGuard {
    webhook: WebhookId,
    services: Arc<Services>,
    dispatch: Arc<Dispatch>,
}

impl SenderGuard {
    fn note(&self, change: impl FnOnce(&mut Book)) {
        self.dispatch.note(&self.services, change);
    }
}

impl Drop for SenderGuard {
    fn drop(&mut self) {
        self.note(|book| book.idle(self.webhook));
    }
}

/// Attempts what waits in a lane, one after the other, and ends when nothing does or others should have their turn.
pub(super) async fn send(services: Arc<Services>, lane: Arc<Lane>, dispatch: Arc<Dispatch>) {
    let guard = SenderGuard { webhook: lane.webhook, services: Arc::clone(&services), dispatch };
    for made in 0_usize.. {
        if made >= TURN && lane.is_contended.load(Ordering::Relaxed) {
            break;
        }
        let Some(delivery) = lane.next() else { break };
        let begun = services.now();
        let id = delivery.id;
        match attempt(&services, &lane.target(), delivery).await {
            Ok(end) => {
                let now = services.now();
                if !end.is_success() {
                    guard.dispatch.failures.ring();
                }
                guard.note(|book| book.ended(end, now.since(begun), now));
            }
            // The rest of its lease is the pause before somebody tries again, and five of them count as an attempt.
            Err(refusal) => {
                metrics::counter!("authpi_worker_failures_total", "step" => "deliveries").increment(1);
                tracing::error!(delivery = %id, %refusal, "a delivery could not be attempted and will be tried again");
                guard.note(|book| book.abandoned(lane.webhook));
            }
        }
    }
    let dispatch = Arc::clone(&guard.dispatch);
    drop(guard);
    dispatch.book().refill(&services, &dispatch);
}

/// One attempt at a reserved delivery, if there still is time and reason for it.
async fn attempt(services: &Services, target: &Target, delivery: Delivery) -> Result<End, Refusal> {
    let (webhook, begun) = (&target.webhook, services.now());
    let timeout = webhook.details.retry.timeout();
    if delivery.is_overdue(begun) {
        figures::expired(1);
        return Ok(End::Expired(delivery));
    }
    if !has_time(&delivery, timeout, begun) {
        return Ok(End::Unsent(delivery));
    }
    if delivery.is_lost() {
        let (outcome, is_probe) = (AttemptOutcome::lease_expired(), target.is_probe());
        return Ok(End::Attempted { delivery, outcome, is_probe });
    }
    let Some((delivery, body)) = with_body(services, delivery.clone()).await? else {
        figures::expired(1);
        return Ok(End::Expired(delivery));
    };
    let now = services.now();
    if !has_time(&delivery, timeout, now) {
        return Ok(End::Unsent(delivery));
    }
    let request = AttemptRequest { webhook, secrets: &target.secrets, delivery: &delivery, body, timeout, now };
    let outcome = request.send(services).await?;
    Ok(End::Attempted { delivery, outcome, is_probe: target.is_probe() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::Id;
    use crate::metadata::Metadata;
    use crate::status::Status;
    use crate::webhook::model::{AuthKind, Circuit, OpenCircuit, WebhookAuth, WebhookDetails, WebhookStatus};

    /// A webhook of an account, without secrets.
    pub(in crate::worker::deliveries) fn webhook(id: u128, account: u128) -> Webhook {
        Webhook {
            id: WebhookId::from_uuid(uuid::Uuid::from_u128(id)),
            account_id: AccountId::from_uuid(uuid::Uuid::from_u128(account)),
            status: Status::initial(WebhookStatus::Active),
            details: WebhookDetails { url: "https://receiver.example/".to_owned(), ..WebhookDetails::default() },
            auth: WebhookAuth { kind: AuthKind::None, bearer: None, signing: None },
            circuit: Circuit::CLOSED,
            metadata: Metadata::default(),
            events_after: None,
            silent: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    /// Of such a webhook.
    pub(in crate::worker::deliveries) fn target() -> Target {
        Target { webhook: webhook(1, 0), secrets: SecretsInUse { bearer: None, signing: Vec::new() } }
    }

    /// The same with an open circuit.
    pub(in crate::worker::deliveries) fn probed() -> Target {
        let mut target = target();
        target.webhook.circuit.open =
            Some(OpenCircuit { since: Timestamp::EPOCH, probe_at: Timestamp::EPOCH, probes: 0 });
        target
    }
}
