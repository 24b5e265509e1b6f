//! Numbers for events that have none yet: soon after their commit by a worker, and before an export.

use super::operations::link;
use super::repository::Unchained;
use crate::error::Refusal;
use crate::id::AccountId;
use crate::retries::Retries;
use crate::web::services::Services;

/// Events that get their numbers in one unit of work.
pub(crate) const BATCH: u32 = 500;

/// Batches that one export numbers of what its account still lacks.
const BATCHES: u32 = 40;

/// Gives a number to every event of the account that was committed before, and to none that comes while this goes on:
/// however much is written, it ends.
///
/// # Errors
/// As [`link`]; [`Refusal::Overloaded`] when so many wait that this would take long.
pub(crate) async fn catch_up(services: &Services, account: AccountId) -> Result<(), Refusal> {
    let reads = services.store.reads().events();
    let Some(last) = reads.last_unchained().await? else { return Ok(()) };
    let mut after = None;
    for _ in 0..BATCHES {
        let waiting = reads.unchained_of(account, (after, last), BATCH).await?;
        let Some(end) = waiting.last() else { return Ok(()) };
        after = Some(end.event_id);
        link_all(services, &waiting).await?;
    }
    Err(Refusal::Overloaded("the events that wait for their numbers"))
}

/// One unit of work; returns how many links were made.
///
/// # Errors
/// As [`link`].
pub(crate) async fn link_all(services: &Services, waiting: &[Unchained]) -> Result<u64, Refusal> {
    let mut retries = Retries::new();
    loop {
        let attempt = async {
            let mut unit = services.store.begin(services.now()).await?;
            let made = link(unit.as_mut(), waiting).await?;
            unit.commit().await?;
            metrics::counter!("authpi_event_links_total").increment(made);
            Ok(made)
        };
        if let Some(ended) = retries.ended(attempt.await) {
            return ended;
        }
    }
}
