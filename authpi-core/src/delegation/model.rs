//! What a delegation is: what a user lets an agent do for them, and until when.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{FieldCode, FieldErrors};
use crate::id::{AgentId, ClientId, DelegationId, IssuerId, OrganizationId, UserId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::words::words;

const DAY: Duration = Duration::from_hours(24);

/// How long a delegation holds when nobody says.
pub const DEFAULT_LIFETIME: Duration = DAY.saturating_mul(90);

/// How long a delegation holds at most.
pub const LONGEST_LIFETIME: Duration = DAY.saturating_mul(366);

/// Delegations of one user that are in force at the same time.
pub const ACTIVE_LIMIT: u32 = 50;

/// What OpenID Connect gives a meaning; nobody can hand these on (idp.md §26.1).
const OIDC_SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

/// A delegation to be given.
#[derive(Clone, Debug)]
pub struct NewDelegation {
    /// Who lets.
    pub user_id: UserId,
    /// Who may.
    pub agent_id: AgentId,
    /// Only for work that comes through this client.
    pub client_id: Option<ClientId>,
    /// Only within this organization.
    pub org_id: Option<OrganizationId>,
    /// What the agent may do.
    pub scopes: Scopes,
    /// Until when; [`DEFAULT_LIFETIME`] from now when absent.
    pub expires_at: Option<Timestamp>,
    /// Who gives it.
    pub granted_by: GrantedBy,
    /// Purpose, as the user is shown it.
    pub reason: Option<String>,
    /// Seen by administrators only.
    pub metadata: Metadata,
}

/// A record that a user lets an agent act for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Delegation {
    /// Never reused.
    pub id: DelegationId,
    /// Issuer of everybody in it.
    pub issuer_id: IssuerId,
    /// Who lets.
    pub user_id: UserId,
    /// Who may.
    pub agent_id: AgentId,
    /// Only for work that comes through this client.
    pub client_id: Option<ClientId>,
    /// Only within this organization.
    pub org_id: Option<OrganizationId>,
    /// What the agent may do.
    pub scopes: Scopes,
    /// Where it stands; see [`Delegation::state`] for what that means at a time.
    pub status: Status<DelegationStatus>,
    /// Who gave it.
    pub granted_by: GrantedBy,
    /// Purpose, as the user is shown it: at most 1,000 characters.
    pub reason: Option<String>,
    /// Holds until then.
    pub expires_at: Timestamp,
    /// How often it was used. Derived: no change of it is a new version.
    pub usage_count: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it was given.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where a delegation stands, time aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelegationStatus {
    /// In force until it expires.
    Active,
    /// Ended, for good.
    Revoked,
}

/// Where a delegation stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DelegationStatus)]
pub enum DelegationState {
    /// In force.
    Active,
    /// Ended before its time.
    Revoked,
    /// Its time is over.
    Expired,
}

words!(DelegationState: "active" => Self::Active, "revoked" => Self::Revoked, "expired" => Self::Expired);

/// Who gave a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantedBy {
    /// The user, in the portal.
    User,
    /// An administrator, through the Core API.
    Admin,
}

impl GrantedBy {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// Whose delegations are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DelegationParty {
    /// Those that a user gave.
    User(UserId),
    /// Those that an agent has.
    Agent(AgentId),
    /// Those that name a client.
    Client(ClientId),
    /// Those that name an organization.
    Organization(OrganizationId),
    /// All of the issuer.
    Everybody,
}

impl DelegationParty {
    /// Why its delegations end when it is deleted.
    pub const fn deletion(self) -> EndCause {
        match self {
            Self::User(_) => EndCause::UserDeleted,
            Self::Agent(_) => EndCause::AgentDeleted,
            Self::Client(_) => EndCause::ClientDeleted,
            Self::Organization(_) => EndCause::OrganizationDeleted,
            Self::Everybody => EndCause::IssuerDeleted,
        }
    }
}

/// Why a delegation ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCause {
    /// Somebody took it back.
    Revoked,
    /// All of the user were taken back at once.
    RevokedAll,
    /// The user was deleted.
    UserDeleted,
    /// The agent was deleted.
    AgentDeleted,
    /// The named client was deleted.
    ClientDeleted,
    /// The named organization was deleted.
    OrganizationDeleted,
    /// All access of the named organization was revoked.
    OrganizationRevoked,
    /// The issuer was deleted.
    IssuerDeleted,
}

impl EndCause {
    /// The value in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::RevokedAll => "revoked_all",
            Self::UserDeleted => "user_deleted",
            Self::AgentDeleted => "agent_deleted",
            Self::ClientDeleted => "client_deleted",
            Self::OrganizationDeleted => "organization_deleted",
            Self::OrganizationRevoked => "organization_revoked",
            Self::IssuerDeleted => "issuer_deleted",
        }
    }
}

impl Delegation {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> DelegationState {
        DelegationState::of(self.status.value, self.expires_at, now)
    }

    /// The word of the status that is shown at `now` in place of the stored one.
    pub fn derived_status(&self, now: Timestamp) -> Option<&'static str> {
        (self.state(now) == DelegationState::Expired).then_some("expired")
    }

    /// Takes it back; final, also for one that has expired. One that was taken back stays as it is.
    #[must_use]
    pub fn revoked(self, now: Timestamp, note: StatusNote) -> Self {
        if self.status.value == DelegationStatus::Revoked {
            return self;
        }
        let updated_at = self.updated_at.next_version(now);
        Self { status: Status::changed(DelegationStatus::Revoked, now, note), updated_at, ..self }
    }

    /// It is for the same agent, through the same client, in the same organization.
    pub fn is_for(&self, agent: AgentId, client: Option<ClientId>, organization: Option<OrganizationId>) -> bool {
        (self.agent_id, self.client_id, self.org_id) == (agent, client, organization)
    }
}

impl DelegationState {
    /// What a stored status and an expiry mean at `now`.
    pub fn of(status: DelegationStatus, expires_at: Timestamp, now: Timestamp) -> Self {
        match status {
            DelegationStatus::Revoked => Self::Revoked,
            DelegationStatus::Active if expires_at <= now => Self::Expired,
            DelegationStatus::Active => Self::Active,
        }
    }
}

/// Notes what cannot be delegated: nothing at all, and what OpenID Connect gives a meaning.
pub fn check_scopes(scopes: &Scopes, errors: &mut FieldErrors) {
    if scopes.is_empty() {
        errors.add("scopes", FieldCode::TooShort, "at least one scope is delegated");
    }
    for (index, scope) in scopes.iter().enumerate() {
        if OIDC_SCOPES.contains(&scope.as_str()) {
            let message = "OpenID Connect scopes cannot be delegated";
            errors.add(format!("scopes.{index}"), FieldCode::NotAllowed, message);
        }
    }
}

/// Until when a delegation holds that was asked for at `now`.
///
/// # Errors
/// The problem with `wanted`, noted in `errors`; the answer is then of no use.
pub fn expiry(wanted: Option<Timestamp>, now: Timestamp, errors: &mut FieldErrors) -> Timestamp {
    let Some(wanted) = wanted else { return now.plus(DEFAULT_LIFETIME) };
    if wanted <= now {
        errors.add("expires_at", FieldCode::TooSmall, "must lie in the future");
    }
    if wanted > now.plus(LONGEST_LIFETIME) {
        errors.add("expires_at", FieldCode::TooBig, "at most 366 days ahead");
    }
    wanted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn problems(check: impl FnOnce(&mut FieldErrors)) -> Vec<(String, &'static str)> {
        let mut errors = FieldErrors::new();
        check(&mut errors);
        errors.iter().map(|error| (error.field.clone(), error.code.as_str())).collect()
    }

    #[test]
    fn a_delegation_holds_90_days_and_at_most_366() {
        let last = NOW.plus(LONGEST_LIFETIME);
        let accepted = [(None, NOW.plus(DEFAULT_LIFETIME)), (Some(last), last)];
        for (wanted, expected) in accepted {
            let mut errors = FieldErrors::new();
            assert_eq!((expiry(wanted, NOW, &mut errors), errors.is_empty()), (expected, true));
        }
        assert_eq!(DEFAULT_LIFETIME.as_secs(), 7_776_000);
        assert_eq!(LONGEST_LIFETIME.as_secs(), 31_622_400);
        let beyond = Timestamp::from_millis(last.as_millis() + 1);
        for (wanted, code) in [(NOW, "too_small"), (Timestamp::EPOCH, "too_small"), (beyond, "too_big")] {
            let found = problems(|errors| {
                expiry(Some(wanted), NOW, errors);
            });
            assert_eq!(found, [("expires_at".to_owned(), code)]);
        }
    }

    #[test]
    fn wildcards_can_be_delegated_and_openid_connect_scopes_cannot() {
        let scopes: Scopes = ["a:**", "openid", "*:**", "email", "emails"].iter().map(|s| s.parse().unwrap()).collect();
        let found = problems(|errors| check_scopes(&scopes, errors));
        assert_eq!(found, [("scopes.1".to_owned(), "not_allowed"), ("scopes.3".to_owned(), "not_allowed")]);
        let none = problems(|errors| check_scopes(&Scopes::default(), errors));
        assert_eq!(none, [("scopes".to_owned(), "too_short")]);
    }

    #[test]
    fn what_is_revoked_stays_revoked_and_what_is_not_expires() {
        use DelegationStatus::{Active, Revoked};
        let later = NOW.plus(DAY);
        assert_eq!(DelegationState::of(Active, later, NOW), DelegationState::Active);
        assert_eq!(DelegationState::of(Active, NOW, NOW), DelegationState::Expired);
        assert_eq!(DelegationState::of(Revoked, NOW, later), DelegationState::Revoked);
    }
}
