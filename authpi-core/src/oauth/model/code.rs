//! The authorization code (RFC 6749 §4.1): good for once, bound to all that it was issued for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CodeChallenge, Resources};
use crate::id::{ClientId, Id as _, IssuerId, SessionId};
use crate::secret::Peppers;
use crate::timestamp::Timestamp;

/// How long a code is remembered after its time, so that a second use is recognized.
pub const SPENT_KEPT: Duration = Duration::from_hours(24);

/// A code, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorizationCode {
    /// Where it was issued.
    pub issuer_id: IssuerId,
    /// The only form in which it is kept ([`AuthorizationCode::hash_of`]).
    pub hash: [u8; 32],
    /// To whom.
    pub client_id: ClientId,
    /// The session of the client that begins with it.
    pub session_id: SessionId,
    /// What else it is bound to.
    pub binding: CodeBinding,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
    /// When it was presented first, for better or worse.
    pub spent_at: Option<Timestamp>,
}

/// What a code is bound to, besides client and session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBinding {
    /// As it stood in the authorization request.
    pub redirect_uri: String,
    /// Whoever redeems the code knows the secret behind it.
    pub challenge: Option<CodeChallenge>,
    /// Goes into the ID token as it came.
    pub nonce: Option<String>,
    /// The resources that the authorization is for.
    pub resources: Resources,
}

impl AuthorizationCode {
    /// The keyed hash by which a code is found.
    pub fn hash_of(peppers: &Peppers, issuer: IssuerId, code: &str) -> [u8; 32] {
        peppers.digest("authorization-code", &[issuer.uuid().as_bytes(), code.as_bytes()])
    }
}

impl CodeBinding {
    /// Redirect URI and verifier are those of the authorization. A verifier without a challenge is not (D28).
    pub fn matches(&self, redirect_uri: &str, verifier: Option<&str>) -> bool {
        let proven = match (&self.challenge, verifier) {
            (Some(challenge), Some(verifier)) => challenge.accepts(verifier),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        proven && redirect_uri == self.redirect_uri
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn binding(challenge: Option<&str>) -> CodeBinding {
        CodeBinding {
            redirect_uri: "https://app.example.com/cb?x=1".to_owned(),
            challenge: CodeChallenge::parse(challenge, challenge.map(|_| "S256")).unwrap(),
            nonce: None,
            resources: Resources::default(),
        }
    }

    #[test]
    fn a_verifier_is_needed_where_there_is_a_challenge_and_refused_where_there_is_none() {
        let uri = "https://app.example.com/cb?x=1";
        assert!(binding(Some(CHALLENGE)).matches(uri, Some(VERIFIER)));
        assert!(!binding(Some(CHALLENGE)).matches(uri, None));
        assert!(!binding(Some(CHALLENGE)).matches(uri, Some("")));
        assert!(binding(None).matches(uri, None));
        assert!(!binding(None).matches(uri, Some(VERIFIER)));
        for other in ["https://app.example.com/cb", "https://app.example.com/cb?x=1&", "HTTPS://app.example.com/cb?x=1"]
        {
            assert!(!binding(None).matches(other, None), "{other}");
        }
    }
}
