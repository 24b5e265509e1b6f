//! The one gate for new users (D186): whatever the method, nobody becomes a user but through it.

use super::advance::Ground;
use super::signup_method;
use crate::error::Refusal;
use crate::folding::address_hash;
use crate::invitation::model::{InvitationState, InvitationStatus, LinkToken};
use crate::issuer::model::access::{AccessMode, normal_domain};
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::model::PendingUser;
use crate::mailbox::Mailbox;
use crate::store::Change;
use crate::user::model::UserStatus;

/// Somebody who may become a user. Only [`admit`] makes one, and only with one a user is made.
pub(super) struct Admitted {
    status: UserStatus,
    address_verified: bool,
}

impl Admitted {
    /// Where the user begins.
    pub(super) const fn status(&self) -> UserStatus {
        self.status
    }

    /// The address is proven.
    pub(super) const fn address_verified(&self) -> bool {
        self.address_verified
    }
}

/// What the gate says.
pub(super) enum Admission {
    /// Come in.
    Admitted(Box<Admitted>),
    /// Not this way.
    Refused,
}

/// Whether somebody may become a user. An invitation proves its address by itself: only who reads its mail has the link.
pub(super) async fn admit(
    change: &Change<'_>,
    ground: &Ground,
    address: &Mailbox,
    address_verified: bool,
    pending: &PendingUser,
) -> Result<Admission, Refusal> {
    let access = &ground.issuer.details.settings.access;
    let is_invited = is_invited(change, ground, address, pending).await?;
    let is_verified = address_verified || is_invited;
    let lets_in = match access.mode {
        AccessMode::Open => true,
        AccessMode::InviteOnly => is_invited,
        AccessMode::DomainRestricted => is_invited || (is_verified && is_allowed(&access.allowed_domains, address)),
        AccessMode::Closed => false,
    };
    if !lets_in || !is_method_offered(ground, pending) || (access.signup.verify_email && !is_verified) {
        return Ok(Admission::Refused);
    }
    let status = if access.signup.require_approval { UserStatus::PendingApproval } else { UserStatus::Active };
    Ok(Admission::Admitted(Box::new(Admitted { status, address_verified: is_verified })))
}

/// Whether it is any use to ask for a proof of the address.
pub(super) async fn may_come(
    change: &Change<'_>,
    ground: &Ground,
    address: &Mailbox,
    pending: &PendingUser,
) -> Result<bool, Refusal> {
    Ok(matches!(admit(change, ground, address, true, pending).await?, Admission::Admitted(_)))
}

/// The address is proven by a mail before somebody becomes a user.
pub(super) const fn needs_proof(ground: &Ground) -> bool {
    let access = &ground.issuer.details.settings.access;
    access.signup.verify_email || matches!(access.mode, AccessMode::DomainRestricted)
}

fn is_method_offered(ground: &Ground, pending: &PendingUser) -> bool {
    let offers = |kind| signup_method(&ground.methods, kind).is_some();
    if pending.password.is_some() {
        return offers(AuthMethodKind::Password);
    }
    offers(AuthMethodKind::EmailLink) || offers(AuthMethodKind::EmailOtp)
}

fn is_allowed(domains: &[String], address: &Mailbox) -> bool {
    let wire = address.on_the_wire();
    let domain = wire.rsplit_once('@').and_then(|(_, domain)| normal_domain(domain));
    domain.is_some_and(|domain| domains.contains(&domain))
}

/// They have the link of an open invitation for this very address.
pub(super) async fn is_invited(
    change: &Change<'_>,
    ground: &Ground,
    address: &Mailbox,
    pending: &PendingUser,
) -> Result<bool, Refusal> {
    let Some(token) = pending.invitation.as_deref().and_then(LinkToken::parse) else { return Ok(false) };
    let issuer = ground.issuer.id;
    let Some(found) = change.reads().invitations().find_in_issuer(issuer, token.id).await? else { return Ok(false) };
    let is_own = match &found.state {
        InvitationState::Pending { token: hash } => token.is(hash, &change.keyring().peppers),
        _ => false,
    };
    let is_open = found.status(change.now()) == InvitationStatus::Pending;
    Ok(is_own && is_open && found.address_hash == address_hash(change.root_of(issuer)?, address.as_str()))
}
