//! Decisions of those who manage invitations.

use super::send::{Post, address, new_link, post};
use crate::error::Refusal;
use crate::invitation::events;
use crate::invitation::model::{Decision, Invitation, InvitationState};
use crate::store::Change;

/// Approves an invitation: it is sent, and its lifetime begins. Approving what was approved changes nothing.
///
/// # Errors
/// [`Refusal::Conflict`] unless it waits for approval, and when invitations are frozen; [`Refusal::Stale`] when it has
/// changed meanwhile.
pub async fn approve(
    change: &mut Change<'_>,
    before: Invitation,
    reason: Option<String>,
) -> Result<Invitation, Refusal> {
    if before.was_approved() {
        return Ok(before);
    }
    let locked = change.unit().organizations().lock(before.issuer_id, before.org_id).await?;
    let locked = locked.ok_or(Refusal::NotFound)?;
    let version = before.updated_at;
    let link = new_link(change, before.id)?;
    let after = before.approved(change.now(), decision(change, reason), link.hash.clone())?;
    if !locked.is_active() {
        return Err(Refusal::conflict("The organization is suspended, and its invitations are frozen."));
    }
    let email = address(change, &after)?;
    change.unit().invitations().update(&after, version).await?.required()?;
    change.emit(events::approved(change.account(), &after))?;
    post(change, Post { invitation: &after, email, link }).await?;
    Ok(after)
}

/// Rejects an invitation, for good. Rejecting what was rejected changes nothing.
///
/// # Errors
/// [`Refusal::Conflict`] unless it waits for approval; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn reject(
    change: &mut Change<'_>,
    before: Invitation,
    reason: Option<String>,
) -> Result<Invitation, Refusal> {
    if matches!(before.state, InvitationState::Rejected { .. }) {
        return Ok(before);
    }
    let version = before.updated_at;
    let after = before.rejected(change.now(), decision(change, reason))?;
    change.unit().invitations().update(&after, version).await?.required()?;
    change.unit().mails().remove_of_invitation(after.issuer_id, after.id).await?;
    change.emit(events::rejected(change.account(), &after))?;
    change.emit(events::deleted(change.account(), &after, "rejected"))?;
    Ok(after)
}

/// Takes an invitation back; its link is dead.
///
/// # Errors
/// [`Refusal::Conflict`] when it has ended otherwise than by time; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(change: &mut Change<'_>, before: Invitation) -> Result<Invitation, Refusal> {
    let version = before.updated_at;
    let after = before.revoked(change.now())?;
    change.unit().invitations().update(&after, version).await?.required()?;
    change.unit().mails().remove_of_invitation(after.issuer_id, after.id).await?;
    change.emit(events::deleted(change.account(), &after, "revoked"))?;
    Ok(after)
}

fn decision(change: &Change<'_>, reason: Option<String>) -> Decision {
    Decision { by: change.actor().name(), reason }
}
