//! What can be done with delegations.

use super::events;
use super::model::{
    ACTIVE_LIMIT, Delegation, DelegationParty, DelegationStatus, EndCause, GrantedBy, NewDelegation, check_scopes,
    expiry,
};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{IssuerId, MemberId, UserId};
use crate::scope::Scopes;
use crate::status::{Status, StatusNote};
use crate::store::Change;

/// Delegations that [`end_all`] ends in one go: far more than a user can have in force.
const BATCH: u32 = 500;

/// Lets an agent act for a user.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Fields`] for what cannot be delegated, a wrong expiry,
/// and an agent, client or organization outside the issuer; [`Refusal::Conflict`] when user or agent is not active, the
/// user is no active member of the organization, one for the same purpose is in force, or there are too many.
pub async fn grant(change: &mut Change<'_>, issuer: IssuerId, new: NewDelegation) -> Result<Delegation, Refusal> {
    let mut errors = FieldErrors::new();
    // An organization is locked before a user.
    if let Some(organization) = new.org_id
        && change.unit().organizations().lock(issuer, organization).await?.is_none()
    {
        errors.add("org_id", FieldCode::UnknownReference, "the issuer has no such organization");
    }
    let user_status = change.unit().users().lock(issuer, new.user_id).await?.ok_or(Refusal::NotFound)?;
    let agent = change.reads().agents().find(issuer, new.agent_id).await?;
    if agent.is_none() {
        errors.add("agent_id", FieldCode::UnknownReference, "the issuer has no such agent");
    }
    if let Some(client) = new.client_id
        && change.reads().clients().find(issuer, client).await?.is_none()
    {
        errors.add("client_id", FieldCode::UnknownReference, "the issuer has no such client");
    }
    check_scopes(&new.scopes, &mut errors);
    let expires_at = expiry(new.expires_at, change.now(), &mut errors);
    errors.into_result()?;
    if !user_status.may_authenticate() {
        return Err(Refusal::conflict("The user is not active."));
    }
    if !agent.is_some_and(|agent| agent.is_active()) {
        return Err(Refusal::conflict("The agent is not active."));
    }
    check_room(change, issuer, &new).await?;
    let delegation = Delegation {
        id: change.mint()?,
        issuer_id: issuer,
        user_id: new.user_id,
        agent_id: new.agent_id,
        client_id: new.client_id,
        org_id: new.org_id,
        scopes: new.scopes,
        status: Status::initial(DelegationStatus::Active),
        granted_by: new.granted_by,
        reason: new.reason,
        expires_at,
        usage_count: 0,
        last_used_at: None,
        metadata: new.metadata,
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().delegations().insert(&delegation).await?;
    change.emit(events::granted(change.account(), &delegation))?;
    Ok(delegation)
}

/// The rules over everything that the user, who is locked by now, has.
async fn check_room(change: &Change<'_>, issuer: IssuerId, new: &NewDelegation) -> Result<(), Refusal> {
    if let Some(organization) = new.org_id
        && !change.reads().memberships().is_active_member(organization, MemberId::User(new.user_id)).await?
    {
        return Err(Refusal::conflict("The user is no active member of the organization."));
    }
    let user = DelegationParty::User(new.user_id);
    let known = change.reads().delegations().active(issuer, user, change.now(), ACTIVE_LIMIT).await?;
    if known.iter().any(|known| known.is_for(new.agent_id, new.client_id, new.org_id)) {
        return Err(Refusal::conflict("A delegation for this agent, client and organization is in force already."));
    }
    if known.len() >= ACTIVE_LIMIT as usize {
        return Err(Refusal::conflict("The user has as many delegations in force as there may be."));
    }
    Ok(())
}

/// Takes a delegation back, for good, also one that has expired. One that was taken back stays as it is.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(change: &mut Change<'_>, before: Delegation, note: StatusNote) -> Result<Delegation, Refusal> {
    let version = before.updated_at;
    let after = before.revoked(change.now(), note);
    if after.updated_at == version {
        return Ok(after);
    }
    change.unit().delegations().update(&after, version).await?.required()?;
    change.emit(events::revoked(change.account(), &after, EndCause::Revoked))?;
    Ok(after)
}

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

/// Ends those delegations in force that a user gave by themselves, each with its event.
///
/// # Errors
/// As [`end_all`].
pub async fn end_own(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    let of = DelegationParty::User(user);
    let found = change.reads().delegations().active(issuer, of, change.now(), BATCH).await?;
    for before in found.into_iter().filter(|delegation| delegation.granted_by == GrantedBy::User) {
        ended(change, before, EndCause::RevokedAll).await?;
    }
    Ok(())
}

async fn ended(change: &mut Change<'_>, before: Delegation, cause: EndCause) -> Result<(), Refusal> {
    let note = change.status_note(Some(cause.as_str().to_owned()), None);
    let version = before.updated_at;
    let after = before.revoked(change.now(), note);
    change.unit().delegations().update(&after, version).await?.required()?;
    change.emit(events::revoked(change.account(), &after, cause))
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
    let mut count = 0;
    for before in found {
        ended(change, before, cause).await?;
        count += 1;
    }
    Ok(count)
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
