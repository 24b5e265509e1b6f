//! Compact JWS (RFC 7515 §3.1) with JSON claims, which is a JWT: made, taken apart and verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::key::model::{KeyError, KeyPair, VerifyingKey};

/// Longest token that is taken apart: several times what we make.
const LONGEST: usize = 16 * 1024;

#[derive(Serialize)]
struct MadeHeader<'h> {
    alg: &'static str,
    kid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'h str>,
}

/// Signs claims as a JWT.
///
/// # Errors
/// [`KeyError`] when the claims cannot be written as JSON, or the cryptographic library fails.
pub fn signed(pair: &KeyPair, kid: Uuid, typ: Option<&str>, claims: &impl Serialize) -> Result<String, KeyError> {
    let encoded = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    let header = MadeHeader { alg: pair.algorithm().as_str(), kid, typ };
    let header = serde_json::to_vec(&header).map(encoded).map_err(|_| KeyError::Encode)?;
    let claims = serde_json::to_vec(claims).map(encoded).map_err(|_| KeyError::Encode)?;
    let message = format!("{header}.{claims}");
    let signature = pair.sign(message.as_bytes())?;
    Ok(format!("{message}.{}", encoded(signature)))
}

/// What is looked at in the header of a token. Keys that a token brings along are not among it.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token taken apart. Nothing in it is true before it is [verified](Jws::verified).
#[derive(Debug)]
pub struct Jws<'t> {
    header: Header,
    message: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// The text is no JWS in compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed token")]
pub struct NoJws;

/// The token is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJws {
    /// Signed with another key or algorithm, or demands extensions that nobody here knows (RFC 7515 §4.1.11).
    #[error("the signature does not match")]
    Signature,
    /// Signed, but the claims are not those of such a token.
    #[error("the claims are of another form")]
    Claims,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`NoJws`].
    pub fn parse(text: &'t str) -> Result<Self, NoJws> {
        if text.len() > LONGEST {
            return Err(NoJws);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(NoJws)?;
        let (header, claims) = message.split_once('.').ok_or(NoJws)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NoJws);
        let header = object(&decoded(header)?).ok_or(NoJws)?;
        Ok(Self { header, message, claims: decoded(claims)?, signature: decoded(signature)? })
    }

    /// The key that the token says it was signed with.
    pub fn kid(&self) -> Option<Uuid> {
        self.header.kid.as_deref()?.parse().ok()
    }

    /// The kind of token that it says it is.
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// It demands extensions that whoever reads it must understand (RFC 7515 §4.1.11).
    pub const fn has_critical(&self) -> bool {
        self.header.crit.is_some()
    }

    /// Claims that nobody vouches for: to find out whose key is to verify them, and for nothing else.
    ///
    /// # Errors
    /// [`NoJws`] when they are of another form.
    pub fn unverified<C: DeserializeOwned>(&self) -> Result<C, NoJws> {
        object(&self.claims).ok_or(NoJws)
    }

    /// The claims, if the token was signed with this key and the algorithm of this key (RFC 8725 §3.1).
    ///
    /// # Errors
    /// [`InvalidJws`].
    pub fn verified<C: DeserializeOwned>(&self, key: &VerifyingKey) -> Result<C, InvalidJws> {
        if self.header.alg != key.algorithm().as_str() || self.header.crit.is_some() {
            return Err(InvalidJws::Signature);
        }
        key.verify(self.message.as_bytes(), &self.signature).map_err(|_| InvalidJws::Signature)?;
        object(&self.claims).ok_or(InvalidJws::Claims)
    }
}

/// Header and claims are JSON objects (RFC 7515 §4, RFC 7519 §7.2); serde alone would fill a struct from an array too.
fn object<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::key::model::Algorithm;

    const KID: Uuid = Uuid::from_u128(7);

    fn key(pair: &KeyPair) -> VerifyingKey {
        VerifyingKey::new(&pair.public_jwk(KID)).unwrap()
    }

    fn forged(header: &Value, claims: &Value, pair: &KeyPair) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).unwrap()))
    }

    #[test]
    fn what_was_signed_is_verified_with_the_key_of_each_algorithm() {
        for algorithm in Algorithm::ALL {
            let pair = KeyPair::generate(algorithm).unwrap();
            let text = signed(&pair, KID, Some("pat+jwt"), &json!({ "a": 1 })).unwrap();
            let jws = Jws::parse(&text).unwrap();
            assert_eq!((jws.kid(), jws.typ()), (Some(KID), Some("pat+jwt")));
            assert_eq!(jws.verified::<Value>(&key(&pair)), Ok(json!({ "a": 1 })));
            let other = KeyPair::generate(algorithm).unwrap();
            assert_eq!(jws.verified::<Value>(&key(&other)), Err(InvalidJws::Signature));
        }
    }

    #[test]
    fn the_key_decides_the_algorithm() {
        let pair = KeyPair::generate(Algorithm::Es256).unwrap();
        for alg in ["none", "HS256", "EdDSA", "RS256", "es256", ""] {
            let text = forged(&json!({ "alg": alg, "kid": KID }), &json!({}), &pair);
            let refused = Jws::parse(&text).unwrap().verified::<Value>(&key(&pair));
            assert_eq!(refused, Err(InvalidJws::Signature), "{alg}");
        }
    }

    #[test]
    fn extensions_that_must_be_understood_are_not() {
        let pair = KeyPair::generate(Algorithm::Es256).unwrap();
        let header = json!({ "alg": "ES256", "kid": KID, "crit": ["b64"], "b64": false });
        let text = forged(&header, &json!({}), &pair);
        assert_eq!(Jws::parse(&text).unwrap().verified::<Value>(&key(&pair)), Err(InvalidJws::Signature));
    }

    #[test]
    fn a_changed_token_is_refused_wherever_it_was_changed() {
        let pair = KeyPair::generate(Algorithm::EdDsa).unwrap();
        let text = signed(&pair, KID, None, &json!({ "sub": "a" })).unwrap();
        for (index, byte) in text.bytes().enumerate() {
            let mut bytes = text.clone().into_bytes();
            let Some(slot) = bytes.get_mut(index) else { panic!("{index}") };
            *slot = if byte == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let verified = Jws::parse(&changed).map(|jws| jws.verified::<Value>(&key(&pair)));
            assert!(!matches!(verified, Ok(Ok(_))), "{index}");
        }
    }

    #[test]
    fn members_in_an_array_are_neither_header_nor_claims() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Claims {
            _sub: String,
        }
        let pair = KeyPair::generate(Algorithm::Es256).unwrap();
        let text = forged(&json!(["ES256", KID, null, null]), &json!({ "_sub": "a" }), &pair);
        assert!(Jws::parse(&text).is_err());
        let text = forged(&json!({ "alg": "ES256", "kid": KID }), &json!(["a"]), &pair);
        assert_eq!(Jws::parse(&text).unwrap().verified::<Claims>(&key(&pair)), Err(InvalidJws::Claims));
    }

    #[test]
    fn what_is_no_token_is_not_taken_apart() {
        for text in ["", "a", "a.b", "a.b.c", "e30.e30.", "e30=.e30.e30", &"a.".repeat(LONGEST)] {
            assert!(Jws::parse(text).is_err(), "{text}");
        }
    }
}
