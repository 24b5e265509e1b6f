//! Compact JWS (RFC 7515 §3.1), taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Refused;
use crate::key::VerifyingKey;

/// Longest token that is taken apart: several times what an issuer makes.
const LONGEST: usize = 16 * 1024;

/// What is looked at in the header. Keys that a token brings along are not among it.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token taken apart. Nothing in it is true before it is verified.
pub(crate) struct Jws<'t> {
    header: Header,
    message: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header = object(&decoded(header)?)?;
        Some(Self { header, message, claims: decoded(claims)?, signature: decoded(signature)? })
    }

    /// The key that the token says it was signed with.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The kind of token that it says it is.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Claims that nobody vouches for yet: only to refuse early.
    pub(crate) fn unverified<C: DeserializeOwned>(&self) -> Option<C> {
        object(&self.claims)
    }

    /// The claims, if the token was signed with this key and the algorithm of this key (RFC 8725 §3.1), and demands no
    /// extensions (RFC 7515 §4.1.11).
    pub(crate) fn verified<C: DeserializeOwned>(&self, key: &VerifyingKey) -> Result<C, Refused> {
        if self.header.alg != key.algorithm() || self.header.crit.is_some() {
            return Err(Refused::Signature);
        }
        if !key.has_signed(self.message.as_bytes(), &self.signature) {
            return Err(Refused::Signature);
        }
        object(&self.claims).ok_or(Refused::Malformed)
    }
}

/// Header and claims are JSON objects (RFC 7515 §4, RFC 7519 §7.2); serde alone would fill a struct from an array too.
fn object<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(text).ok()).flatten()
}
