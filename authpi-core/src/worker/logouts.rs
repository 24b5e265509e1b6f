//! Telling clients that sessions of theirs have ended (idp §17.2). Several processes share the queue by leases: a crash
//! delays a notice, and at worst repeats it under a token of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;

use super::round::Round;
use super::schedule::Next;
use super::steps::Bench;
use crate::error::Refusal;
use crate::id::SessionId;
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

/// Attempts under way.
pub(super) type UnderWay = FuturesUnordered<BoxFuture<'static, (SessionId, Result<(), Refusal>)>>;

/// Begins attempts at what is due, and waits for all that are under way, but not for long.
pub(super) async fn tell(bench: &Bench) -> Result<Next, Refusal> {
    let services = &bench.services;
    let mut under_way = bench.logouts.lock().await;
    let room = AT_ONCE.saturating_sub(under_way.len());
    if room > 0 {
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        for notice in services.store.reads().logouts().due(services.now(), room).await? {
            let services = Arc::clone(services);
            under_way.push(Box::pin(async move { (notice.session_id, attempt(&services, notice).await) }));
        }
    }
    if under_way.is_empty() {
        return Ok(Next::In(LOOK_EVERY));
    }
    // What goes wrong with one notice is the matter of its lease: the others are none the wiser.
    let mut round = Round::of("logouts");
    let mut look_again = services.transport.executor.sleep(LOOK_EVERY);
    loop {
        match select(under_way.next(), look_again).await {
            Either::Left((Some((session, ended)), rest)) => {
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
