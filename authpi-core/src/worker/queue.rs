//! Working off a queue that processes share by leases. Attempts run beside each other: one that takes long, or cannot be
//! recorded, delays no other.

use std::fmt::Display;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex;

use super::round::Round;
use super::schedule::{GRACE, Next};
use super::under_way::{Ended, UnderWay};
use crate::error::Refusal;
use crate::outcome::WriteOutcome;
use crate::store::{StoreError, UnitOfWork};
use crate::timestamp::Timestamp;
use crate::web::services::Services;

/// How often what is due is looked for: a first attempt is made within a second of the commit, also while others wait for
/// their answer.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// How soon after the end of an attempt it is looked for where more may wait than there was room for.
const REFILL_AFTER: Duration = Duration::from_millis(100);

/// What waits in such a queue.
#[async_trait]
pub(super) trait Queued: Clone + Send + Sync + 'static {
    /// Names it.
    type Id: Copy + Display + Eq + Hash + Send + Sync + 'static;
    /// Whose it is: the room is shared by them.
    type Lane: Copy + Eq + Hash + Send + Sync + 'static;

    /// The step that works the queue off.
    const STEP: &'static str;

    fn id(&self) -> Self::Id;

    fn lane(&self) -> Self::Lane;

    /// As somebody holds it who tries it now.
    fn held(self, now: Timestamp) -> Self;

    /// At most `limit` that are due and not of these lanes, the longest due first.
    async fn due(services: &Services, limit: u32, busy: &[Self::Lane]) -> Result<Vec<Self>, StoreError>;

    /// Writes the lease, if it still is that of `before`.
    async fn update(&self, unit: &mut dyn UnitOfWork, before: &Self) -> Result<WriteOutcome, StoreError>;

    /// Removes it, if the lease still is this one.
    async fn remove(&self, unit: &mut dyn UnitOfWork) -> Result<WriteOutcome, StoreError>;

    /// One attempt by whoever holds it, recorded.
    async fn attempt(&self, services: &Services) -> Ended;
}

/// Attempts at what waits in a queue.
pub(super) type Attempts<Q> = UnderWay<<Q as Queued>::Id, <Q as Queued>::Lane>;

/// Begins attempts at what is due, and waits for all that are under way, but not for long.
pub(super) async fn work_off<Q: Queued>(
    services: &Arc<Services>,
    attempts: &Mutex<Attempts<Q>>,
) -> Result<Next, Refusal> {
    let mut under_way = attempts.lock().await;
    begin::<Q>(services, &mut under_way).await?;
    if under_way.count() == 0 {
        return Ok(Next::In(LOOK_EVERY));
    }
    let executor = &services.transport.executor;
    let mut may_wait = under_way.room() == 0 || !under_way.busy().is_empty();
    let (mut round, mut unavailable) = (Round::of(Q::STEP), None);
    let mut look_again = executor.sleep(LOOK_EVERY);
    while let Either::Left((Some((id, ended)), rest)) = select(pin!(under_way.next()), look_again).await {
        // What goes wrong with one of them is the matter of its lease. That the database does not answer is one failure,
        // however many find out.
        unavailable = round.outcome(id, ended.map(Some)).err().or(unavailable);
        let refills = std::mem::take(&mut may_wait) && !round.has_failed();
        look_again = if refills { executor.sleep(REFILL_AFTER) } else { rest };
    }
    match unavailable {
        Some(refusal) => Err(refusal),
        None if under_way.count() > 0 => Ok(Next::GoOn),
        None if round.has_failed() => Ok(Next::In(LOOK_EVERY)),
        None => Ok(Next::Now),
    }
}

/// Begins as many as there is room for.
async fn begin<Q: Queued>(services: &Arc<Services>, under_way: &mut Attempts<Q>) -> Result<(), Refusal> {
    loop {
        let (before, room) = (under_way.count(), under_way.room());
        if room == 0 {
            return Ok(());
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        for waiting in Q::due(services, limit, &under_way.busy()).await? {
            let key = (waiting.id(), waiting.lane());
            under_way.begin(services.transport.executor.as_ref(), key, attempt(Arc::clone(services), waiting));
        }
        if under_way.count() == before {
            return Ok(());
        }
    }
}

/// Takes a lease, and tries it.
async fn attempt<Q: Queued>(services: Arc<Services>, waiting: Q) -> Ended {
    let held = waiting.clone().held(services.now());
    match written(&services, &held, &waiting).await? {
        WriteOutcome::Done => held.attempt(&services).await,
        // Somebody else was faster.
        WriteOutcome::Stale => Ok(()),
    }
}

async fn written<Q: Queued>(services: &Services, after: &Q, before: &Q) -> Result<WriteOutcome, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let outcome = after.update(unit.as_mut(), before).await?;
    if outcome == WriteOutcome::Done {
        unit.commit().await?;
    }
    Ok(outcome)
}

/// Gives a lease back for the next attempt, unless it is lost.
pub(super) async fn put_back<Q: Queued>(services: &Services, next: &Q, held: &Q) -> Result<(), Refusal> {
    written(services, next, held).await.map(|_| ())
}

/// Removes what needs no further attempt, unless the lease is lost.
pub(super) async fn remove<Q: Queued>(services: &Services, held: &Q) -> Result<(), Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    if held.remove(unit.as_mut()).await? == WriteOutcome::Done {
        unit.commit().await?;
    }
    Ok(())
}

/// Waits for the attempts under way, but not for ever.
pub(super) async fn finish<Q: Queued>(services: &Services, attempts: &Mutex<Attempts<Q>>) {
    let mut under_way = attempts.lock().await;
    let mut grace = services.transport.executor.sleep(GRACE);
    while let Either::Left((Some((id, ended)), rest)) = select(pin!(under_way.next()), grace).await {
        if let Err(refusal) = ended {
            tracing::error!(step = Q::STEP, %id, %refusal, "an attempt failed at the end and will be repeated");
        }
        grace = rest;
    }
}
