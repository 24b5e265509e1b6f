//! Delivering events (events-webhooks §9 to §13). Several processes share the queue by leases: a crash delays a delivery,
//! and at worst repeats it with the same id and the same bytes.

mod book;
mod claim;
mod lane;
mod load;
mod pace;
mod promise;
mod record;
mod turns;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use self::book::Book;
pub(super) use self::promise::Promise;
use super::schedule::{GRACE, Next};
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::web::bells::Bell;
use crate::web::services::Services;
use crate::webhook::model::WebhookStatus;

/// How often deliveries are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long ends gather to be recorded together, while nothing waits for that.
const GATHER: Duration = Duration::from_millis(20);

/// How soon it is tried again at the end to record what could not be recorded.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// How often whoever makes deliveries looks whether receivers that answer quickly have caught up.
const GLANCE: Duration = Duration::from_millis(2);

/// And how many times in a row.
const GLANCES: u32 = 50;

/// What this process has reserved, and the attempts at it. They run by themselves.
#[derive(Default)]
pub(super) struct Dispatch {
    book: Mutex<Book>,
    /// Something has ended.
    ends: Bell,
    /// An attempt has failed, which others may have to know.
    failures: Bell,
    /// Nobody listens to those bells: the step rests until deliveries are due.
    is_resting: AtomicBool,
}

impl Dispatch {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the book of an end, and who waits for one.
    fn note(&self, services: &Services, change: impl FnOnce(&mut Book)) {
        change(&mut self.book());
        self.ends.ring();
        if self.is_resting.load(Ordering::SeqCst) {
            services.bells.deliveries.ring();
        }
    }

    /// Waits, but not for long, until quick webhooks have caught up and have room for as many deliveries each.
    pub(super) async fn make_room(&self, services: &Services, wanted: &BTreeMap<(AccountId, WebhookId), usize>) {
        for _ in 0..GLANCES {
            if !self.book().is_tight(wanted, services.now()) {
                return;
            }
            services.transport.executor.sleep(GLANCE).await;
        }
        self.book().waited_in_vain(services.now());
    }

    fn begin(self: &Arc<Self>, services: &Arc<Services>) {
        self.book().begin(services, self);
    }

    /// Records what has ended by now, and not what ends meanwhile: others wait to be looked for. What cannot be recorded is kept
    /// for the next time, and what waits for a webhook that has become disabled or failing is given back.
    async fn record(&self, services: &Services) -> Result<(), Refusal> {
        let mut left = self.book().unrecorded();
        while left > 0 {
            let ends = self.book().take_unrecorded();
            left = left.saturating_sub(ends.len());
            match record::record(services, &ends).await {
                Ok(paused) => {
                    let mut book = self.book();
                    book.recorded();
                    for webhook in paused {
                        left += book.give_back_of(webhook);
                    }
                }
                Err(refusal) => {
                    self.book().keep(ends);
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }

    /// Attempts see a webhook as it was a moment ago.
    async fn refresh(&self, services: &Services) -> Result<(), Refusal> {
        let now = services.now();
        self.book().relieve(now);
        let accounts = self.book().outdated(now);
        if accounts.is_empty() {
            return Ok(());
        }
        let found = services.store.reads().webhooks().of_accounts(&accounts).await?.webhooks;
        let enabled = found.into_iter().filter(|webhook| webhook.status.value != WebhookStatus::Disabled);
        let known = enabled.filter_map(|webhook| {
            let (id, is_closed) = (webhook.id, webhook.circuit.open.is_none());
            let target = lane::opened(services, webhook, now);
            (is_closed || target.is_some()).then_some((id, target))
        });
        let known = known.collect();
        self.book().refresh(known, now);
        Ok(())
    }

    /// Waits until something has ended or is due, but not for long. Unless somebody waits for it, what has arrived gathers.
    async fn wait(&self, services: &Services, is_urgent: bool) {
        let executor = &services.transport.executor;
        let rung = pin!(services.bells.deliveries.heard());
        let due = select(rung, executor.sleep(LOOK_EVERY));
        if let Either::Right(((), due)) = select(due, pin!(self.ends.heard())).await
            && (!is_urgent || self.book().has_waiting())
        {
            let failed = pin!(self.failures.heard());
            select(select(due, failed), executor.sleep(GATHER)).await;
        }
    }
}

/// Records what has ended, reserves what is due, and attempts it.
pub(super) async fn deliver(state: &WorkerState) -> Result<Next, Refusal> {
    let (services, dispatch) = (&state.services, &state.dispatch);
    dispatch.is_resting.store(false, Ordering::SeqCst);
    dispatch.begin(services);
    dispatch.record(services).await?;
    dispatch.refresh(services).await?;
    let claimed = claim::claim(services, dispatch).await;
    dispatch.begin(services);
    let claimed = claimed?;
    // Said before it is looked: what ends from here on rings.
    dispatch.is_resting.store(true, Ordering::SeqCst);
    if dispatch.book().tidy() {
        return Ok(if claimed.reserved > 0 { Next::Now } else { Next::In(LOOK_EVERY) });
    }
    dispatch.is_resting.store(false, Ordering::SeqCst);
    dispatch.wait(services, claimed.left).await;
    Ok(Next::Now)
}

/// Gives back what no attempt has begun at, then waits for the attempts under way and records each as it ends: who is not
/// waited for until then has little to repeat.
pub(super) async fn finish(state: &WorkerState) {
    let (services, dispatch) = (&state.services, &state.dispatch);
    let executor = &services.transport.executor;
    dispatch.book().give_back_all();
    let mut grace = executor.sleep(GRACE);
    loop {
        let recorded = dispatch.record(services).await;
        if dispatch.book().senders() == 0 && dispatch.book().unrecorded() == 0 {
            return;
        }
        let next = async {
            match recorded {
                Ok(()) => select(pin!(dispatch.ends.heard()), executor.sleep(RECORD_AGAIN)).map(drop).await,
                Err(_) => executor.sleep(RECORD_AGAIN).await,
            }
        };
        match select(pin!(next), grace).await {
            Either::Left(((), rest)) => grace = rest,
            Either::Right(_) => break,
        }
    }
    let (senders, lost) = (dispatch.book().senders(), dispatch.book().unrecorded());
    tracing::error!(senders, lost, "attempts at deliveries could not be recorded at the end and will be repeated");
}
