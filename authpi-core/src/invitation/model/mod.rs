//! What an invitation is, and which steps lead through its life.

mod invitee;
mod state;

use std::time::Duration;

pub use invitee::{Invitee, LinkToken};
pub use state::{Approval, Decision, IllegalStep, InvitationState, InvitationStatus};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::model::Actor;
use crate::id::{InvitationId, IssuerId, OrganizationId, UserId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// Shortest lifetime.
pub const MIN_LIFETIME: Duration = Duration::from_hours(1);

/// Longest lifetime.
pub const MAX_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// How long the address of an invitation that ended without acceptance is kept, and an expired one can be sent again.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// Shortest time between two mails of one invitation.
pub const RESEND_AFTER: Duration = Duration::from_mins(1);

/// An invitation of an address into an organization.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Where it leads, issuer.
    pub issuer_id: IssuerId,
    /// Where it leads.
    pub org_id: OrganizationId,
    /// Where it stands; whether it has expired, the clock tells.
    pub state: InvitationState,
    /// What becoming a member gives.
    pub grant: InvitationGrant,
    /// Stands for the invited address in look-ups and events.
    pub address_hash: [u8; 32],
    /// [`Invitee`], under the root key of the issuer; erased after acceptance, and 30 days after any other end.
    pub sealed: Option<Sealed>,
    /// Who invites, as the caller names them.
    pub inviter_id: Option<String>,
    /// The user who has the address, as far as that is known; who accepted, once somebody has.
    pub user_id_invited: Option<UserId>,
    /// Whether somebody has to approve it, and did.
    pub approval: Option<Approval>,
    /// Whose right it was to give this; asked again when it is accepted (core-api 1.9).
    pub granted_by: Actor,
    /// How long it can be accepted after it was sent.
    pub lifetime: Duration,
    /// Until then it can be accepted, or approved.
    pub expires_at: Timestamp,
    /// When its mail was last queued.
    pub last_email_sent_at: Option<Timestamp>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// What becoming a member gives; see core-api section 19.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationGrant {
    /// Scopes held directly.
    pub scopes: Scopes,
    /// Roles: the member gets their groups.
    #[schema(max_items = 100)]
    pub roles: Vec<String>,
    /// Title of the member in the organization.
    #[schema(max_length = 200)]
    pub user_title: Option<String>,
}

impl InvitationGrant {
    /// Its role, when it has exactly one.
    pub fn role(&self) -> Option<&str> {
        match self.roles.as_slice() {
            [role] => Some(role),
            _ => None,
        }
    }
}

impl Invitation {
    /// Where it stands for callers.
    pub fn status(&self, now: Timestamp) -> InvitationStatus {
        self.state.status(self.expires_at <= now)
    }

    /// The word of the status that is shown at `now` in place of the stored one.
    pub fn derived_status(&self, now: Timestamp) -> Option<&'static str> {
        let is_stored = matches!(self.state, InvitationState::Expired);
        (!is_stored && self.status(now) == InvitationStatus::Expired).then_some("expired")
    }

    /// It may still lead to a membership: pending, or waiting for approval, and not expired.
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.status(now), InvitationStatus::Pending | InvitationStatus::PendingApproval)
    }

    /// When what is personal in it goes; `None` when it is gone.
    pub fn erase_at(&self) -> Option<Timestamp> {
        self.sealed.as_ref()?;
        let ended_at = match &self.state {
            InvitationState::PendingApproval | InvitationState::Pending { .. } | InvitationState::Expired => {
                self.expires_at
            }
            InvitationState::Accepted { at } => return Some(*at),
            InvitationState::Declined { at } | InvitationState::Revoked { at } | InvitationState::Rejected { at } => {
                *at
            }
        };
        Some(ended_at.plus(KEPT))
    }

    /// When it can be sent again at the earliest.
    pub fn resendable_at(&self) -> Timestamp {
        self.last_email_sent_at.map_or(self.created_at, |at| at.plus(RESEND_AFTER))
    }
}
