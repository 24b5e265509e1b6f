//! Login methods of an issuer (core-api section 13).

mod kind;
mod settings;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use kind::{AuthMethodKind, DEFAULT_KINDS};
pub use settings::{MethodSettings, Provider, UserVerification};

use super::MethodCounts;
use crate::id::{AuthMethodId, IssuerId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// The most login methods of an issuer.
pub const MAX_METHODS: usize = 50;

/// A way to log in that an issuer offers.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthMethod {
    /// Its id.
    pub id: AuthMethodId,
    /// Whose it is.
    pub issuer_id: IssuerId,
    /// What it is; never changes.
    pub kind: AuthMethodKind,
    /// What a caller writes.
    pub details: AuthMethodDetails,
    /// The secret that the upstream provider gave, sealed under the root key of the issuer.
    pub client_secret: Option<Sealed>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The attributes that a caller writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the wire")]
pub struct AuthMethodDetails {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Master switch.
    pub enabled: bool,
    /// Good for logging in.
    pub allow_login: bool,
    /// Good for signing up.
    pub allow_signup: bool,
    /// Never counts as second factor.
    pub first_factor_only: bool,
    /// As the method has them.
    pub settings: MethodSettings,
}

impl Default for AuthMethodDetails {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            allow_login: true,
            allow_signup: true,
            first_factor_only: false,
            settings: MethodSettings::default(),
        }
    }
}

impl AuthMethod {
    /// A method with everything at its default: enabled, for logging in and signing up.
    pub fn with_defaults(id: AuthMethodId, issuer: IssuerId, kind: AuthMethodKind, now: Timestamp) -> Self {
        Self {
            id,
            issuer_id: issuer,
            kind,
            details: AuthMethodDetails {
                name: kind.default_name().to_owned(),
                settings: MethodSettings::of(kind),
                ..AuthMethodDetails::default()
            },
            client_secret: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// What its client secret is sealed for.
    pub fn seal_context(id: AuthMethodId) -> String {
        format!("auth-method:{id}:client_secret")
    }
}

impl MethodCounts {
    /// Counts methods.
    pub fn of(methods: &[AuthMethod]) -> Self {
        let count = |counts: fn(&AuthMethodDetails) -> bool| {
            let number = methods.iter().filter(|method| counts(&method.details)).count();
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        Self {
            all: count(|_| true),
            login: count(|method| method.enabled && method.allow_login),
            signup: count(|method| method.enabled && method.allow_signup),
        }
    }
}
