//! Queueing mail in the unit of work of what causes it.

use super::model::{Address, Content, Letter, Mail, Template};
use crate::error::Refusal;
use crate::folding::name_hash;
use crate::id::{EventId, InvitationId, IssuerId, OrganizationId, UserId};
use crate::lease::Lease;
use crate::mailbox::Mailbox;
use crate::store::Change;

/// A mail to be sent.
#[derive(Debug)]
pub struct NewMail {
    /// Whose looks it has; the change must be about it.
    pub issuer_id: IssuerId,
    /// Which mail it is.
    pub template: Template,
    /// The user it goes to.
    pub user_id: Option<UserId>,
    /// The organization it is about.
    pub org_id: Option<OrganizationId>,
    /// The invitation it is about.
    pub invitation_id: Option<InvitationId>,
    /// The event it tells of.
    pub cause: Option<EventId>,
    /// Recipient: the address on the record, never one from a request.
    pub to: Mailbox,
    /// What it says.
    pub content: Content,
}

/// Queues a mail: it is sent if, and soon after, the change is committed.
///
/// # Errors
/// [`Refusal::Internal`] when the change is about another issuer or the seal fails; [`Refusal::Store`].
pub async fn enqueue(change: &mut Change<'_>, new: NewMail) -> Result<(), Refusal> {
    let id = change.mint()?;
    let root = change.root_of(new.issuer_id)?;
    let recipient_hash = name_hash(root, new.to.as_str());
    let sealed = Letter { to: Address(new.to), content: new.content }.sealed(root, id)?;
    let mail = Mail {
        id,
        account_id: change.account(),
        issuer_id: new.issuer_id,
        user_id: new.user_id,
        org_id: new.org_id,
        invitation_id: new.invitation_id,
        template: new.template,
        cause: new.cause,
        recipient_hash,
        sealed,
        lease: Lease::due(change.now()),
        created_at: change.now(),
    };
    Ok(change.unit().mails().enqueue(&mail).await?)
}
