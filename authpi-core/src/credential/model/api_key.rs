//! The aggregate: a key with everything that can be said about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::authentication::{ApiKeyStatus, HomeState, KeyLevel};
use super::rate_limit::RateLimit;
use crate::error::Refusal;
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::network::Network;
use crate::rotating_secret::RotatingSecret;
use crate::scope::Scopes;
use crate::secret::SecretHash;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::words::words;

/// A key that expires within this time needs attention.
pub const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);

/// A machine credential of an organization.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Unique in the instance.
    pub id: ApiKeyId,
    /// Account that it belongs to.
    pub account_id: AccountId,
    /// Owning organization.
    pub org_id: OrganizationId,
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// Where it lives.
    pub level: KeyLevel,
    /// What was done to it.
    pub status: Status<ApiKeyStatus>,
    /// What a caller writes.
    pub details: ApiKeyDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// Its secrets.
    pub secret: RotatingSecret,
    /// By which people recognize the secret: at most 8 characters.
    pub secret_hint: String,
    /// When the secret was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// No event is due for the expiry: it was announced, or the key was revoked before.
    pub expiry_announced: bool,
    /// State of organization and issuer, read along with the key and never written.
    pub home: HomeState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The attributes that a caller writes; see core-api section 6.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeyDetails {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Free text.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[schema(value_type = Option<Vec<Tag>>, max_items = 20)]
    pub tags: Vec<String>,
    /// What it may be used for, and from where.
    pub restrictions: KeyRestrictions,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
}

/// A word to find a key by.
#[derive(ToSchema)]
#[schema(as = ApiKeyTag, min_length = 1, max_length = 50)]
#[allow(dead_code, reason = "states the schema only")]
struct Tag(String);

/// What a key may be used for, from where, and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRestrictions {
    /// Scopes; a key without any authenticates and may do nothing.
    pub scopes: Scopes,
    /// IP addresses and CIDR blocks it may be used from; empty means any.
    #[schema(max_items = 256)]
    pub ip_allowlist: Vec<Network>,
    /// How often it may be used; without one as often as it likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

/// What a key is good for at some moment, as answers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApiKeyEffectiveStatus)]
pub enum EffectiveStatus {
    /// In use.
    Active,
    /// Out of use until it is unblocked.
    Blocked,
    /// Out of use for ever.
    Revoked,
    /// Past its time.
    Expired,
    /// Refused because of its organization, which is suspended.
    Suspended,
}

words!(EffectiveStatus: "active" => Self::Active, "blocked" => Self::Blocked, "revoked" => Self::Revoked, "expired" => Self::Expired, "suspended" => Self::Suspended);

/// How much a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyAccess {
    /// Everything: `*:**` is among the scopes.
    Full,
    /// What its scopes name.
    Scoped,
    /// Nothing.
    None,
}

words!(ApiKeyAccess: "full" => Self::Full, "scoped" => Self::Scoped, "none" => Self::None);

/// Whether somebody should look after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyReadiness {
    /// Active, with scopes, and not expiring soon.
    Ready,
    /// Active, but expiring soon or without scopes.
    Attention,
    /// Not active.
    Inactive,
}

words!(ApiKeyReadiness: "ready" => Self::Ready, "attention" => Self::Attention, "inactive" => Self::Inactive);

impl ApiKey {
    /// What it is good for at `now`. Revocation is for ever; then time decides, then a block, then the organization.
    pub fn effective_status(&self, now: Timestamp) -> EffectiveStatus {
        let is_expired = self.details.expires_at.is_some_and(|at| at <= now);
        match (self.status.value, self.home) {
            (ApiKeyStatus::Revoked, _) => EffectiveStatus::Revoked,
            _ if is_expired => EffectiveStatus::Expired,
            (ApiKeyStatus::Blocked, _) => EffectiveStatus::Blocked,
            (ApiKeyStatus::Active, HomeState::Suspended) => EffectiveStatus::Suspended,
            // The record of a key outlives its organization with an unchanged status; it is refused all the same.
            (ApiKeyStatus::Active, HomeState::Active | HomeState::Gone) => EffectiveStatus::Active,
        }
    }

    /// The word of the status that is shown at `now` in place of the stored one.
    pub fn derived_status(&self, now: Timestamp) -> Option<&'static str> {
        match self.effective_status(now) {
            EffectiveStatus::Expired => Some("expired"),
            EffectiveStatus::Suspended => Some("suspended"),
            _ => None,
        }
    }

    /// How much it may do.
    pub fn access(&self) -> ApiKeyAccess {
        let scopes = &self.details.restrictions.scopes;
        match (scopes.is_full(), scopes.is_empty()) {
            (true, _) => ApiKeyAccess::Full,
            (false, true) => ApiKeyAccess::None,
            (false, false) => ApiKeyAccess::Scoped,
        }
    }

    /// Whether somebody should look after it.
    pub fn readiness(&self, now: Timestamp) -> ApiKeyReadiness {
        let expires_soon = self.details.expires_at.is_some_and(|at| at <= now.plus(EXPIRES_SOON));
        if self.effective_status(now) != EffectiveStatus::Active || self.home == HomeState::Gone {
            ApiKeyReadiness::Inactive
        } else if expires_soon || self.access() == ApiKeyAccess::None {
            ApiKeyReadiness::Attention
        } else {
            ApiKeyReadiness::Ready
        }
    }

    /// Blocks it, unless it is blocked.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a revoked key.
    pub fn blocked(self, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        self.switched(ApiKeyStatus::Blocked, now, note)
    }

    /// Takes a block back, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a revoked key.
    pub fn unblocked(self, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        self.switched(ApiKeyStatus::Active, now, note)
    }

    fn switched(self, status: ApiKeyStatus, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        match self.status.value {
            ApiKeyStatus::Revoked => Err(Refusal::conflict("A revoked API key stays revoked.")),
            _ => Ok(Self { status: self.status.moved_to(status, now, note), ..self }),
        }
    }

    /// Puts it out of use for ever, unless it is already. Its expiry is of no interest any more.
    #[must_use]
    pub fn revoked(self, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(ApiKeyStatus::Revoked, now, note), expiry_announced: true, ..self }
    }

    /// Replaces the secret; see [`RotatingSecret::rotated`].
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a revoked or expired key.
    pub fn rotated(self, now: Timestamp, hash: SecretHash, hint: String) -> Result<Self, Refusal> {
        if matches!(self.effective_status(now), EffectiveStatus::Revoked | EffectiveStatus::Expired) {
            return Err(Refusal::conflict("The secret of a revoked or expired API key cannot be rotated."));
        }
        Ok(Self { secret: self.secret.rotated(now, hash), secret_hint: hint, rotated_at: Some(now), ..self })
    }

    /// Takes over other attributes. A new time of expiry is announced anew.
    #[must_use]
    pub fn with_details(self, details: ApiKeyDetails) -> Self {
        let is_moved = details.expires_at != self.details.expires_at;
        let is_settled = self.status.value == ApiKeyStatus::Revoked || !is_moved;
        Self { expiry_announced: self.expiry_announced && is_settled, details, ..self }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use super::*;
    use crate::id::Id;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn hash(byte: u8) -> SecretHash {
        SecretHash::from_bytes(&[byte; 36]).unwrap()
    }

    fn key() -> ApiKey {
        let restrictions =
            KeyRestrictions { scopes: vec!["a:read".parse().unwrap()].into(), ..KeyRestrictions::default() };
        ApiKey {
            id: ApiKeyId::from_uuid(uuid::Uuid::nil()),
            account_id: AccountId::from_uuid(uuid::Uuid::nil()),
            org_id: OrganizationId::from_uuid(uuid::Uuid::nil()),
            issuer_id: IssuerId::from_uuid(uuid::Uuid::nil()),
            level: KeyLevel::Organization,
            status: Status::initial(ApiKeyStatus::Active),
            details: ApiKeyDetails { restrictions, ..ApiKeyDetails::default() },
            metadata: Metadata::default(),
            secret: RotatingSecret::new(hash(1)),
            secret_hint: String::new(),
            rotated_at: None,
            expiry_announced: false,
            home: HomeState::Active,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn expiring(key: ApiKey, at: Timestamp) -> ApiKey {
        let details = ApiKeyDetails { expires_at: Some(at), ..key.details.clone() };
        key.with_details(details)
    }

    #[test]
    fn revocation_goes_before_time_then_block_then_organization() {
        let status = |key: &ApiKey| key.effective_status(NOW);
        assert_eq!(status(&key()), EffectiveStatus::Active);
        assert_eq!(status(&ApiKey { home: HomeState::Suspended, ..key() }), EffectiveStatus::Suspended);
        let orphaned = ApiKey { home: HomeState::Gone, ..key() };
        assert_eq!((status(&orphaned), orphaned.readiness(NOW)), (EffectiveStatus::Active, ApiKeyReadiness::Inactive));
        let blocked = ApiKey { home: HomeState::Suspended, ..key() }.blocked(NOW, StatusNote::default()).unwrap();
        assert_eq!(status(&blocked), EffectiveStatus::Blocked);
        let expired = expiring(blocked, NOW);
        assert_eq!(status(&expired), EffectiveStatus::Expired);
        assert_eq!(status(&expired.revoked(NOW, StatusNote::default())), EffectiveStatus::Revoked);
        assert_eq!(status(&expiring(key(), NOW.plus(Duration::from_millis(1)))), EffectiveStatus::Active);
    }

    #[test]
    fn readiness_looks_fourteen_days_ahead() {
        assert_eq!(key().readiness(NOW), ApiKeyReadiness::Ready);
        let late = NOW.plus(EXPIRES_SOON).plus(Duration::from_millis(1));
        assert_eq!(expiring(key(), late).readiness(NOW), ApiKeyReadiness::Ready);
        assert_eq!(expiring(key(), NOW.plus(EXPIRES_SOON)).readiness(NOW), ApiKeyReadiness::Attention);
        let powerless = key().with_details(ApiKeyDetails::default());
        assert_eq!(powerless.readiness(NOW), ApiKeyReadiness::Attention);
        assert_eq!(expiring(key(), NOW).readiness(NOW), ApiKeyReadiness::Inactive);
    }

    #[test]
    fn a_revoked_key_stays_revoked() {
        let revoked = key().revoked(NOW, StatusNote::default());
        assert!(revoked.clone().blocked(NOW, StatusNote::default()).is_err());
        assert!(revoked.clone().unblocked(NOW, StatusNote::default()).is_err());
        assert!(revoked.clone().rotated(NOW, hash(2), String::new()).is_err());
        let note = StatusNote { reason: Some("again".to_owned()), by: None };
        assert_eq!(revoked.clone().revoked(NOW.plus(EXPIRES_SOON), note).status, revoked.status);
        assert!(expiring(revoked, NOW).expiry_announced, "nobody waits for its end");
    }

    #[test]
    fn a_second_rotation_ends_the_oldest_secret() {
        let first = key().rotated(NOW, hash(2), "2".to_owned()).unwrap();
        assert_eq!(first.secret.previous.as_ref().map(|(hash, _)| hash.to_bytes()), Some([1; 36]));
        assert_eq!(first.secret.previous.as_ref().map(|(_, until)| *until), Some(NOW.plus(Duration::from_mins(15))));
        let second = first.rotated(NOW, hash(3), "3".to_owned()).unwrap();
        assert_eq!(second.secret.hash.to_bytes(), [3; 36]);
        assert_eq!(second.secret.previous.map(|(hash, _)| hash.to_bytes()), Some([2; 36]));
        assert!(expiring(key(), NOW).rotated(NOW, hash(2), String::new()).is_err());
    }

    #[test]
    fn a_new_time_of_expiry_is_announced_anew() {
        let announced = ApiKey { expiry_announced: true, ..expiring(key(), NOW) };
        assert!(expiring(announced.clone(), NOW).expiry_announced);
        assert!(!expiring(announced, NOW.plus(EXPIRES_SOON)).expiry_announced);
    }
}
