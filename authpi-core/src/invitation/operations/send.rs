//! Links, and the mails that carry them.

use super::rules::check_room;
use crate::error::Refusal;
use crate::id::InvitationId;
use crate::invitation::model::{Invitation, LinkToken};
use crate::mail::model::{Content, LinkToken as SealedToken, Template};
use crate::mail::operations::{NewMail, enqueue};
use crate::mailbox::Mailbox;
use crate::secret::{Secret, SecretHash};
use crate::store::Change;

/// A link that no mail carries yet.
pub(super) struct NewLink {
    clear: Secret,
    /// What is stored of it.
    pub(super) hash: SecretHash,
}

/// A mail to an invitee.
pub(super) struct Post<'i> {
    pub(super) invitation: &'i Invitation,
    pub(super) email: Mailbox,
    pub(super) link: NewLink,
}

/// Makes a link for an invitation.
pub(super) fn new_link(change: &Change<'_>, id: InvitationId) -> Result<NewLink, Refusal> {
    let token = LinkToken::new(id, change.secret()?);
    Ok(NewLink { hash: token.hash(&change.keyring().peppers), clear: token.text() })
}

/// Queues the mail; an earlier one that was not sent yet would carry a dead link.
pub(super) async fn post(change: &mut Change<'_>, post: Post<'_>) -> Result<(), Refusal> {
    let Post { invitation, email, link } = post;
    change.unit().mails().remove_of_invitation(invitation.issuer_id, invitation.id).await?;
    let mail = NewMail {
        issuer_id: invitation.issuer_id,
        template: Template::Invitation,
        user_id: None,
        org_id: Some(invitation.org_id),
        invitation_id: Some(invitation.id),
        cause: None,
        to: email,
        content: Content::Link { token: SealedToken(link.clear) },
    };
    enqueue(change, mail).await
}

/// The address of an invitation whose mail is to be sent.
pub(super) fn address(change: &Change<'_>, invitation: &Invitation) -> Result<Mailbox, Refusal> {
    let invitee = invitation.invitee(change.root_of(invitation.issuer_id)?)?;
    let email = invitee.and_then(|invitee| Mailbox::parse(&invitee.email));
    email.ok_or_else(|| Refusal::conflict("The invited address is not known any more."))
}

/// Sends an invitation again, with another link and its whole lifetime.
///
/// # Errors
/// [`Refusal::Conflict`] unless it was sent before and is pending, or expired at most 30 days ago; when invitations are
/// frozen, and when the place was taken meanwhile. [`Refusal::RateLimited`] within a minute of the last mail.
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn resend(change: &mut Change<'_>, before: Invitation) -> Result<Invitation, Refusal> {
    let (issuer, organization) = (before.issuer_id, before.org_id);
    let locked = change.unit().organizations().lock(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    let now = change.now();
    let (version, resendable_at) = (before.updated_at, before.resendable_at());
    let link = new_link(change, before.id)?;
    let after = before.resent(now, link.hash.clone())?;
    if !locked.is_active() {
        return Err(Refusal::conflict("The organization is suspended, and its invitations are frozen."));
    }
    check_room(change, (issuer, organization), &after.address_hash, Some(after.id)).await?;
    if now < resendable_at {
        return Err(Refusal::RateLimited { retry_after: resendable_at.since(now) });
    }
    let email = address(change, &after)?;
    change.unit().invitations().update(&after, version).await?.required()?;
    post(change, Post { invitation: &after, email, link }).await?;
    Ok(after)
}
