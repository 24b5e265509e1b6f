//! Steps that keep signing keys ready and young (idp.md §13).

use std::sync::Arc;
use std::time::Duration;

use super::removal::LOOK_EVERY as LOST_EVERY;
use super::round::{PARENTS, Round};
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::oauth::rotation::{end_signed, fill_rsa_pool};
use crate::web::services::Services;

/// How often the pool is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Longest time between two looks at what is due: a host may set its clock.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Generates one RSA key for the pool that new issuers take from.
pub(super) async fn rsa_pool(services: &Arc<Services>) -> Result<Next, Refusal> {
    match fill_rsa_pool(services).await {
        Ok(true) => Ok(Next::Now),
        // A CPU that is busy with requests is no failure.
        Ok(false) | Err(Refusal::Overloaded(_)) => Ok(Next::In(LOOK_EVERY)),
        Err(refusal) => Err(refusal),
    }
}

/// Rotates the keys of the next few issuers that are due.
pub(super) async fn rotation(state: &WorkerState) -> Result<Next, Refusal> {
    let next = state.rotation.lock().await.step(&state.services).await?;
    let pause = next.since(state.services.now());
    Ok(if pause.is_zero() { Next::GoOn } else { Next::In(pause.min(LONGEST_PAUSE)) })
}

/// Ends some of the sessions that a key in wrong hands has signed, until none are left and the order is carried out.
pub(super) async fn lost(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("lost-keys");
    for lost in services.store.reads().signing_keys().lost(PARENTS).await? {
        let ended = end_signed(services, lost).await.map(|_| Some(Next::Now));
        if let Some(next) = round.outcome(lost.kid, ended)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOST_EVERY))
}
