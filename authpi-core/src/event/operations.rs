//! What is done with events after their commit.

use std::collections::{BTreeMap, BTreeSet};

use super::repository::{Consumer, Unchained};
use crate::error::Refusal;
use crate::id::AccountId;
use crate::retries::Retries;
use crate::store::UnitOfWork;
use crate::web::services::Services;

/// Events that get their numbers in one unit of work.
pub(crate) const BATCH: u32 = 500;

/// Batches of all accounts that one export looks through for what its account still lacks.
const LOOKS: u32 = 40;

/// Gives those of `waiting` that still wait the next numbers of their accounts, in the order of their ids. Two units of work
/// cannot do this for one account at the same time: the later one finds nothing left. Events of an account that has ended
/// get no number: nobody can ask for its trail. Returns how many links were made.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn link(unit: &mut dyn UnitOfWork, waiting: &[Unchained]) -> Result<u64, Refusal> {
    let now = unit.now();
    let accounts: BTreeSet<_> = waiting.iter().map(|one| one.account_id).collect();
    let accounts: Vec<_> = accounts.into_iter().collect();
    let ids: Vec<_> = waiting.iter().map(|one| one.event_id).collect();
    let heads = unit.events().lock_heads(&accounts).await?;
    // Asked behind the lock: whoever held it before has numbered what is not found here.
    let events = unit.events().still_unchained(&ids).await?;
    let mut heads: BTreeMap<_, _> = heads.into_iter().map(|head| (head.account_id, head)).collect();
    let mut moved = BTreeSet::new();
    let mut links = Vec::with_capacity(events.len());
    for event in &events {
        if let Some(head) = heads.get_mut(&event.account_id) {
            links.push(head.extend(event, now));
            moved.insert(event.account_id);
        }
    }
    heads.retain(|account, _| moved.contains(account));
    if !links.is_empty() {
        let heads: Vec<_> = heads.into_values().collect();
        unit.events().extend_chains(&links, &heads).await?;
    }
    unit.events().outbox_done(Consumer::Chain, &ids).await?;
    Ok(links.len() as u64)
}

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
