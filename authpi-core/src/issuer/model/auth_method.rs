//! Login methods of an issuer (core-api section 13).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::MethodCounts;
use crate::id::{AuthMethodId, IssuerId};
use crate::timestamp::Timestamp;

/// A way to log in that an issuer offers.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the wire")]
pub struct AuthMethod {
    /// Its id.
    pub id: AuthMethodId,
    /// Whose it is.
    pub issuer_id: IssuerId,
    /// What it is; never changes.
    pub kind: AuthMethodKind,
    /// Display name.
    pub name: String,
    /// Master switch.
    pub enabled: bool,
    /// Good for logging in.
    pub allow_login: bool,
    /// Good for signing up.
    pub allow_signup: bool,
    /// Never counts as second factor.
    pub first_factor_only: bool,
    /// As its kind has them (idp §24).
    pub settings: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Kinds of login methods, by the names of idp §23.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuthMethodKind {
    /// A password.
    Password,
    /// A link in a mail.
    EmailLink,
}

/// What a new issuer starts with.
pub const DEFAULT_KINDS: [AuthMethodKind; 2] = [AuthMethodKind::Password, AuthMethodKind::EmailLink];

impl AuthMethodKind {
    const fn default_name(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::EmailLink => "Email link",
        }
    }

    fn default_settings(self) -> Map<String, Value> {
        match self {
            Self::Password => Map::new(),
            Self::EmailLink => Map::from_iter([("ttl_seconds".to_owned(), json!(900))]),
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
            name: kind.default_name().to_owned(),
            enabled: true,
            allow_login: true,
            allow_signup: true,
            first_factor_only: false,
            settings: kind.default_settings(),
            created_at: now,
            updated_at: now,
        }
    }
}

impl MethodCounts {
    /// Counts methods.
    pub fn of(methods: &[AuthMethod]) -> Self {
        let count = |counts: fn(&AuthMethod) -> bool| {
            let number = methods.iter().filter(|method| counts(method)).count();
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        Self {
            all: count(|_| true),
            login: count(|method| method.enabled && method.allow_login),
            signup: count(|method| method.enabled && method.allow_signup),
        }
    }
}
