//! Delivering events (events-webhooks §9 to §13). Several processes share the queue by leases: a crash delays a delivery,
//! and at worst repeats it with the same id and the same bytes.

mod claim;
mod lane;
mod record;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt};

use self::lane::{End, Lane, Report, Target};
use super::schedule::Next;
use super::steps::Bench;
use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{AttemptOutcome, Delivery, Webhook, WebhookStatus};

/// How often deliveries are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How old an attempt may see its webhook.
const FRESH: Duration = Duration::from_secs(1);

/// How long attempts under way are waited for at the end; what is not recorded by then is repeated.
const GRACE: Duration = Duration::from_secs(5);

/// Deliveries that this process has reserved at the same time.
const HELD: usize = 1_024;

/// Of those, to webhooks of one account.
const HELD_OF_ACCOUNT: usize = 128;

/// Of those, to one webhook that answers quickly: so many that it never waits for the database.
const HELD_OF_QUICK: usize = 32;

/// Attempts in flight at one host for one account, and therefore at one webhook; of one that does not answer quickly, no
/// more is reserved.
const OF_HOST: usize = 4;

/// An answer within this is quick.
const QUICK: Duration = Duration::from_millis(250);

/// What this process has reserved, and the attempts at it. They run by themselves: what waits here is only their end.
pub(super) struct Dispatch {
    lanes: HashMap<WebhookId, Running>,
    reporter: UnboundedSender<Report>,
    reports: UnboundedReceiver<Report>,
    unrecorded: Vec<End>,
}

/// A lane at work.
struct Running {
    lane: Arc<Lane>,
    senders: usize,
    held: usize,
    is_quick: bool,
    /// When something last began or ended.
    moved_at: Timestamp,
    /// When the webhook was last looked up.
    seen_at: Timestamp,
}

impl Default for Dispatch {
    fn default() -> Self {
        let (reporter, reports) = unbounded();
        Self { lanes: HashMap::new(), reporter, reports, unrecorded: Vec::new() }
    }
}

impl Dispatch {
    /// How many more deliveries may be reserved.
    fn room(&self) -> usize {
        HELD.saturating_sub(self.held(|_| true))
    }

    fn room_of_account(&self, account: AccountId) -> usize {
        HELD_OF_ACCOUNT.saturating_sub(self.held(|running| running.lane.account == account))
    }

    /// A probe waits until nothing else is under way.
    fn room_of_webhook(&self, webhook: &Webhook) -> usize {
        let Some(running) = self.lanes.get(&webhook.id) else { return OF_HOST };
        if webhook.circuit.open.is_some() && running.held > 0 { 0 } else { running.room() }
    }

    /// How many deliveries have not ended.
    fn held(&self, which: impl Fn(&Running) -> bool) -> usize {
        self.lanes.values().filter(|running| which(running)).map(|running| running.held).sum()
    }

    /// Webhooks that no more is reserved of.
    fn busy(&self) -> Vec<WebhookId> {
        self.lanes.iter().filter(|(_, running)| running.room() == 0).map(|(id, _)| *id).collect()
    }

    fn hold(&mut self, target: Target, deliveries: Vec<Delivery>, now: Timestamp) {
        let lane = Lane::new(target);
        let count = deliveries.len();
        if let Some(running) = self.lanes.get_mut(&lane.webhook) {
            running.lane.add(deliveries);
            running.held += count;
            running.moved_at = now;
            return;
        }
        lane.add(deliveries);
        let lane = Arc::new(lane);
        let running = Running { lane, senders: 0, held: count, is_quick: false, moved_at: now, seen_at: now };
        self.lanes.insert(running.lane.webhook, running);
    }

    /// Starts senders for what waits, as far as the host bears it.
    fn begin(&mut self, services: &Arc<Services>) {
        let mut hosts: HashMap<(AccountId, &str), usize> = HashMap::new();
        for running in self.lanes.values() {
            *hosts.entry((running.lane.account, &running.lane.host)).or_default() += running.senders;
        }
        let mut starts = Vec::new();
        for running in self.lanes.values() {
            let at_host = hosts.entry((running.lane.account, &running.lane.host)).or_default();
            let more = OF_HOST.saturating_sub(*at_host).min(running.lane.waits());
            *at_host += more;
            if more > 0 {
                starts.push((running.lane.webhook, more));
            }
        }
        for (webhook, more) in starts {
            let Some(running) = self.lanes.get_mut(&webhook) else { continue };
            running.senders += more;
            for _ in 0..more {
                let sender = lane::send(Arc::clone(services), Arc::clone(&running.lane), self.reporter.clone());
                services.transport.executor.spawn(Box::pin(sender));
            }
        }
        let in_flight = u32::try_from(self.senders()).unwrap_or(u32::MAX);
        metrics::gauge!("authpi_webhook_in_flight").set(in_flight);
    }

    fn senders(&self) -> usize {
        self.lanes.values().map(|running| running.senders).sum()
    }

    /// Takes note of what senders have reported by now.
    fn gather(&mut self, now: Timestamp) {
        while let Some(Some(report)) = self.reports.next().now_or_never() {
            self.note(report, now);
        }
    }

    fn note(&mut self, report: Report, now: Timestamp) {
        match report {
            Report::Ended { end, took } => {
                count(&end, took);
                if let Some(running) = self.lanes.get_mut(&end.delivery().webhook_id) {
                    running.is_quick = is_success(&end) && took <= QUICK;
                    running.moved_at = now;
                }
                self.end(*end);
            }
            Report::Idle(webhook) => {
                if let Some(running) = self.lanes.get_mut(&webhook) {
                    running.senders = running.senders.saturating_sub(1);
                    if running.senders == 0 && running.lane.waits() == 0 {
                        // What a sender could not attempt is left to its lease.
                        running.held = 0;
                    }
                }
            }
        }
    }

    fn end(&mut self, end: End) {
        if let Some(running) = self.lanes.get_mut(&end.delivery().webhook_id) {
            running.held = running.held.saturating_sub(1);
        }
        self.unrecorded.push(end);
    }

    /// Records what has ended. What cannot be recorded now is kept for the next time.
    async fn record(&mut self, services: &Services) -> Result<(), Refusal> {
        if self.unrecorded.is_empty() {
            return Ok(());
        }
        record::record(services, &self.unrecorded).await?;
        self.unrecorded.clear();
        Ok(())
    }

    /// Attempts see a webhook as it was a moment ago. What waits for one that is disabled or deleted is given back, and so
    /// is what waits for one that was quick and has come to a standstill: others may need the room.
    async fn refresh(&mut self, services: &Services) -> Result<(), Refusal> {
        let now = services.now();
        let old = |running: &Running| running.held > 0 && now.since(running.seen_at) >= FRESH;
        let accounts: Vec<AccountId> =
            self.lanes.values().filter(|running| old(running)).map(|running| running.lane.account).collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let mut known: HashMap<WebhookId, Webhook> = HashMap::new();
        for webhook in services.store.reads().webhooks().of_accounts(&accounts).await? {
            known.insert(webhook.id, webhook);
        }
        let mut given_back = Vec::new();
        for running in self.lanes.values_mut().filter(|running| old(running)) {
            running.seen_at = now;
            if running.is_quick && now.since(running.moved_at) >= FRESH {
                running.is_quick = false;
                given_back.extend(running.lane.emptied());
            }
            match known.remove(&running.lane.webhook) {
                Some(webhook) if webhook.status.value != WebhookStatus::Disabled => {
                    running.lane.aim(Target::new(&services.keyring, webhook, now)?);
                }
                _ => given_back.extend(running.lane.emptied()),
            }
        }
        for delivery in given_back {
            self.end(End::Unsent(delivery));
        }
        Ok(())
    }

    /// Forgets lanes without work.
    fn tidy(&mut self) -> bool {
        if self.lanes.values().all(|running| running.senders == 0 && running.held == 0) {
            self.lanes.clear();
        }
        self.lanes.is_empty() && self.unrecorded.is_empty()
    }

    /// Waits until something has ended or is due, but not for long.
    async fn wait(&mut self, services: &Services) {
        let rung = pin!(services.bells.deliveries.heard());
        let pause = select(services.transport.executor.sleep(LOOK_EVERY), rung);
        if let Either::Left((Some(report), _)) = select(self.reports.next(), pause).await {
            self.note(report, services.now());
        }
    }
}

impl Running {
    fn room(&self) -> usize {
        let most = if self.is_quick { HELD_OF_QUICK } else { OF_HOST };
        most.saturating_sub(self.held)
    }
}

const fn is_success(end: &End) -> bool {
    matches!(end, End::Attempted { outcome, .. } if outcome.is_success())
}

fn count(end: &End, took: Duration) {
    let outcome = match end {
        End::Attempted { outcome: AttemptOutcome::Delivered { .. }, .. } => "delivered",
        End::Attempted { outcome: AttemptOutcome::Gone, .. } => "gone",
        End::Attempted { outcome: AttemptOutcome::Failed { .. }, .. } => "failed",
        End::Expired(_) => "expired",
        End::Unsent(_) => return,
    };
    metrics::counter!("authpi_webhook_attempts_total", "outcome" => outcome).increment(1);
    metrics::histogram!("authpi_webhook_attempt_seconds").record(took);
}

/// Records what has ended, reserves what is due, and attempts it.
pub(super) async fn deliver(bench: &Bench) -> Result<Next, Refusal> {
    let services = &bench.services;
    let mut dispatch = bench.dispatch.lock().await;
    dispatch.gather(services.now());
    dispatch.begin(services);
    dispatch.record(services).await?;
    dispatch.refresh(services).await?;
    let claimed = claim::claim(services, &mut dispatch).await;
    dispatch.begin(services);
    let claimed = claimed?;
    if dispatch.tidy() {
        return Ok(if claimed > 0 { Next::Now } else { Next::In(LOOK_EVERY) });
    }
    dispatch.wait(services).await;
    Ok(Next::Now)
}

/// Waits for the attempts under way, but not for long, records them, and gives back what no attempt has begun at.
pub(super) async fn finish(bench: &Bench) {
    let services = &bench.services;
    let mut dispatch = bench.dispatch.lock().await;
    let waiting: Vec<Delivery> = dispatch.lanes.values().flat_map(|running| running.lane.emptied()).collect();
    for delivery in waiting {
        dispatch.end(End::Unsent(delivery));
    }
    let mut grace = services.transport.executor.sleep(GRACE);
    while dispatch.senders() > 0 {
        match select(dispatch.reports.next(), grace).await {
            Either::Left((Some(report), rest)) => {
                dispatch.note(report, services.now());
                grace = rest;
            }
            Either::Left((None, _)) | Either::Right(_) => break,
        }
    }
    dispatch.gather(services.now());
    if let Err(refusal) = dispatch.record(services).await {
        let lost = dispatch.unrecorded.len();
        tracing::error!(%refusal, lost, "attempts at deliveries could not be recorded at the end and will be repeated");
    }
}
