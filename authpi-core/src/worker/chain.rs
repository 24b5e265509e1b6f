//! Numbers for events: each gets its place in the hash chain of its account soon after its commit (events-webhooks §15).

use std::collections::BTreeMap;
use std::time::Duration;

use super::round::Round;
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::event::numbering::{BATCH, link_all};
use crate::event::repository::Unchained;
use crate::id::AccountId;

/// How often events without a number are looked for: they get one within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Numbers a batch of events. One that cannot be read keeps the events of its own account waiting, and no others.
pub(super) async fn link(state: &WorkerState) -> Result<Next, Refusal> {
    let (services, now) = (&state.services, state.services.now());
    let mut passed = state.chain_passed.lock().await;
    let after = passed.after(now);
    let waiting = services.store.reads().events().unchained(after, BATCH).await?;
    let Some(last) = waiting.last() else {
        passed.through();
        return Ok(Next::In(LOOK_EVERY));
    };
    match link_all(services, &waiting).await {
        Ok(_) => return Ok(Next::after(waiting.len(), BATCH, LOOK_EVERY)),
        Err(refusal) if is_everybodys(&refusal) => return Err(refusal),
        Err(_) => {}
    }
    let mut accounts: BTreeMap<AccountId, Vec<Unchained>> = BTreeMap::new();
    for one in &waiting {
        accounts.entry(one.account_id).or_default().push(*one);
    }
    let mut round = Round::of("event-chain");
    for (account, events) in accounts {
        round.outcome(account, link_all(services, &events).await.map(Some))?;
    }
    if !round.has_failed() {
        return Ok(Next::Now);
    }
    passed.over(last.event_id, now);
    Ok(Next::GoOn)
}

/// The failure is none of one account's events.
fn is_everybodys(refusal: &Refusal) -> bool {
    let is_passing = matches!(refusal, Refusal::Store(error) if error.kind.is_passing());
    is_passing || refusal.is_retryable()
}
