//! The one gate for new users (D186): whatever the method, nobody becomes a user but through it.

use super::advance::Ground;
use super::signup_method;
use crate::error::Refusal;
use crate::folding::address_hash;
use crate::id::IssuerId;
use crate::invitation::model::{InvitationState, InvitationStatus, LinkToken};
use crate::issuer::model::access::{AccessMode, AccessSettings, normal_domain};
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::model::PendingUser;
use crate::mailbox::Mailbox;
use crate::seal::RootKey;
use crate::secret::Peppers;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;
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
    glance: Glance<'_>,
    ground: &Ground,
    address: &Mailbox,
    address_verified: bool,
    pending: &PendingUser,
) -> Result<Admission, Refusal> {
    let access = &ground.issuer.details.settings.access;
    let is_invited = glance.is_invited(address, pending.invitation.as_deref()).await?;
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
    glance: Glance<'_>,
    ground: &Ground,
    address: &Mailbox,
    pending: &PendingUser,
) -> Result<bool, Refusal> {
    let portals = &ground.issuer.details.settings.portals;
    let is_open = portals.signup.enabled && portals.login.enabled;
    Ok(is_open && matches!(admit(glance, ground, address, true, pending).await?, Admission::Admitted(_)))
}

/// The address is proven by a mail before somebody becomes a user.
pub(super) const fn needs_proof(access: &AccessSettings) -> bool {
    access.signup.verify_email || matches!(access.mode, AccessMode::DomainRestricted)
}

fn is_method_offered(ground: &Ground, pending: &PendingUser) -> bool {
    let offers = |kind| signup_method(&ground.methods, kind).is_some();
    if pending.password.is_some() {
        return offers(AuthMethodKind::Password);
    }
    offers(AuthMethodKind::EmailLink) || offers(AuthMethodKind::EmailOtp)
}

/// Addresses of the domain may come in.
pub(super) fn is_allowed(domains: &[String], address: &Mailbox) -> bool {
    let wire = address.on_the_wire();
    let domain = wire.rsplit_once('@').and_then(|(_, domain)| normal_domain(domain));
    domain.is_some_and(|domain| domains.contains(&domain))
}

/// What of an issuer is looked at, in a unit of work or out of one.
#[derive(Clone, Copy)]
pub struct Glance<'a> {
    /// The questions.
    pub reads: &'a dyn Reads,
    /// What hashes of secrets are made with.
    pub peppers: &'a Peppers,
    /// Root key of the issuer.
    pub root: &'a RootKey,
    /// The issuer.
    pub issuer: IssuerId,
    /// When.
    pub now: Timestamp,
}

impl<'a> Glance<'a> {
    pub(super) fn of(change: &'a Change<'_>, issuer: IssuerId) -> Result<Self, Refusal> {
        let (root, peppers) = (change.root_of(issuer)?, &change.keyring().peppers);
        Ok(Self { reads: change.reads(), peppers, root, issuer, now: change.now() })
    }

    /// Somebody has the link of an open invitation for this very address. Those of a suspended organization are frozen.
    pub(super) async fn is_invited(self, address: &Mailbox, token: Option<&str>) -> Result<bool, Refusal> {
        let Some(token) = token.and_then(LinkToken::parse) else { return Ok(false) };
        let found = self.reads.invitations().find_in_issuer(self.issuer, token.id).await?;
        let Some(found) = found else { return Ok(false) };
        let is_own = match &found.state {
            InvitationState::Pending { token: hash } => token.is(hash, self.peppers),
            _ => false,
        };
        let is_open = found.status(self.now) == InvitationStatus::Pending;
        let organization = self.reads.organizations().find(self.issuer, found.org_id).await?;
        let is_active = organization.is_some_and(|organization| organization.is_active());
        Ok(is_own && is_open && is_active && found.address_hash == address_hash(self.root, address.as_str()))
    }
}

/// Whether a sign-up is answered by a mail, whoever has the address.
pub(super) async fn mails_proof(
    glance: Glance<'_>,
    access: &AccessSettings,
    (address, has_password): (&str, bool),
    invitation: Option<&str>,
) -> Result<bool, Refusal> {
    let Some(address) = Mailbox::parse(address) else { return Ok(false) };
    let is_closed = matches!(access.mode, AccessMode::Closed);
    Ok(!is_closed && (needs_proof(access) || !has_password) && !glance.is_invited(&address, invitation).await?)
}
