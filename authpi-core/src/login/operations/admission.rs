//! What the gate for new users is told (D186).

use super::advance::Ground;
use super::signup_method;
use crate::admission::{Admitted, Applicant, Door, admit as gate};
use crate::error::Refusal;
use crate::folding::address_hash;
use crate::id::IssuerId;
use crate::invitation::model::{InvitationState, InvitationStatus, LinkToken};
use crate::issuer::model::access::{AccessMode, AccessSettings, SignupSettings, normal_domain};
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::model::PendingUser;
use crate::mailbox::Mailbox;
use crate::seal::RootKey;
use crate::secret::Peppers;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;

/// Whether somebody may become a user.
pub(super) async fn admit(
    glance: Glance<'_>,
    ground: &Ground,
    address: &Mailbox,
    address_verified: bool,
    pending: &PendingUser,
) -> Result<Option<Admitted>, Refusal> {
    let access = &ground.issuer.details.settings.access;
    let SignupSettings { verify_email, require_approval, .. } = access.signup;
    let applicant = Applicant {
        is_invited: glance.is_invited(address, pending.invitation.as_deref()).await?,
        address_verified,
        has_allowed_domain: is_allowed(&access.allowed_domains, address),
        has_offered_method: is_method_offered(ground, pending),
    };
    Ok(gate(Door { mode: access.mode, verify_email, require_approval }, applicant))
}

/// The same for somebody who has come by our pages, and has proven the address: not where those are off.
pub(super) async fn come(
    glance: Glance<'_>,
    ground: &Ground,
    address: &Mailbox,
    pending: &PendingUser,
) -> Result<Option<Admitted>, Refusal> {
    let portals = &ground.issuer.details.settings.portals;
    if !portals.signup.enabled || !portals.login.enabled {
        return Ok(None);
    }
    admit(glance, ground, address, true, pending).await
}

/// Whether it is any use to ask for a proof of the address.
pub(super) async fn may_come(
    glance: Glance<'_>,
    ground: &Ground,
    address: &Mailbox,
    pending: &PendingUser,
) -> Result<bool, Refusal> {
    Ok(come(glance, ground, address, pending).await?.is_some())
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
