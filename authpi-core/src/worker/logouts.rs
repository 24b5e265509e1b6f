//! Telling clients that sessions of theirs have ended (idp §17.2). Several processes share the queue by leases: a crash
//! delays a notice, and at worst repeats it under a token of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;

use super::round::Round;
use super::schedule::Next;
use super::steps::Bench;
use crate::error::Refusal;
use crate::id::{ClientId, SessionId};
use crate::logout::model::{LONGEST_WAIT, LogoutNotice};
use crate::oauth::back_channel;
use crate::outcome::WriteOutcome;
use crate::web::services::Services;

/// Notices that are tried at the same time.
const AT_ONCE: usize = 64;

/// How often notices that are due are looked for: the first attempt is made within a second of the commit, also while
/// others wait for their answer.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// How often what is too old is looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Rows of one unit of work.
const SWEEP_BATCH: u32 = 200;

/// Notices of one client that are tried at the same time: one that does not answer holds up no other.
const OF_ONE_CLIENT: usize = 8;

/// Attempts under way. They run by themselves: what waits here is only their end, so that a step that pauses holds up no
/// unit of work.
#[derive(Default)]
pub(super) struct UnderWay {
    ends: FuturesUnordered<BoxFuture<'static, (SessionId, Result<(), Refusal>)>>,
    of: HashMap<SessionId, ClientId>,
}

impl UnderWay {
    /// Clients for whom nothing more is begun.
    fn busy(&self) -> Vec<ClientId> {
        let mut counts: HashMap<ClientId, usize> = HashMap::new();
        for client in self.of.values() {
            *counts.entry(*client).or_default() += 1;
        }
        counts.into_iter().filter(|(_, count)| *count >= OF_ONE_CLIENT).map(|(client, _)| client).collect()
    }

    fn begin(&mut self, services: &Arc<Services>, notice: LogoutNotice) {
        let (session, client) = (notice.session_id, notice.client_id);
        let is_full = self.of.values().filter(|known| **known == client).count() >= OF_ONE_CLIENT;
        if is_full || self.of.contains_key(&session) {
            return;
        }
        let (sender, ended) = oneshot::channel();
        let working = Arc::clone(services);
        services.transport.executor.spawn(Box::pin(async move {
            // Nobody waits any more: the process ends.
            let _ = sender.send(attempt(&working, notice).await);
        }));
        self.of.insert(session, client);
        self.ends.push(Box::pin(async move {
            let ended = ended.await.unwrap_or_else(|_| Err(Refusal::internal("an attempt to tell a client died")));
            (session, ended)
        }));
    }

    /// Begins as many as there is room for.
    async fn fill(&mut self, services: &Arc<Services>) -> Result<(), Refusal> {
        loop {
            let (before, room) = (self.of.len(), AT_ONCE.saturating_sub(self.of.len()));
            if room == 0 {
                return Ok(());
            }
            let room = u32::try_from(room).unwrap_or(u32::MAX);
            for notice in services.store.reads().logouts().due(services.now(), room, &self.busy()).await? {
                self.begin(services, notice);
            }
            if self.of.len() == before {
                return Ok(());
            }
        }
    }
}

/// Begins attempts at what is due, and waits for all that are under way, but not for long.
pub(super) async fn tell(bench: &Bench) -> Result<Next, Refusal> {
    let services = &bench.services;
    let mut under_way = bench.logouts.lock().await;
    under_way.fill(services).await?;
    if under_way.of.is_empty() {
        return Ok(Next::In(LOOK_EVERY));
    }
    // What goes wrong with one notice is the matter of its lease: the others are none the wiser.
    let mut round = Round::of("logouts");
    let mut look_again = services.transport.executor.sleep(LOOK_EVERY);
    loop {
        match select(under_way.ends.next(), look_again).await {
            Either::Left((Some((session, ended)), rest)) => {
                under_way.of.remove(&session);
                round.outcome(session, ended.map(Some))?;
                look_again = rest;
            }
            Either::Left((None, _)) if round.has_failed() => return Ok(Next::In(LOOK_EVERY)),
            Either::Left((None, _)) => return Ok(Next::Now),
            Either::Right(_) => return Ok(Next::GoOn),
        }
    }
}

/// One attempt at one notice: claim, sign, send, record.
async fn attempt(services: &Services, notice: LogoutNotice) -> Result<(), Refusal> {
    let now = services.now();
    let claimed = notice.clone().claimed(now);
    let mut unit = services.store.begin(now).await?;
    if unit.logouts().update(&claimed, &notice).await? == WriteOutcome::Stale {
        return Ok(());
    }
    unit.commit().await?;
    if claimed.lost_too_often() {
        return failed(services, claimed, "lease_expired".to_owned()).await;
    }
    let Some(request) = back_channel::request(services, &claimed).await? else {
        return gone(services, &claimed).await;
    };
    match services.send(request).await {
        Ok(answer) if (200..300).contains(&answer.status) => {
            metrics::counter!("authpi_logout_notices_total", "outcome" => "told").increment(1);
            gone(services, &claimed).await
        }
        Ok(answer) => failed(services, claimed, format!("http_{}", answer.status)).await,
        Err(failure) => failed(services, claimed, failure.to_string()).await,
    }
}

/// Plans the next attempt, or gives up.
async fn failed(services: &Services, claimed: LogoutNotice, class: String) -> Result<(), Refusal> {
    let now = services.now();
    let Some(next) = claimed.clone().failed(now) else {
        metrics::counter!("authpi_logout_notices_total", "outcome" => "given_up").increment(1);
        tracing::info!(client = %claimed.client_id, session = %claimed.session_id, class, "a client was not told of a logout");
        return gone(services, &claimed).await;
    };
    let mut unit = services.store.begin(now).await?;
    if unit.logouts().update(&next, &claimed).await? == WriteOutcome::Done {
        unit.commit().await?;
    }
    Ok(())
}

/// Removes a notice, unless somebody else has taken it meanwhile.
async fn gone(services: &Services, claimed: &LogoutNotice) -> Result<(), Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    if unit.logouts().remove(claimed).await? == WriteOutcome::Done {
        unit.commit().await?;
    }
    Ok(())
}

/// Forgets what nobody delivered for a day.
pub(super) async fn sweep(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.logouts().purge(now.minus(LONGEST_WAIT), SWEEP_BATCH).await?;
    if removed == 0 {
        return Ok(Next::In(SWEEP_EVERY));
    }
    unit.commit().await?;
    Ok(Next::Now)
}
