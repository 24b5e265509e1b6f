//! Public keys as JSON Web Keys (RFC 7517) and the published set of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::key::model::Algorithm;

/// The keys an issuer publishes. The order means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The public keys; every private member and all of our own bookkeeping is absent by construction.
    pub keys: Vec<PublicJwk>,
}

/// A public signing key. In JSON: `kty`, `crv` (elliptic curves), `alg`, `use` = `sig`, `kid`, `x` and `y` or `n` and
/// `e`, `ext` = `true`, and nothing else.
///
/// Reading ignores members it does not know (RFC 7517 §4) and refuses a key whose members contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct PublicJwk {
    kid: Uuid,
    material: PublicMaterial,
}

impl PublicJwk {
    /// Names a public key.
    pub const fn new(kid: Uuid, material: PublicMaterial) -> Self {
        Self { kid, material }
    }

    /// The name of the key.
    pub const fn kid(&self) -> Uuid {
        self.kid
    }

    /// The algorithm the key verifies; there is exactly one for each kind of key.
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            PublicMaterial::P256 { .. } => Algorithm::Es256,
            PublicMaterial::Ed25519 { .. } => Algorithm::EdDsa,
            PublicMaterial::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// The numbers of the key.
    pub const fn material(&self) -> &PublicMaterial {
        &self.material
    }
}

/// The numbers of a public key, big endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicMaterial {
    /// A point of P-256 (RFC 7518 §6.2.1).
    P256 {
        /// The x coordinate.
        x: [u8; 32],
        /// The y coordinate.
        y: [u8; 32],
    },
    /// An Ed25519 public key (RFC 8037 §2).
    Ed25519 {
        /// The encoded point.
        x: [u8; 32],
    },
    /// An RSA public key (RFC 7518 §6.3.1), without leading zero bytes.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
}

impl PublicMaterial {
    /// Reads the uncompressed form of a P-256 point, `04 ‖ x ‖ y` (SEC 1 §2.3.3).
    pub(super) fn from_point(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        Some(Self::P256 { x: x.try_into().ok()?, y: y.try_into().ok()? })
    }
}

/// The members of a JWK do not describe one public signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public signing key of an issuer")]
pub struct InvalidJwk;

/// The members in the order in which they are written.
#[derive(Serialize, Deserialize)]
struct Members {
    kty: KeyType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<Curve>,
    alg: Algorithm,
    #[serde(rename = "use")]
    usage: Usage,
    kid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(default)]
    ext: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum KeyType {
    #[serde(rename = "EC")]
    Ec,
    #[serde(rename = "OKP")]
    Okp,
    #[serde(rename = "RSA")]
    Rsa,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Curve {
    #[serde(rename = "P-256")]
    P256,
    Ed25519,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Usage {
    #[serde(rename = "sig")]
    Signature,
}

impl From<PublicJwk> for Members {
    fn from(key: PublicJwk) -> Self {
        let text = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        let bare = Self {
            kty: KeyType::Rsa,
            crv: None,
            alg: key.algorithm(),
            usage: Usage::Signature,
            kid: key.kid,
            x: None,
            y: None,
            n: None,
            e: None,
            ext: true,
        };
        match key.material {
            PublicMaterial::P256 { x, y } => {
                Self { kty: KeyType::Ec, crv: Some(Curve::P256), x: text(&x), y: text(&y), ..bare }
            }
            PublicMaterial::Ed25519 { x } => Self { kty: KeyType::Okp, crv: Some(Curve::Ed25519), x: text(&x), ..bare },
            PublicMaterial::Rsa { n, e } => Self { n: text(&n), e: text(&e), ..bare },
        }
    }
}

impl TryFrom<Members> for PublicJwk {
    type Error = InvalidJwk;

    fn try_from(members: Members) -> Result<Self, InvalidJwk> {
        let material = match members {
            Members {
                kty: KeyType::Ec,
                crv: Some(Curve::P256),
                x: Some(ref x),
                y: Some(ref y),
                n: None,
                e: None,
                ..
            } => PublicMaterial::P256 { x: coordinate(x)?, y: coordinate(y)? },
            Members {
                kty: KeyType::Okp, crv: Some(Curve::Ed25519), x: Some(ref x), y: None, n: None, e: None, ..
            } => PublicMaterial::Ed25519 { x: coordinate(x)? },
            Members { kty: KeyType::Rsa, crv: None, x: None, y: None, n: Some(ref n), e: Some(ref e), .. } => {
                PublicMaterial::Rsa { n: integer(n)?, e: integer(e)? }
            }
            _ => return Err(InvalidJwk),
        };
        let key = Self::new(members.kid, material);
        if key.algorithm() == members.alg { Ok(key) } else { Err(InvalidJwk) }
    }
}

fn coordinate(text: &str) -> Result<[u8; 32], InvalidJwk> {
    bytes(text)?.try_into().map_err(|_| InvalidJwk)
}

/// A positive integer without leading zero bytes (RFC 7518 §2, Base64urlUInt).
fn integer(text: &str) -> Result<Vec<u8>, InvalidJwk> {
    let bytes = bytes(text)?;
    if bytes.first().is_some_and(|first| *first != 0) { Ok(bytes) } else { Err(InvalidJwk) }
}

fn bytes(text: &str) -> Result<Vec<u8>, InvalidJwk> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidJwk)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const KID: Uuid = Uuid::from_u128(0x7f1c_0a52_93b4_4f6e_8d20_51c9_e0a7_46bd);

    fn rsa() -> PublicMaterial {
        PublicMaterial::Rsa { n: vec![0xc5; 256], e: vec![1, 0, 1] }
    }

    fn json_of(material: PublicMaterial) -> Value {
        serde_json::to_value(PublicJwk::new(KID, material)).unwrap()
    }

    #[test]
    fn each_kind_has_exactly_its_members() {
        assert_eq!(
            serde_json::to_string(&PublicJwk::new(KID, PublicMaterial::P256 { x: [1; 32], y: [2; 32] })).unwrap(),
            concat!(
                r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"7f1c0a52-93b4-4f6e-8d20-51c9e0a746bd","#,
                r#""x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","#,
                r#""y":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","ext":true}"#,
            )
        );
        assert_eq!(
            json_of(PublicMaterial::Ed25519 { x: [3; 32] }),
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": "7f1c0a52-93b4-4f6e-8d20-51c9e0a746bd",
                "x": "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM", "ext": true,
            })
        );
        assert_eq!(
            json_of(rsa()),
            json!({
                "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "7f1c0a52-93b4-4f6e-8d20-51c9e0a746bd",
                "n": URL_SAFE_NO_PAD.encode([0xc5; 256]), "e": "AQAB", "ext": true,
            })
        );
    }

    #[test]
    fn a_set_reads_back_what_it_wrote() {
        let set = JwkSet {
            keys: [PublicMaterial::P256 { x: [1; 32], y: [0; 32] }, PublicMaterial::Ed25519 { x: [255; 32] }, rsa()]
                .map(|material| PublicJwk::new(KID, material))
                .into(),
        };
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(serde_json::from_str::<JwkSet>(&text).unwrap(), set);
    }

    #[test]
    fn unknown_and_private_members_do_not_come_back_out() {
        let mut value = json_of(rsa());
        value["d"] = json!("c2VjcmV0");
        value["x5t"] = json!("abc");
        let key: PublicJwk = serde_json::from_value(value).unwrap();
        assert_eq!(serde_json::to_value(key).unwrap(), json_of(rsa()));
    }

    #[test]
    fn contradictions_are_refused() {
        let changes = [
            ("kty", json!("EC")),
            ("kty", json!("oct")),
            ("crv", json!("P-256")),
            ("alg", json!("ES256")),
            ("alg", json!("HS256")),
            ("use", json!("enc")),
            ("kid", json!("not-a-uuid")),
            ("x", json!("AQAB")),
            ("n", json!("AAEB")),
            ("n", json!("")),
            ("n", json!("not base64url")),
            ("e", json!("AQAB==")),
            ("e", Value::Null),
        ];
        for (member, value) in changes {
            let mut key = json_of(rsa());
            key[member] = value.clone();
            assert!(serde_json::from_value::<PublicJwk>(key).is_err(), "{member} = {value}");
        }
        let mut short = json_of(PublicMaterial::Ed25519 { x: [3; 32] });
        short["x"] = json!(URL_SAFE_NO_PAD.encode([3; 31]));
        assert!(serde_json::from_value::<PublicJwk>(short).is_err());
    }

    #[test]
    fn only_uncompressed_points_are_read() {
        let mut point = vec![4; 65];
        assert_eq!(PublicMaterial::from_point(&point), Some(PublicMaterial::P256 { x: [4; 32], y: [4; 32] }));
        assert_eq!(PublicMaterial::from_point(&point[..64]), None);
        assert_eq!(PublicMaterial::from_point(&[]), None);
        point[0] = 2;
        assert_eq!(PublicMaterial::from_point(&point), None);
    }
}
