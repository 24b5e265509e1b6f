//! What the invitee does.

use super::rules::{given, grantor_now};
use crate::error::Refusal;
use crate::folding::address_hash;
use crate::group::operations::resolve;
use crate::id::{GroupId, InvitationId, IssuerId, MemberId, UserId};
use crate::invitation::events;
use crate::invitation::model::{Invitation, InvitationState, LinkToken};
use crate::membership::model::{Membership, MembershipOrigin, NewMember};
use crate::membership::operations as membership;
use crate::store::Change;

/// How an invitee comes to an invitation.
pub enum Door {
    /// By the link of its mail.
    Link(LinkToken),
    /// From the list of invitations for their verified address.
    Listed(InvitationId),
}

impl Door {
    const fn id(&self) -> InvitationId {
        match self {
            Self::Link(token) => token.id,
            Self::Listed(id) => *id,
        }
    }
}

/// Accepts an invitation: the user becomes a member. Of any number of attempts at once one does.
///
/// # Errors
/// [`Refusal::NotFound`] for no invitation, or a dead link; [`Refusal::AccessDenied`] when the verified address of the
/// user is another; [`Refusal::Conflict`] unless it is pending, when the organization is suspended or full, when the
/// user is a member already, and when what it gives may not be given any more.
pub async fn accept(
    change: &mut Change<'_>,
    issuer: IssuerId,
    door: &Door,
    user: UserId,
) -> Result<Membership, Refusal> {
    let (before, is_active) = opened(change, issuer, door, user).await?;
    let organization = before.org_id;
    let version = before.updated_at;
    let grantor = grantor_now(change, &before).await?;
    let after = before.accepted(change.now(), user)?;
    if !is_active {
        return Err(Refusal::conflict("The organization is suspended, and its invitations are frozen."));
    }
    let scopes = given(change.reads(), issuer, organization, &after.grant).await?;
    let granted = membership::check_grant(change.reads(), &grantor, organization, &scopes).await;
    granted.map_err(|refusal| match refusal {
        // It is not the invitee who lacks them.
        Refusal::InsufficientScope(_) => Refusal::conflict("Who invited may not give these rights any more."),
        other => other,
    })?;
    let mut groups = Vec::new();
    for role in &after.grant.roles {
        groups.push(resolved(change, &after, role).await?);
    }
    change.unit().invitations().update(&after, version).await?.required()?;
    change.unit().mails().remove_of_invitation(issuer, after.id).await?;
    change.emit(events::accepted(change.account(), &after, user, &scopes))?;
    let member = NewMember {
        scopes: after.grant.scopes.clone(),
        groups,
        user_title: after.grant.user_title.clone(),
        origin: MembershipOrigin::Invitation,
        ..NewMember::plain(MemberId::User(user))
    };
    membership::add(change, issuer, organization, member).await.map_err(|refusal| match refusal {
        // The invitee stated none of it.
        Refusal::Fields(_) => Refusal::conflict("The organization does not have what the invitation gives any more."),
        other => other,
    })
}

async fn resolved(change: &mut Change<'_>, invitation: &Invitation, role: &str) -> Result<GroupId, Refusal> {
    let group = resolve(change, invitation.issuer_id, invitation.org_id, role, "role").await;
    group.map(|group| group.id).map_err(|refusal| match refusal {
        Refusal::Fields(_) => Refusal::conflict("The role that the invitation gives does not exist any more."),
        other => other,
    })
}

/// Declines an invitation.
///
/// # Errors
/// As [`accept`].
pub async fn decline(change: &mut Change<'_>, issuer: IssuerId, door: &Door, user: UserId) -> Result<(), Refusal> {
    let (before, _) = opened(change, issuer, door, user).await?;
    let version = before.updated_at;
    let after = before.declined(change.now())?;
    change.unit().invitations().update(&after, version).await?.required()?;
    change.unit().mails().remove_of_invitation(issuer, after.id).await?;
    change.emit(events::declined(change.account(), &after))
}

/// Declines an invitation for whoever has its link, as the caller has checked: they have read its mail, whether or not
/// they have an account.
///
/// # Errors
/// [`Refusal::Conflict`] unless it is pending; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn decline_unasked(change: &mut Change<'_>, before: Invitation) -> Result<(), Refusal> {
    let (issuer, version) = (before.issuer_id, before.updated_at);
    let after = before.declined(change.now())?;
    change.unit().invitations().update(&after, version).await?.required()?;
    change.unit().mails().remove_of_invitation(issuer, after.id).await?;
    change.emit(events::declined(change.account(), &after))
}

/// The invitation behind the door, for the user it is meant for, and whether its organization is active. The
/// organization is locked from here on: whoever came first is done.
async fn opened(
    change: &mut Change<'_>,
    issuer: IssuerId,
    door: &Door,
    user: UserId,
) -> Result<(Invitation, bool), Refusal> {
    let found = change.reads().invitations().find_in_issuer(issuer, door.id()).await?.ok_or(Refusal::NotFound)?;
    let locked = change.unit().organizations().lock(issuer, found.org_id).await?.ok_or(Refusal::NotFound)?;
    let current = change.reads().invitations().find_in_issuer(issuer, found.id).await?.ok_or(Refusal::NotFound)?;
    if let (Door::Link(presented), InvitationState::Pending { token }) = (door, &current.state)
        && !presented.is(token, &change.keyring().peppers)
    {
        return Err(Refusal::NotFound);
    }
    let user = change.reads().users().find(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let email = user.email().filter(|_| user.details.profile.email_verified);
    let root = change.root_of(issuer)?;
    if email.map(|email| address_hash(root, email)) != Some(current.address_hash) {
        return Err(Refusal::AccessDenied("The invitation is for another address than the verified one of the user."));
    }
    Ok((current, locked.is_active()))
}
