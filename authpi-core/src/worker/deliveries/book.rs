//! What this process has reserved, by webhook, account and host, and who attempts it. Nothing here waits for anything.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Dispatch;
use super::lane::{self, End, Lane, Place, Target};
use super::load::{Bucket, Load};
use super::pace::{MAX_IN_FLIGHT_PER_HOST, Pace, Patience};
use super::turns::{InFlight, Turn};
use crate::id::{AccountId, WebhookId};
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, Webhook};

/// Attempts that are recorded together.
const RECORDED: usize = 1_024;

/// How long places that senders have left may stay empty.
const REFILL: Duration = Duration::from_millis(5);

/// Webhooks without room that are remembered from one time to the next: each look names them.
const PASSED_BY: usize = 1_024;

/// How old an attempt may see its webhook.
const FRESH: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(super) struct Book {
    lanes: HashMap<WebhookId, Running>,
    /// What is about to be reserved.
    promised: HashMap<WebhookId, Planned>,
    /// There was no room for these: nobody looks at them again before there is some.
    passed_by: HashMap<WebhookId, Place>,
    pace: Pace,
    unrecorded: Vec<End>,
    recording: usize,
    patience: Patience,
    /// Senders leave their places to others after a turn.
    is_contended: bool,
    /// When senders were last begun.
    begun_at: Timestamp,
}

/// Deliveries that are about to be reserved.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) webhook: WebhookId,
    pub(super) place: Place,
    pub(super) count: usize,
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

impl Book {
    /// What is reserved now.
    pub(super) fn load(&self) -> Load {
        let mut load = Load::unrecorded(self.unrecorded.len() + self.recording);
        for (id, running) in &self.lanes {
            load.add(self.bucket(*id, running.lane.place()), running.held);
        }
        for (id, planned) in &self.promised {
            load.add(self.bucket(*id, planned.place.clone()), planned.count);
        }
        load
    }

    fn bucket(&self, webhook: WebhookId, (account, host): Place) -> Bucket {
        Bucket { account, host, is_quick: self.pace.is_quick(&webhook) }
    }

    /// How many more deliveries `load` leaves to a webhook at this place, `limit` at most.
    pub(super) fn room_for(&self, load: &Load, webhook: WebhookId, place: &Place, limit: usize) -> usize {
        let own = self.lanes.get(&webhook).map_or(0, |running| running.held)
            + self.promised.get(&webhook).map_or(0, |promised| promised.count);
        let bucket = self.bucket(webhook, place.clone());
        let room = self.pace.room(&webhook, own, load.at_host(&bucket));
        room.min(limit).min(load.room_of(bucket.account))
    }

    /// Keeps room.
    pub(super) fn promise(&mut self, load: &mut Load, planned: Planned) {
        load.add(self.bucket(planned.webhook, planned.place.clone()), planned.count);
        match self.promised.entry(planned.webhook) {
            Entry::Occupied(known) => known.into_mut().count += planned.count,
            Entry::Vacant(new) => drop(new.insert(planned)),
        }
    }

    /// Keeps it no longer.
    pub(super) fn unpromise(&mut self, planned: &Planned) {
        if let Entry::Occupied(mut known) = self.promised.entry(planned.webhook) {
            known.get_mut().count = known.get().count.saturating_sub(planned.count);
            if known.get().count == 0 {
                known.remove();
            }
        }
    }

    /// There is no room for this webhook.
    pub(super) fn pass_by(&mut self, webhook: WebhookId, place: Place) {
        self.passed_by.insert(webhook, place);
    }

    /// Forgets webhooks that there is room for by now. Whether there are others.
    pub(super) fn recall(&mut self) -> bool {
        let mut passed_by = std::mem::take(&mut self.passed_by);
        let load = self.load();
        passed_by.retain(|webhook, place| self.room_for(&load, *webhook, place, 1) == 0);
        self.passed_by = passed_by.into_iter().take(PASSED_BY).collect();
        !self.passed_by.is_empty()
    }

    /// Webhooks that no more is reserved of: of a quick one, until half of it has ended; and those that were passed by.
    pub(super) fn busy(&self) -> Vec<WebhookId> {
        let busy = self.lanes.iter().filter(|(id, running)| running.held >= self.pace.enough(id));
        busy.map(|(id, _)| *id).chain(self.passed_by.keys().copied()).collect()
    }

    /// What is made for this webhook may be reserved at once: it answers quickly, and nothing is due before.
    pub(super) fn is_ready(&self, webhook: &Webhook, now: Timestamp) -> bool {
        let keeps_up = self.pace.is_quick(&webhook.id) && !self.pace.is_behind(&webhook.id);
        keeps_up && webhook.circuit.open.is_none() && !webhook.is_paused(now)
    }

    /// Whether it is worth waiting a little for quick webhooks to catch up, or to have room for what is made for each of them:
    /// so many deliveries, of this account.
    pub(super) fn is_tight(&mut self, wanted: &BTreeMap<(AccountId, WebhookId), usize>, now: Timestamp) -> bool {
        let (load, mut among) = (self.load(), HashMap::new());
        let quick = || wanted.iter().filter(|((_, webhook), _)| self.pace.is_quick(webhook));
        for ((account, _), _) in quick() {
            *among.entry(*account).or_default() += 1;
        }
        let is_full = |((account, webhook), count): (&(AccountId, WebhookId), &usize)| {
            let held = self.lanes.get(webhook).map_or(0, |running| running.held);
            let quota = load.quota(*account, among.get(account).copied().unwrap_or_default());
            let room = quota.min(self.pace.most(webhook).saturating_sub(held));
            self.pace.is_behind(webhook) || load.of_account(*account) > 0 && room < *count
        };
        quick().any(is_full) && self.patience.lasts(now)
    }

    /// Waiting was in vain: these webhooks have more to catch up with.
    pub(super) fn waited_in_vain(&mut self, now: Timestamp) {
        self.patience.end(now);
    }

    /// Nothing is attempted at this webhook for a while.
    pub(super) fn rests(&mut self, webhook: WebhookId) {
        self.pace.slowed(&webhook);
    }

    /// Whether something is due of a quick webhook that nobody has reserved.
    pub(super) fn set_behind(&mut self, webhook: WebhookId, is_behind: bool) {
        self.pace.set_behind(webhook, is_behind);
    }

    /// Takes what was reserved. A lane holds probes or other deliveries: what is left of the other kind is given back.
    pub(super) fn hold(&mut self, target: Target, deliveries: Vec<Delivery>, now: Timestamp) {
        let (webhook, count) = (target.webhook_id(), deliveries.len());
        if self.lanes.get(&webhook).is_some_and(|running| running.lane.is_probe() != target.is_probe()) {
            self.give_back_of(webhook);
        }
        let running = match self.lanes.entry(webhook) {
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
        if running.held == 0 {
            running.moved_at = now;
        }
        running.held += count;
        running.seen_at = now;
    }

    /// Starts senders for what waits, as far as there are places for them.
    pub(super) fn begin(&mut self, services: &Arc<Services>, dispatch: &Arc<Dispatch>) {
        self.begun_at = services.now();
        let turns: Vec<Turn> = self.lanes.iter().map(|(id, running)| running.turn(self.pace.is_quick(id))).collect();
        let mut in_flight = InFlight::of(&turns);
        let more = in_flight.hand_out(&turns);
        self.is_contended = false;
        for ((running, turn), more) in self.lanes.values_mut().zip(&turns).zip(more) {
            running.senders += more;
            for _ in 0..more {
                let sender = lane::send(Arc::clone(services), Arc::clone(&running.lane), Arc::clone(dispatch));
                services.transport.executor.spawn(Box::pin(sender));
            }
            let is_contended = in_flight.is_contended(turn);
            running.lane.contend(is_contended);
            self.is_contended |= is_contended;
        }
        metrics::gauge!("authpi_webhook_in_flight").set(u32::try_from(in_flight.all()).unwrap_or(u32::MAX));
    }

    /// Fills places that senders have left to others, not more often than that is worth.
    pub(super) fn refill(&mut self, services: &Arc<Services>, dispatch: &Arc<Dispatch>) {
        if self.is_contended && services.now().since(self.begun_at) >= REFILL {
            self.begin(services, dispatch);
        }
    }

    /// Attempts in flight, or about to be.
    pub(super) fn senders(&self) -> usize {
        self.lanes.values().map(|running| running.senders).sum()
    }

    /// Whether senders have enough to go on with.
    pub(super) fn has_waiting(&self) -> bool {
        self.lanes.values().any(|running| running.lane.waits() > 0)
    }

    /// Whether there may be more for a webhook that gets no more than is attempted at once.
    pub(super) fn has_slow(&self) -> bool {
        self.lanes.iter().any(|(id, running)| running.held > 0 && !self.pace.is_quick(id))
    }

    /// A sender is done with a delivery, `took` that long.
    pub(super) fn ended(&mut self, end: End, took: Duration, now: Timestamp) {
        let webhook = end.delivery().webhook_id;
        if end.is_success() {
            self.pace.answered(webhook, took);
        } else {
            self.pace.slowed(&webhook);
        }
        if let Some(running) = self.lanes.get_mut(&webhook) {
            running.moved_at = now;
        }
        self.end(end);
    }

    /// A sender could do nothing with a delivery: its lease runs out.
    pub(super) fn abandoned(&mut self, webhook: WebhookId) {
        if let Some(running) = self.lanes.get_mut(&webhook) {
            running.held = running.held.saturating_sub(1);
        }
    }

    /// A sender has ended.
    pub(super) fn idle(&mut self, webhook: WebhookId) {
        if let Some(running) = self.lanes.get_mut(&webhook) {
            running.senders = running.senders.saturating_sub(1);
            if running.senders == 0 && running.lane.waits() == 0 {
                // Of a sender that panicked, too.
                running.held = 0;
            }
        }
    }

    fn end(&mut self, end: End) {
        self.abandoned(end.delivery().webhook_id);
        self.unrecorded.push(end);
    }

    pub(super) fn give_back(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.end(End::Unsent(delivery));
        }
    }

    /// Takes out what no attempt has begun at, to be given back. How much that is.
    pub(super) fn give_back_of(&mut self, webhook: WebhookId) -> usize {
        let waiting = self.lanes.get(&webhook).map(|running| running.lane.take_all()).unwrap_or_default();
        let count = waiting.len();
        self.give_back(waiting);
        count
    }

    /// Takes out everything that no attempt has begun at, to be given back.
    pub(super) fn give_back_all(&mut self) {
        let waiting = self.lanes.values().flat_map(|running| running.lane.take_all()).collect();
        self.give_back(waiting);
    }

    /// What has ended and is to be recorded next. What cannot be recorded goes to [`Book::keep`].
    pub(super) fn take_unrecorded(&mut self) -> Vec<End> {
        let some = self.unrecorded.len().min(RECORDED);
        let ends: Vec<End> = self.unrecorded.drain(..some).collect();
        self.recording = ends.len();
        ends
    }

    /// What was taken out is recorded.
    pub(super) const fn recorded(&mut self) {
        self.recording = 0;
    }

    /// What was taken out is to be recorded later.
    pub(super) fn keep(&mut self, ends: Vec<End>) {
        self.recording = 0;
        self.unrecorded.splice(0..0, ends);
    }

    /// How many ends are not recorded.
    pub(super) fn unrecorded(&self) -> usize {
        self.unrecorded.len()
    }

    /// Accounts of webhooks that attempts have seen as they were a while ago.
    pub(super) fn outdated(&self, now: Timestamp) -> Vec<AccountId> {
        let accounts: BTreeSet<AccountId> =
            self.lanes.values().filter(|running| running.is_old(now)).map(|running| running.lane.account()).collect();
        accounts.into_iter().collect()
    }

    /// What waits for a receiver that was quick and stands still is given back: others may need the room. A probe waits.
    pub(super) fn relieve(&mut self, now: Timestamp) {
        let mut given_back = Vec::new();
        let holding = self.lanes.iter().filter(|(_, running)| running.held > 0 && !running.lane.is_probe());
        for (id, running) in holding {
            if now.since(running.moved_at) >= FRESH && self.pace.slowed(id) {
                given_back.extend(running.lane.take_all());
            }
        }
        self.give_back(given_back);
    }

    /// Attempts see webhooks as they are now, where their secrets can be opened. What waits is given back when nothing may
    /// be sent to its webhook any more, of one whose circuit is open nothing but what was reserved as a probe; when its lease is
    /// nearly over, or when the receiver was quick and is so no longer.
    pub(super) fn refresh(&mut self, mut known: HashMap<WebhookId, Option<Target>>, now: Timestamp) {
        let mut given_back = Vec::new();
        for (id, running) in self.lanes.iter_mut().filter(|(_, running)| running.is_old(now)) {
            running.seen_at = now;
            let has_slowed = running.lane.waits() > MAX_IN_FLIGHT_PER_HOST && !self.pace.is_quick(id);
            let is_probe = running.lane.is_probe();
            let may_go = |target: &Option<Target>| is_probe || !target.as_ref().is_some_and(Target::is_probe);
            let Some(target) = known.remove(id).filter(|target| !has_slowed && may_go(target)) else {
                given_back.extend(running.lane.take_all());
                continue;
            };
            given_back.extend(running.lane.take_outdated(now));
            if let Some(target) = target {
                running.lane.aim(target);
            }
        }
        self.give_back(given_back);
    }

    /// Forgets lanes without work. Whether that is all of them, and everything recorded.
    pub(super) fn tidy(&mut self) -> bool {
        self.lanes.retain(|_, running| running.senders > 0 || running.held > 0);
        self.lanes.is_empty() && self.unrecorded.is_empty()
    }
}

impl Running {
    fn turn(&self, is_quick: bool) -> Turn {
        let (place, waits) = (self.lane.place(), self.lane.waits());
        Turn { place, is_quick, senders: self.senders, waits, since: self.moved_at }
    }

    fn is_old(&self, now: Timestamp) -> bool {
        self.held > 0 && now.since(self.seen_at) >= FRESH
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
