//! Public keys as an issuer publishes them (RFC 7517), parsed once.

use std::collections::HashMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// A public key, bound to the one algorithm of its kind.
pub(crate) struct VerifyingKey {
    algorithm: &'static str,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// The only `alg` of a token that is verified with this key.
    pub(crate) const fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// Keys by their `kid`. Those that nobody here can use are left out.
pub(crate) type Keys = HashMap<String, VerifyingKey>;

/// The usable keys of a set; `None` when it is none.
pub(crate) fn keys(set: &[u8]) -> Option<Keys> {
    let set: JwkSet = serde_json::from_slice(set).ok()?;
    let known = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Some(known.filter_map(|jwk| Some((jwk.kid.clone(), parsed(&jwk)?))).collect())
}

fn parsed(jwk: &Jwk) -> Option<VerifyingKey> {
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |member: &Option<String>| URL_SAFE_NO_PAD.decode(member.as_deref()?).ok();
    match (jwk.kty.as_str(), jwk.alg.as_str(), jwk.crv.as_deref()) {
        ("EC", "ES256", Some("P-256")) => {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4_u8], &*x, &*y].concat()).ok()?;
            Some(VerifyingKey { algorithm: "ES256", key })
        }
        ("OKP", "EdDSA", Some("Ed25519")) => {
            let key = ParsedPublicKey::new(&ED25519, bytes(&jwk.x)?).ok()?;
            Some(VerifyingKey { algorithm: "EdDSA", key })
        }
        ("RSA", "RS256", None) => {
            let components = RsaPublicKeyComponents { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? };
            // Under 2048 bits nothing verifies with these parameters (RFC 7518 §3.3).
            let key = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
            Some(VerifyingKey { algorithm: "RS256", key })
        }
        _ => None,
    }
}
