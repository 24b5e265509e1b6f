//! How a receiver knows that a delivery comes from here (events-webhooks §7).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::WebhookId;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// How long the signing secret before a regeneration signs beside the new one.
pub const SIGNATURE_OVERLAP: Duration = Duration::from_hours(24);

/// How many characters of a secret its hint shows.
const HINT_CHARS: usize = 6;

/// What a delivery carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum AuthKind {
    /// Nothing; for tests.
    #[serde(rename = "none")]
    None,
    /// `Authorization: Bearer …`
    #[serde(rename = "bearer")]
    Bearer,
    /// Signature headers.
    #[serde(rename = "signature")]
    Signature,
    /// Both.
    #[serde(rename = "bearer+signature")]
    BearerSignature,
}

impl AuthKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::Signature => "signature",
            Self::BearerSignature => "bearer+signature",
        }
    }

    /// Deliveries carry a bearer token.
    pub const fn has_bearer(self) -> bool {
        matches!(self, Self::Bearer | Self::BearerSignature)
    }

    /// Deliveries are signed.
    pub const fn has_signature(self) -> bool {
        matches!(self, Self::Signature | Self::BearerSignature)
    }
}

/// A secret that deliveries are made with: sealed, as it is used again.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// The secret under the keys of the instance.
    pub sealed: Sealed,
    /// What people recognize it by.
    pub hint: String,
}

/// The signing secret and, for [`SIGNATURE_OVERLAP`] after a regeneration, the one before.
#[derive(Clone, Debug)]
pub struct SigningSecret {
    /// The one in use.
    pub current: StoredSecret,
    /// The one before, and until when it signs too.
    pub previous: Option<(Sealed, Timestamp)>,
}

impl SigningSecret {
    /// A new secret in the place of this one, which goes on signing for its time; an older one ends at once.
    #[must_use]
    pub fn regenerated(self, now: Timestamp, secret: StoredSecret) -> Self {
        Self { current: secret, previous: Some((self.current.sealed, now.plus(SIGNATURE_OVERLAP))) }
    }
}

/// The kind, with the secrets that it needs and no others.
#[derive(Clone, Debug)]
pub struct WebhookAuth {
    /// What deliveries carry.
    pub kind: AuthKind,
    /// Present when the kind has a bearer token, until the webhook is deleted.
    pub bearer: Option<StoredSecret>,
    /// Present when the kind signs, until the webhook is deleted.
    pub signing: Option<SigningSecret>,
}

/// What a sealed bearer token is bound to.
pub fn bearer_seal(id: WebhookId) -> String {
    format!("webhook:{id}:bearer")
}

/// What a sealed signing secret is bound to.
pub fn signing_seal(id: WebhookId) -> String {
    format!("webhook:{id}:signing")
}

/// Three dots and the last characters.
pub fn hint(secret: &str) -> String {
    let hidden = secret.chars().count().saturating_sub(HINT_CHARS);
    format!("...{}", secret.chars().skip(hidden).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regenerated_secret_leaves_its_predecessor_a_day() {
        let stored = |byte| StoredSecret { sealed: Sealed::from_bytes(vec![byte]), hint: String::new() };
        let now = Timestamp::from_millis(1_000);
        let first = SigningSecret { current: stored(1), previous: None };
        let second = first.regenerated(now, stored(2));
        let third = second.clone().regenerated(now, stored(3));
        let bytes = |secret: &SigningSecret| {
            let previous = secret.previous.as_ref().map(|(sealed, until)| (sealed.as_bytes().to_vec(), *until));
            (secret.current.sealed.as_bytes().to_vec(), previous)
        };
        let until = now.plus(Duration::from_hours(24));
        assert_eq!(bytes(&second), (vec![2], Some((vec![1], until))));
        assert_eq!(bytes(&third), (vec![3], Some((vec![2], until))), "no third one signs");
    }

    #[test]
    fn a_hint_is_three_dots_and_six_characters() {
        assert_eq!(hint("whsec_abcxyz789"), "...xyz789");
    }
}
