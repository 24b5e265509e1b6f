//! Steps that keep signing keys ready and young (idp.md §13).

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use super::steps::Bench;
use crate::error::Refusal;
use crate::oauth::rotation::fill_rsa_pool;
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
pub(super) async fn rotation(bench: &Bench) -> Result<Next, Refusal> {
    let next = bench.rotation.lock().await.step(&bench.services).await?;
    let pause = next.since(bench.services.now());
    Ok(if pause.is_zero() { Next::GoOn } else { Next::In(pause.min(LONGEST_PAUSE)) })
}
