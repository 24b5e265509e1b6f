//! The public keys with which a client signs its assertions (RFC 7523), as a JSON Web Key Set (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::{FieldCode, FieldErrors};

/// Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Members of public keys (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), and what tools add to them.
const PUBLIC: [&str; 18] = [
    "kty", "use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256", "crv", "x", "y", "n", "e", "ext", "iat",
    "nbf", "exp",
];

/// Bytes of an RSA modulus: 2048 to 8192 bits. Longer ones only make us slow.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// A set of public keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientJwks {
    /// The keys: EC on P-256, OKP on Ed25519, RSA from 2048 bit.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 20)]
    pub keys: Vec<Map<String, Value>>,
}

/// Notes what is wrong with one key.
///
/// # Security
/// A private key that was sent is refused, whatever else is fine with it, and never repeated.
pub(super) fn check_key(path: &str, key: &Map<String, Value>, errors: &mut FieldErrors) {
    for name in key.keys() {
        let member = || format!("{path}.{name}");
        if PRIVATE.contains(&name.as_str()) {
            errors.add(member(), FieldCode::NotAllowed, "belongs to a private key, which must stay with its owner");
        } else if !PUBLIC.contains(&name.as_str()) {
            errors.add(member(), FieldCode::UnknownField, "is not a member of a public key");
        }
    }
    let key = Key { path, members: key };
    if let Some(usage) = key.members.get("use")
        && usage != "sig"
    {
        errors.add(key.at("use"), FieldCode::InvalidEnumValue, "must be sig");
    }
    if key.members.get("kid").is_some_and(|kid| kid.as_str().is_none_or(|kid| kid.is_empty() || kid.len() > 256)) {
        errors.add(key.at("kid"), FieldCode::InvalidFormat, "must be a text of 1 to 256 bytes");
    }
    match key.members.get("kty").map(Value::as_str) {
        Some(Some("EC")) => {
            key.one_of("crv", &["P-256"], errors);
            key.bytes("x", 32..=32, errors);
            key.bytes("y", 32..=32, errors);
            key.algorithm(&["ES256"], errors);
        }
        Some(Some("OKP")) => {
            key.one_of("crv", &["Ed25519"], errors);
            key.bytes("x", 32..=32, errors);
            key.algorithm(&["EdDSA"], errors);
        }
        Some(Some("RSA")) => {
            key.bytes("n", MODULUS, errors);
            key.bytes("e", 1..=8, errors);
            key.algorithm(&["RS256", "PS256"], errors);
        }
        Some(_) => errors.add(key.at("kty"), FieldCode::InvalidEnumValue, "must be EC, OKP or RSA"),
        None => errors.add(key.at("kty"), FieldCode::Required, "is required"),
    }
}

struct Key<'a> {
    path: &'a str,
    members: &'a Map<String, Value>,
}

impl Key<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    fn one_of(&self, name: &str, words: &[&str], errors: &mut FieldErrors) {
        match self.members.get(name).map(Value::as_str) {
            Some(Some(word)) if words.contains(&word) => {}
            Some(_) => {
                errors.add(self.at(name), FieldCode::InvalidEnumValue, format!("must be {}", words.join(" or ")));
            }
            None => errors.add(self.at(name), FieldCode::Required, "is required"),
        }
    }

    fn algorithm(&self, words: &[&str], errors: &mut FieldErrors) {
        if self.members.contains_key("alg") {
            self.one_of("alg", words, errors);
        }
    }

    /// A big-endian number or point of so many bytes, in base64url without padding.
    fn bytes(&self, name: &str, size: std::ops::RangeInclusive<usize>, errors: &mut FieldErrors) {
        let Some(value) = self.members.get(name) else {
            return errors.add(self.at(name), FieldCode::Required, "is required");
        };
        let bytes = value.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(bytes) = bytes else {
            return errors.add(self.at(name), FieldCode::InvalidFormat, "must be base64url without padding");
        };
        // RFC 7518 §2: a number has no leading zero; a coordinate has all of its bytes.
        let is_number = size.start() != size.end();
        if is_number && bytes.first() == Some(&0) {
            errors.add(self.at(name), FieldCode::InvalidFormat, "must have no leading zero bytes");
        } else if bytes.len() < *size.start() {
            errors.add(self.at(name), FieldCode::TooShort, format!("at least {} bytes", size.start()));
        } else if bytes.len() > *size.end() {
            errors.add(self.at(name), FieldCode::TooLong, format!("at most {} bytes", size.end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(key: &Value) -> Vec<(String, FieldCode)> {
        let mut errors = FieldErrors::new();
        check_key("k", key.as_object().unwrap_or(&Map::new()), &mut errors);
        errors.iter().map(|error| (error.field.clone(), error.code)).collect()
    }

    fn ec() -> Value {
        let coordinate = URL_SAFE_NO_PAD.encode([0; 32]);
        json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate, "kid": "1", "use": "sig", "alg": "ES256" })
    }

    fn rsa(bytes: usize) -> Value {
        json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xc5; bytes]), "e": "AQAB", "alg": "PS256" })
    }

    #[test]
    fn the_keys_of_the_supported_algorithms_pass() {
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32]) });
        for key in [ec(), rsa(256), rsa(1024), okp] {
            assert_eq!(problems(&key), []);
        }
    }

    #[test]
    fn every_private_member_is_refused() {
        for name in PRIVATE {
            let mut key = ec();
            key.as_object_mut().into_iter().for_each(|key| {
                key.insert(name.to_owned(), json!("c2VjcmV0"));
            });
            assert_eq!(problems(&key), [(format!("k.{name}"), FieldCode::NotAllowed)]);
        }
        let symmetric = problems(&json!({ "kty": "oct", "k": "c2VjcmV0" }));
        assert_eq!(symmetric.len(), 2);
    }

    #[test]
    fn all_faults_of_a_key_are_named() {
        assert_eq!(problems(&rsa(255)), [("k.n".to_owned(), FieldCode::TooShort)]);
        assert_eq!(problems(&rsa(1025)), [("k.n".to_owned(), FieldCode::TooLong)]);
        let broken =
            json!({ "kty": "EC", "crv": "P-521", "x": "AA==", "alg": "RS256", "use": "enc", "kid": 1, "z": 1 });
        let mut found = problems(&broken);
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("alg", FieldCode::InvalidEnumValue),
            ("crv", FieldCode::InvalidEnumValue),
            ("kid", FieldCode::InvalidFormat),
            ("use", FieldCode::InvalidEnumValue),
            ("x", FieldCode::InvalidFormat),
            ("y", FieldCode::Required),
            ("z", FieldCode::UnknownField),
        ];
        assert_eq!(found, expected.map(|(name, code)| (format!("k.{name}"), code)));
    }
}
