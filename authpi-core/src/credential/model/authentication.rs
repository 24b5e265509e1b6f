//! When a presented key is accepted.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rate_limit::{LimitedKey, RateLimit};
use crate::event::model::ContextDetail;
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::network::Network;
use crate::rotating_secret::RotatingSecret;
use crate::scope::Scopes;
use crate::secret::Peppers;
use crate::timestamp::Timestamp;

/// Purpose of the keyed hash of an API key's secret.
pub const API_KEY_HASH: &str = "api-key";

/// Where a key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyLevel {
    /// In an account's own organization: calls the Core API.
    Account,
    /// In an organization of an issuer: authenticates as that tenant.
    Organization,
}

/// What was done to a key. `expired` and `suspended` follow from time and organization and are never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyStatus {
    /// In use.
    Active,
    /// Out of use until it is unblocked.
    Blocked,
    /// Out of use for ever.
    Revoked,
}

/// As much of a key as deciding about it needs: one read.
#[derive(Clone, Debug)]
pub struct ApiKeyAuthentication {
    /// Its id.
    pub id: ApiKeyId,
    /// Account that the key belongs to.
    pub account_id: AccountId,
    /// Owning organization.
    pub org_id: OrganizationId,
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// Where it lives.
    pub level: KeyLevel,
    /// Its secrets.
    pub secret: RotatingSecret,
    /// What was done to it.
    pub status: ApiKeyStatus,
    /// After this it is expired.
    pub expires_at: Option<Timestamp>,
    /// Scopes.
    pub scopes: Scopes,
    /// Networks it may be used from; empty means any.
    pub ip_allowlist: Vec<Network>,
    /// How often it may be used.
    pub rate_limit: Option<RateLimit>,
    /// State of what it belongs to.
    pub home: HomeState,
    /// How much request context the events of its issuer keep.
    pub event_context: ContextDetail,
}

/// State of the organization and issuer that a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeState {
    /// Both are there, and the organization is active.
    Active,
    /// The organization is suspended.
    Suspended,
    /// One of them is gone or being deleted.
    Gone,
}

/// What became of a presented key; the order of the checks is that of core-api section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Accepted,
    /// The secret is wrong.
    WrongSecret,
    /// Blocked.
    Blocked,
    /// Revoked.
    Revoked,
    /// Past its time.
    Expired,
    /// Its organization is suspended.
    Suspended,
    /// Its organization is gone.
    Gone,
    /// Used from an address that is not on its list.
    AddressRefused,
}

impl ApiKeyAuthentication {
    /// The key with its limit, if it has one.
    pub fn limited(&self) -> Option<LimitedKey> {
        self.rate_limit.map(|rate_limit| LimitedKey {
            id: self.id,
            account_id: self.account_id,
            org_id: self.org_id,
            issuer_id: self.issuer_id,
            rate_limit,
        })
    }

    /// Decides about a presented secret. `address` is checked against the allowlist when it is known.
    pub fn verdict(&self, peppers: &Peppers, secret: &str, address: Option<IpAddr>, now: Timestamp) -> Verdict {
        if !self.secret.accepts(peppers, API_KEY_HASH, secret, now) {
            return Verdict::WrongSecret;
        }
        match self.status {
            ApiKeyStatus::Active => {}
            ApiKeyStatus::Blocked => return Verdict::Blocked,
            ApiKeyStatus::Revoked => return Verdict::Revoked,
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Verdict::Expired;
        }
        match self.home {
            HomeState::Active => {}
            HomeState::Suspended => return Verdict::Suspended,
            HomeState::Gone => return Verdict::Gone,
        }
        let is_listed = |address| self.ip_allowlist.iter().any(|network| network.contains(address));
        if !self.ip_allowlist.is_empty() && address.is_some_and(|address| !is_listed(address)) {
            return Verdict::AddressRefused;
        }
        Verdict::Accepted
    }
}
