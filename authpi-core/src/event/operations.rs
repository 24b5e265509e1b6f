//! What is done with events after their commit.

use std::collections::{BTreeMap, BTreeSet};

use super::repository::{Consumer, Unchained};
use crate::error::Refusal;
use crate::store::UnitOfWork;

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
