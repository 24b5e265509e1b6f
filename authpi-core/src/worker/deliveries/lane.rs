//! The deliveries to one webhook that this process has reserved, and the attempts at them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::mpsc::UnboundedSender;

use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::keyring::Keyring;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{AttemptOutcome, Delivery, Webhook};
use crate::webhook::operations::{SecretsInUse, with_body};
use crate::webhook::request::AttemptRequest;

/// Deliveries that a sender attempts before others have their turn.
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

    pub(super) const fn webhook_id(&self) -> WebhookId {
        self.webhook.id
    }
}

/// The host that attempts go to.
pub(super) fn host(webhook: &Webhook) -> String {
    let url = url::Url::parse(&webhook.details.url).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// Reserved deliveries in the order in which they are attempted.
pub(super) struct Lane {
    pub(super) webhook: WebhookId,
    pub(super) account: AccountId,
    /// The host at the time when the lane was made; attempts are counted by it.
    pub(super) host: String,
    target: Mutex<Arc<Target>>,
    waiting: Mutex<VecDeque<Delivery>>,
}

impl Lane {
    pub(super) fn new(target: Target) -> Self {
        Self {
            webhook: target.webhook.id,
            account: target.webhook.account_id,
            host: host(&target.webhook),
            target: Mutex::new(Arc::new(target)),
            waiting: Mutex::default(),
        }
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
        /// When it was begun.
        begun: Timestamp,
    },
    /// None was: somebody else may.
    Unsent(Delivery),
    /// None ever will be.
    Expired(Delivery),
}

impl End {
    /// The delivery as it was reserved.
    pub(super) const fn delivery(&self) -> &Delivery {
        match self {
            Self::Attempted { delivery, .. } | Self::Unsent(delivery) | Self::Expired(delivery) => delivery,
        }
    }
}

/// What a sender reports.
pub(super) enum Report {
    /// It is done with a delivery.
    Ended {
        end: Box<End>,
        /// How long the attempt took.
        took: Duration,
    },
    /// It could do nothing with a delivery: its lease runs out.
    Abandoned(WebhookId),
    /// It has ended.
    Idle(WebhookId),
}

/// Says that a sender has ended, also when it panics.
struct SenderGuard {
    webhook: WebhookId,
    reports: UnboundedSender<Report>,
}

impl Drop for SenderGuard {
    fn drop(&mut self) {
        // Nobody listens any more: the workers have ended.
        let _ = self.reports.unbounded_send(Report::Idle(self.webhook));
    }
}

/// Attempts what waits in a lane, one after the other, and ends when nothing does or others should have their turn.
pub(super) async fn send(services: Arc<Services>, lane: Arc<Lane>, reports: UnboundedSender<Report>) {
    let guard = SenderGuard { webhook: lane.webhook, reports };
    for _ in 0..TURN {
        let Some(delivery) = lane.next() else { return };
        let begun = services.now();
        let id = delivery.id;
        let report = match attempt(&services, &lane.target(), delivery).await {
            Ok(end) => Report::Ended { end: Box::new(end), took: services.now().since(begun) },
            // The rest of its lease is the pause before somebody tries again, and five of them count as an attempt.
            Err(refusal) => {
                metrics::counter!("authpi_worker_failures_total", "step" => "deliveries").increment(1);
                tracing::error!(delivery = %id, %refusal, "a delivery could not be attempted and will be tried again");
                Report::Abandoned(lane.webhook)
            }
        };
        // Nobody listens any more: the workers have ended.
        let _ = guard.reports.unbounded_send(report);
    }
}

/// One attempt at a reserved delivery, if there still is time and reason for it.
async fn attempt(services: &Services, target: &Target, delivery: Delivery) -> Result<End, Refusal> {
    let (webhook, begun) = (&target.webhook, services.now());
    let timeout = webhook.details.retry.timeout();
    if delivery.is_overdue(begun) {
        return Ok(End::Expired(delivery));
    }
    if !has_time(&delivery, timeout, begun) {
        return Ok(End::Unsent(delivery));
    }
    if delivery.is_lost() {
        return Ok(End::Attempted { delivery, outcome: AttemptOutcome::lease_expired(), begun });
    }
    let Some((delivery, body)) = with_body(services, delivery.clone()).await? else {
        return Ok(End::Expired(delivery));
    };
    let now = services.now();
    if !has_time(&delivery, timeout, now) {
        return Ok(End::Unsent(delivery));
    }
    let request = AttemptRequest { webhook, secrets: &target.secrets, delivery: &delivery, body, timeout, now };
    let outcome = request.send(services).await?;
    Ok(End::Attempted { delivery, outcome, begun })
}
