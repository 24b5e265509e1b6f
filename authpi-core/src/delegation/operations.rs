//! What can be done with delegations.

use super::events;
use super::model::{Delegation, DelegationParty, EndCause};
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::scope::Scopes;
use crate::store::Change;

/// Delegations that [`end_all`] ends in one go: far more than a user can have in force.
const BATCH: u32 = 500;

/// Ends all delegations of a party that are in force, each with its event, and tells how many. For parties whose number
/// is bounded, such as a user; [`end_some`] is for the others.
///
/// # Errors
/// [`Refusal::Store`]; [`Refusal::Stale`] when one of them has changed meanwhile.
pub async fn end_all(
    change: &mut Change<'_>,
    issuer: IssuerId,
    of: DelegationParty,
    cause: EndCause,
) -> Result<u32, Refusal> {
    let mut ended = 0_u32;
    loop {
        match end_some(change, issuer, of, cause, BATCH).await? {
            0 => return Ok(ended),
            more => ended = ended.saturating_add(more),
        }
    }
}

/// Ends at most `limit` delegations of a party that are in force, each with its event, and tells how many; repeat until
/// there are none.
///
/// # Errors
/// As [`end_all`].
pub async fn end_some(
    change: &mut Change<'_>,
    issuer: IssuerId,
    of: DelegationParty,
    cause: EndCause,
    limit: u32,
) -> Result<u32, Refusal> {
    let found = change.reads().delegations().active(issuer, of, change.now(), limit).await?;
    let mut ended = 0;
    for before in found {
        let note = change.status_note(Some(cause.as_str().to_owned()), None);
        let version = before.updated_at;
        let after = before.revoked(change.now(), note);
        change.unit().delegations().update(&after, version).await?.required()?;
        change.emit(events::revoked(change.account(), &after, cause))?;
        ended += 1;
    }
    Ok(ended)
}

/// Notes that a token exchange succeeded under a delegation; its version stays.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn used(
    change: &mut Change<'_>,
    delegation: &Delegation,
    given: &Scopes,
    chain_depth: u32,
) -> Result<(), Refusal> {
    let at = change.now();
    change.unit().delegations().count_use(delegation.issuer_id, delegation.id, at).await?;
    change.emit(events::used(change.account(), delegation, given, chain_depth))
}
