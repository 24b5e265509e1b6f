//! Closing an account.

use super::AccountWithOrganization;
use crate::account::events;
use crate::error::Refusal;
use crate::id::{MemberId, UserId};
use crate::store::Change;

/// Demands that somebody holds `owner` in the account, by themselves and now.
///
/// # Errors
/// [`Refusal::AccessDenied`].
pub async fn require_owner(
    change: &Change<'_>,
    found: &AccountWithOrganization,
    user: Option<UserId>,
) -> Result<(), Refusal> {
    let denied = || Refusal::AccessDenied("Only an owner closes an account.");
    let member = MemberId::User(user.ok_or_else(denied)?);
    let organization = &found.organization;
    let membership = change.reads().memberships().find(organization.issuer_id, organization.id, member).await?;
    match membership {
        Some(membership) if membership.is_active() && membership.is_owner() => Ok(()),
        _ => Err(denied()),
    }
}

/// Accepts the end of an account that [`find_locked`](super::find_locked) found: nobody can act on it from here on, its
/// keys are refused, and its webhooks hear nothing more. A worker removes what belongs to it.
///
/// # Errors
/// [`Refusal::Conflict`] while it has an issuer; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn close(change: &mut Change<'_>, found: &AccountWithOrganization) -> Result<(), Refusal> {
    let AccountWithOrganization { account, organization, .. } = found;
    // Whoever makes an issuer locks the account, too.
    if !change.unit().accounts().lock(account.id).await? {
        return Err(Refusal::Stale);
    }
    if change.reads().accounts().has_issuer(account.id).await? {
        return Err(Refusal::conflict("The account still has an issuer; delete its issuers first."));
    }
    let cascade = change.reads().accounts().children(account.id).await?;
    change.unit().webhooks().delete_of_account(account.id).await?;
    change.unit().accounts().begin_delete(account.id, account.updated_at).await?.required()?;
    let (issuer, id, version) = (organization.issuer_id, organization.id, organization.updated_at);
    change.unit().organizations().begin_delete(issuer, id, version).await?.required()?;
    change.emit(events::deleted(account, &cascade))
}
