//! Takes away all that gives access through an organization, in steps (core-api section 16).

use super::{OrganizationPatch, update};
use crate::credential::operations as credential;
use crate::delegation::model::{DelegationParty, EndCause as DelegationEnd};
use crate::delegation::operations as delegation;
use crate::error::Refusal;
use crate::organization::model::{AccessRevocation, Organization, OrganizationStatus};
use crate::session::model::EndCause;
use crate::session::operations as session;
use crate::session::repository::SessionsOf;
use crate::status::StatusNote;
use crate::store::Change;

/// What a revocation covers.
#[derive(Clone, Debug)]
pub struct Covered {
    /// The organization, suspended.
    pub organization: Organization,
    /// Sessions whose tokens are selected to it.
    pub sessions: u64,
    /// Active API keys of it.
    pub keys: u64,
    /// Delegations bound to it.
    pub delegations: u64,
}

/// Suspends an organization, so that nothing new can start, and orders the end of its API keys, sessions and
/// delegations; a worker carries that out.
///
/// # Errors
/// [`Refusal::Conflict`] for the organization of an account; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(change: &mut Change<'_>, before: Organization, note: StatusNote) -> Result<Covered, Refusal> {
    let (issuer, id) = (before.issuer_id, before.id);
    if change.reads().accounts().exists(id.account()).await? {
        return Err(Refusal::conflict("The organization of an account keeps its access; close the account instead."));
    }
    change.unit().organizations().lock(issuer, id).await?.ok_or(Refusal::NotFound)?;
    let status = Some((OrganizationStatus::Suspended, note.clone()));
    let organization = update(change, before, OrganizationPatch { status, ..OrganizationPatch::default() }).await?;
    let (account, now) = (change.account(), change.now());
    let reads = change.reads();
    let covered = Covered {
        organization,
        sessions: reads.sessions().count_unended(issuer, SessionsOf::Organization(id), now).await?,
        keys: reads.api_keys().count_active(account, id, now).await?,
        delegations: reads.delegations().count_active(issuer, DelegationParty::Organization(id), now).await?,
    };
    if covered.sessions + covered.keys + covered.delegations > 0 {
        let order = AccessRevocation { org_id: id, issuer_id: issuer, account_id: account, ordered_at: now, note };
        change.unit().organizations().order_revocation(&order).await?;
    }
    Ok(covered)
}

/// Carries out a part of an order: about `limit` objects. Once nothing is left, the order is dropped. Tells whether it
/// was.
///
/// # Errors
/// [`Refusal::Stale`] when something has changed meanwhile.
pub async fn carry_on(change: &mut Change<'_>, order: &AccessRevocation, limit: u32) -> Result<bool, Refusal> {
    let (issuer, id) = (order.issuer_id, order.org_id);
    let keys = change.reads().api_keys().active(order.account_id, id, order.ordered_at, limit).await?;
    if !keys.is_empty() {
        for key in keys {
            credential::block(change, key, order.note.clone()).await?;
        }
        return Ok(false);
    }
    let sessions = change.reads().sessions().live(issuer, SessionsOf::Organization(id), None, limit).await?;
    if !sessions.is_empty() {
        let reason = order.note.reason.as_deref();
        session::end_each(change, sessions, EndCause::OrganizationRevoked, reason).await?;
        return Ok(false);
    }
    let bound = DelegationParty::Organization(id);
    if delegation::end_some(change, issuer, bound, DelegationEnd::OrganizationRevoked, limit).await? > 0 {
        return Ok(false);
    }
    change.unit().organizations().finish_revocation(order).await?;
    Ok(true)
}
