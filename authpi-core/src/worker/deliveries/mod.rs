//! Delivering events (events-webhooks §9 to §13). Several processes share the queue by leases: a crash delays a delivery,
//! and at worst repeats it with the same id and the same bytes.

mod claim;
mod lane;
mod record;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt};

use self::lane::{End, Lane, Report, Target};
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{AttemptOutcome, Delivery, Webhook};

/// How often deliveries are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How old an attempt may see its webhook.
const FRESH: Duration = Duration::from_secs(1);

/// How long ends gather to be recorded together, while senders have enough to go on with.
const GATHER: Duration = Duration::from_millis(5);

/// How long attempts under way are waited for at the end; what is not recorded by then is repeated.
const GRACE: Duration = Duration::from_secs(10);

/// Deliveries that this process has reserved at the same time.
const MAX_LEASED: usize = 4_096;

/// Of those, to webhooks of one account.
const MAX_LEASED_PER_ACCOUNT: usize = 1_024;

/// What an account gets at a time of what is free, as a divisor.
const PART: usize = 4;

/// Of those, to webhooks of one account at one host that answer quickly: so many that they never wait for the database.
const MAX_LEASED_OF_QUICK: usize = 128;

/// Attempts in flight.
const MAX_IN_FLIGHT: usize = 512;

/// Attempts in flight at one host for one account, and therefore at one webhook; of those that do not answer quickly, no
/// more is reserved.
const MAX_IN_FLIGHT_PER_HOST: usize = 4;

/// An answer within this is quick.
const QUICK_ANSWER: Duration = Duration::from_millis(250);

/// Webhooks that are remembered as quick.
const REMEMBERED: usize = 10_000;

/// What this process has reserved, and the attempts at it. They run by themselves: what waits here is only their end.
pub(super) struct Dispatch {
    lanes: HashMap<WebhookId, Running>,
    quick: HashSet<WebhookId>,
    reporter: UnboundedSender<Report>,
    reports: UnboundedReceiver<Report>,
    unrecorded: Vec<End>,
}

/// Deliveries that are being reserved.
struct Planned {
    webhook: WebhookId,
    account: AccountId,
    host: String,
    count: usize,
}

/// Deliveries that are held, or about to be.
struct Held<'d> {
    account: AccountId,
    host: &'d str,
    /// Their webhook answers quickly.
    is_quick: bool,
    count: usize,
}

/// A lane at work.
struct Running {
    lane: Arc<Lane>,
    senders: usize,
    held: usize,
    /// When something last began or ended.
    moved_at: Timestamp,
    /// When the webhook was last looked up.
    seen_at: Timestamp,
}

impl Default for Dispatch {
    fn default() -> Self {
        let (reporter, reports) = unbounded();
        Self { lanes: HashMap::new(), quick: HashSet::new(), reporter, reports, unrecorded: Vec::new() }
    }
}

impl Dispatch {
    /// How many more deliveries may be reserved.
    fn room(&self) -> usize {
        MAX_LEASED.saturating_sub(self.held(&[], |_| true))
    }

    /// How many more of them to this webhook, beside those that are being reserved. The room of its account is shared by
    /// `among` webhooks, itself included; one account takes a part of what is free at a time, so that something always is.
    fn room_for(&self, webhook: &Webhook, planned: &[Planned], among: usize) -> usize {
        let (account, host, is_quick) = (webhook.account_id, lane::host(webhook), self.quick.contains(&webhook.id));
        let free = MAX_LEASED.saturating_sub(self.held(planned, |_| true));
        let left = |planned: &[Planned]| {
            MAX_LEASED_PER_ACCOUNT.saturating_sub(self.held(planned, |known| known.account == account))
        };
        let of_account = left(&[]).min(free.div_ceil(PART)).div_ceil(among.max(1)).min(left(planned));
        let most = if is_quick { MAX_LEASED_OF_QUICK } else { MAX_IN_FLIGHT_PER_HOST };
        let at_host =
            self.held(planned, |known| known.account == account && known.host == host && known.is_quick == is_quick);
        most.saturating_sub(at_host).min(of_account).min(free)
    }

    /// Reserved deliveries that have not ended, with those that are being reserved.
    fn held(&self, planned: &[Planned], which: impl Fn(&Held<'_>) -> bool) -> usize {
        let held = self.lanes.iter().map(|(id, Running { lane, held, .. })| Held {
            account: lane.account,
            host: &lane.host,
            is_quick: self.quick.contains(id),
            count: *held,
        });
        let planned = planned.iter().map(|planned| Held {
            account: planned.account,
            host: &planned.host,
            is_quick: self.quick.contains(&planned.webhook),
            count: planned.count,
        });
        held.chain(planned).filter(which).map(|held| held.count).sum()
    }

    /// Webhooks that no more is reserved of: of a quick one, until half of it has ended.
    fn busy(&self) -> Vec<WebhookId> {
        let most = |id| if self.quick.contains(id) { MAX_LEASED_OF_QUICK / 2 } else { MAX_IN_FLIGHT_PER_HOST };
        self.lanes.iter().filter(|(id, running)| running.held >= most(id)).map(|(id, _)| *id).collect()
    }

    fn hold(&mut self, target: Target, deliveries: Vec<Delivery>, now: Timestamp) {
        let count = deliveries.len();
        let running = match self.lanes.entry(target.webhook_id()) {
            Entry::Occupied(known) => {
                let running = known.into_mut();
                running.lane.aim(target);
                running
            }
            Entry::Vacant(new) => {
                let lane = Arc::new(Lane::new(target));
                new.insert(Running { lane, senders: 0, held: 0, moved_at: now, seen_at: now })
            }
        };
        running.lane.add(deliveries);
        running.held += count;
        (running.moved_at, running.seen_at) = (now, now);
    }

    /// Starts senders for what waits, as far as the hosts bear it: for accounts with few first, then for webhooks that have
    /// waited longest.
    fn begin(&mut self, services: &Arc<Services>) {
        let (mut hosts, mut accounts) = (HashMap::new(), HashMap::new());
        for Running { lane, senders, .. } in self.lanes.values() {
            *hosts.entry((lane.account, lane.host.clone())).or_insert(0) += *senders;
            *accounts.entry(lane.account).or_insert(0) += *senders;
        }
        let mut free = MAX_IN_FLIGHT.saturating_sub(self.senders());
        let mut turns: Vec<&mut Running> = self.lanes.values_mut().filter(|running| running.lane.waits() > 0).collect();
        turns.sort_by_key(|running| (accounts.get(&running.lane.account).copied(), running.moved_at));
        for running in turns {
            let at_host: &mut usize = hosts.entry((running.lane.account, running.lane.host.clone())).or_default();
            let more = MAX_IN_FLIGHT_PER_HOST.saturating_sub(*at_host).min(running.lane.waits()).min(free);
            *at_host += more;
            free -= more;
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
                let webhook = end.delivery().webhook_id;
                let is_success = matches!(&*end, End::Attempted { outcome, .. } if outcome.is_success());
                if !is_success || took > QUICK_ANSWER {
                    self.quick.remove(&webhook);
                } else if self.quick.len() < REMEMBERED {
                    self.quick.insert(webhook);
                }
                if let Some(running) = self.lanes.get_mut(&webhook) {
                    running.moved_at = now;
                }
                self.end(*end);
            }
            Report::Abandoned(webhook) => self.release(webhook),
            Report::Idle(webhook) => {
                if let Some(running) = self.lanes.get_mut(&webhook) {
                    running.senders = running.senders.saturating_sub(1);
                    if running.senders == 0 && running.lane.waits() == 0 {
                        // Of a sender that panicked, too.
                        running.held = 0;
                    }
                }
            }
        }
    }

    fn release(&mut self, webhook: WebhookId) {
        if let Some(running) = self.lanes.get_mut(&webhook) {
            running.held = running.held.saturating_sub(1);
        }
    }

    fn end(&mut self, end: End) {
        self.release(end.delivery().webhook_id);
        self.unrecorded.push(end);
    }

    fn give_back(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.end(End::Unsent(delivery));
        }
    }

    /// Records what has ended. What cannot be recorded now is kept for the next time, and what waits for a webhook that has
    /// become disabled or failing is given back.
    async fn record(&mut self, services: &Services) -> Result<(), Refusal> {
        while !self.unrecorded.is_empty() {
            let paused = record::record(services, &self.unrecorded).await?;
            self.unrecorded.clear();
            for webhook in paused {
                let waiting = self.lanes.get(&webhook).map(|running| running.lane.take_all());
                self.give_back(waiting.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Attempts see a webhook as it was a moment ago. What waits is given back when its webhook is disabled or deleted, when
    /// its lease is nearly over, and when a receiver that was quick is so no longer: others may need the room.
    async fn refresh(&mut self, services: &Services) -> Result<(), Refusal> {
        let now = services.now();
        let old = |running: &Running| running.held > 0 && now.since(running.seen_at) >= FRESH;
        let accounts: BTreeSet<AccountId> =
            self.lanes.values().filter(|running| old(running)).map(|running| running.lane.account).collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let accounts: Vec<AccountId> = accounts.into_iter().collect();
        let mut known: HashMap<WebhookId, Webhook> = HashMap::new();
        for webhook in services.store.reads().webhooks().of_accounts(&accounts).await?.webhooks {
            known.insert(webhook.id, webhook);
        }
        let mut given_back = Vec::new();
        for (id, running) in self.lanes.iter_mut().filter(|(_, running)| old(running)) {
            running.seen_at = now;
            let stands_still = now.since(running.moved_at) >= FRESH && self.quick.remove(id);
            let has_slowed = running.lane.waits() > MAX_IN_FLIGHT_PER_HOST && !self.quick.contains(id);
            let gives_back = stands_still || has_slowed;
            match known.remove(id).filter(|webhook| !gives_back && !webhook.is_paused(now)) {
                Some(webhook) => {
                    given_back.extend(running.lane.take_outdated(now));
                    match Target::new(&services.keyring, webhook, now) {
                        Ok(target) => running.lane.aim(target),
                        Err(refusal) => {
                            tracing::error!(webhook = %id, %refusal, "the secrets of a webhook cannot be opened");
                        }
                    }
                }
                None => given_back.extend(running.lane.take_all()),
            }
        }
        self.give_back(given_back);
        Ok(())
    }

    /// Forgets lanes without work. Whether that is all of them.
    fn tidy(&mut self) -> bool {
        self.lanes.retain(|_, running| running.senders > 0 || running.held > 0);
        self.lanes.is_empty() && self.unrecorded.is_empty()
    }

    /// Waits until something has ended or is due, but not for long.
    async fn wait(&mut self, services: &Services) {
        let rung = pin!(services.bells.deliveries.heard());
        let pause = select(services.transport.executor.sleep(LOOK_EVERY), rung);
        let Either::Left((Some(report), pause)) = select(self.reports.next(), pause).await else { return };
        self.note(report, services.now());
        if self.lanes.values().any(|running| running.lane.waits() > 0) {
            select(services.transport.executor.sleep(GATHER), pause).await;
        }
    }
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
    if matches!(end, End::Attempted { .. }) {
        metrics::histogram!("authpi_webhook_attempt_seconds").record(took);
    }
}

/// Records what has ended, reserves what is due, and attempts it.
pub(super) async fn deliver(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut dispatch = state.dispatch.lock().await;
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
pub(super) async fn finish(state: &WorkerState) {
    let services = &state.services;
    let mut dispatch = state.dispatch.lock().await;
    let waiting: Vec<Delivery> = dispatch.lanes.values().flat_map(|running| running.lane.take_all()).collect();
    dispatch.give_back(waiting);
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
