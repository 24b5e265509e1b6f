//! Numbers for events that have none yet: soon after their commit by a worker, and before an export.

use super::operations::link;
use super::repository::Unchained;
use crate::error::Refusal;
use crate::id::AccountId;
use crate::retries::Retries;
use crate::web::services::Services;

/// Events that get their numbers in one unit of work.
pub(crate) const BATCH: u32 = 500;

/// Batches of all accounts that one export looks through for what its account still lacks.
const LOOKS: u32 = 40;

/// Gives a number to every event of the account that was committed before, and to none that comes while this goes on:
/// however much is written, it ends.
///
/// # Errors
/// As [`link`]; [`Refusal::Overloaded`] when so many events of all accounts wait that this would take long.
pub(crate) async fn catch_up(services: &Services, account: AccountId) -> Result<(), Refusal> {
    let reads = services.store.reads().events();
    let Some(last) = reads.last_unchained().await? else { return Ok(()) };
    let mut after = None;
    for _ in 0..LOOKS {
        let page = reads.unchained(after, BATCH).await?;
        let end = page.last().map(|one| one.event_id);
        let is_ours = |one: &Unchained| one.account_id == account && one.event_id <= last;
        let ours: Vec<_> = page.into_iter().filter(is_ours).collect();
        if !ours.is_empty() {
            link_all(services, &ours).await?;
        }
        if end.is_none_or(|end| end >= last) {
            return Ok(());
        }
        after = end;
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
