//! Proof Key for Code Exchange (RFC 7636), S256 only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What is wrong with the PKCE parameters of an authorization request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPkce {
    /// Another method than S256, or none where there is a challenge.
    #[error("code_challenge_method must be S256.")]
    Method,
    /// Not the base64url of 32 bytes.
    #[error("code_challenge must be the base64url of a SHA-256 hash.")]
    Challenge,
}

/// The hash of a secret that whoever redeems the code must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// From `code_challenge` and `code_challenge_method`.
    ///
    /// # Errors
    /// [`InvalidPkce`].
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, InvalidPkce> {
        let Some(challenge) = challenge else {
            return if method.is_none_or(|method| method == "S256") { Ok(None) } else { Err(InvalidPkce::Method) };
        };
        if method != Some("S256") {
            return Err(InvalidPkce::Method);
        }
        let decoded = URL_SAFE_NO_PAD.decode(challenge).map_err(|_| InvalidPkce::Challenge)?;
        if decoded.len() == 32 { Ok(Some(Self(challenge.to_owned()))) } else { Err(InvalidPkce::Challenge) }
    }

    /// The verifier is the one that was hashed (RFC 7636 §4.6). One that is malformed is not.
    pub fn accepts(&self, verifier: &str) -> bool {
        let is_verifier = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        is_verifier && bool::from(hashed.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_is_accepted_and_nothing_else() {
        let challenge = CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap().unwrap();
        assert!(challenge.accepts(VERIFIER));
        let (short, long) = ("a".repeat(42), "a".repeat(129));
        for other in ["", CHALLENGE, &VERIFIER[1..], "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX%", &short, &long] {
            assert!(!challenge.accepts(other), "{other}");
        }
    }

    #[test]
    fn only_s256_is_a_method() {
        let parse = CodeChallenge::parse;
        assert_eq!((parse(None, None), parse(None, Some("S256"))), (Ok(None), Ok(None)));
        for method in [None, Some("plain"), Some("s256"), Some("")] {
            assert_eq!(parse(Some(CHALLENGE), method), Err(InvalidPkce::Method));
        }
        assert_eq!(parse(None, Some("plain")), Err(InvalidPkce::Method));
        for bad in ["", "a", &CHALLENGE[1..], &format!("{CHALLENGE}="), &format!("{CHALLENGE}AA")] {
            assert_eq!(parse(Some(bad), Some("S256")), Err(InvalidPkce::Challenge), "{bad}");
        }
    }
}
