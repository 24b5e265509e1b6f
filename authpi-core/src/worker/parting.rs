//! What ends with somebody who was deleted, wherever it names them: delegations, each with its event, and notes.

use std::sync::Arc;

use super::removal::{BATCH, LOOK_EVERY};
use super::round::{PARENTS, Round};
use super::schedule::Next;
use super::sessions::rested;
use super::steps::WorkerState;
use super::unattended;
use crate::delegation::model::DelegationParty;
use crate::delegation::operations::end_some;
use crate::delegation::repository::DepartedParty;
use crate::error::Refusal;
use crate::id::{AccountId, IssuerId};
use crate::note::repository::DepartedSubject;
use crate::web::services::Services;

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
    let context = unattended::context(services, account, Some(issuer)).await?;
    let mut change = unattended::begin(services, &context).await?;
    let ended = end_some(&mut change, issuer, of, of.deletion(), BATCH).await?;
    change.into_unit().await?.commit().await?;
    Ok(ended)
}

/// Ends delegations of somebody who was deleted. Those of a user go with the user.
pub(super) async fn departed_delegations(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut since = state.parties_since.lock().await;
    let asked_at = services.now();
    let mut round = Round::of("departed-delegations");
    let found = services.store.reads().delegations().departed(*since, asked_at, PARENTS).await?;
    let is_done = found.is_empty();
    for gone in found {
        if let Some(next) = round.outcome(gone.issuer_id, one_party(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(if is_done { rested(&round, &mut since, asked_at) } else { round.rest(LOOK_EVERY) })
}

/// Nothing is left to do when another process was faster.
async fn one_party(services: &Arc<Services>, gone: &DepartedParty) -> Result<Option<Next>, Refusal> {
    if end_delegations(services, gone.account_id, gone.issuer_id, gone.party).await? > 0 {
        return Ok(Some(Next::Now));
    }
    let DelegationParty::User(_) = gone.party else { return Ok(None) };
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.delegations().remove_of(gone.issuer_id, gone.party, BATCH).await?;
    unit.commit().await?;
    Ok((removed > 0).then_some(Next::Now))
}

/// Removes a batch of notes about somebody who was deleted.
pub(super) async fn departed_notes(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut since = state.subjects_since.lock().await;
    let asked_at = services.now();
    let mut round = Round::of("departed-notes");
    let found = services.store.reads().notes().departed(*since, PARENTS).await?;
    let is_done = found.is_empty();
    for gone in found {
        if let Some(next) = round.outcome(gone.issuer_id, notes_about(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(if is_done { rested(&round, &mut since, asked_at) } else { round.rest(LOOK_EVERY) })
}

/// Nothing is left to remove when another process was faster.
async fn notes_about(services: &Arc<Services>, gone: &DepartedSubject) -> Result<Option<Next>, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.notes().remove_of(gone.issuer_id, gone.subject, BATCH).await?;
    unit.commit().await?;
    Ok((removed > 0).then_some(Next::Now))
}
