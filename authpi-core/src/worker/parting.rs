//! What ends with somebody who was deleted, wherever it names them: delegations, each with its event, and notes.

use std::sync::Arc;

use super::removal::{BATCH, LOOK_EVERY, OVERLAP};
use super::schedule::Next;
use super::steps::Bench;
use crate::delegation::model::DelegationParty;
use crate::delegation::operations::end_some;
use crate::error::Refusal;
use crate::id::{AccountId, IssuerId};
use crate::store::Change;
use crate::web::services::{Origin, Services};

/// Ends a batch of delegations of a party that was deleted, and tells how many.
pub(super) async fn end_delegations(
    services: &Arc<Services>,
    account: AccountId,
    issuer: IssuerId,
    of: DelegationParty,
) -> Result<u32, Refusal> {
    // Most parties have none, which is no reason to keep writers waiting.
    if services.store.reads().delegations().count_active(issuer, of, services.now()).await? == 0 {
        return Ok(0);
    }
    let root = services.root_for(Some(issuer)).await?;
    let context = services.change_context(Origin::of_worker(account), root);
    let mut change = Change::new(services.store.begin(services.now()).await?, &context);
    let ended = end_some(&mut change, issuer, of, of.deletion(), BATCH).await?;
    change.into_unit().await?.commit().await?;
    Ok(ended)
}

/// Ends delegations of somebody who was deleted. Those of a user go with the user.
pub(super) async fn departed_delegations(bench: &Bench) -> Result<Next, Refusal> {
    let services = &bench.services;
    let mut since = bench.parties_since.lock().await;
    let asked_at = services.now();
    let found = services.store.reads().delegations().departed(*since, asked_at, 1).await?.pop();
    let Some(gone) = found else {
        *since = asked_at.minus(OVERLAP).max(*since);
        return Ok(Next::In(LOOK_EVERY));
    };
    if end_delegations(services, gone.account_id, gone.issuer_id, gone.party).await? > 0 {
        return Ok(Next::Now);
    }
    let DelegationParty::User(_) = gone.party else {
        // Another process was faster: the next look finds nothing, or what is left.
        return Ok(Next::In(LOOK_EVERY));
    };
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.delegations().remove_of(gone.issuer_id, gone.party, BATCH).await?;
    unit.commit().await?;
    Ok(if removed == 0 { Next::In(LOOK_EVERY) } else { Next::Now })
}

/// Removes a batch of notes about somebody who was deleted.
pub(super) async fn departed_notes(bench: &Bench) -> Result<Next, Refusal> {
    let services = &bench.services;
    let mut since = bench.subjects_since.lock().await;
    let asked_at = services.now();
    let Some(gone) = services.store.reads().notes().departed(*since, 1).await?.pop() else {
        *since = asked_at.minus(OVERLAP).max(*since);
        return Ok(Next::In(LOOK_EVERY));
    };
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.notes().remove_of(gone.issuer_id, gone.subject, BATCH).await?;
    unit.commit().await?;
    // Another process was faster: the next look finds nothing, or what is left.
    Ok(if removed == 0 { Next::In(LOOK_EVERY) } else { Next::Now })
}
