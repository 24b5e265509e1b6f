//! Public keys held ready to verify.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};

use crate::key::model::{Algorithm, InvalidJwk, PublicJwk, PublicMaterial};

/// RFC 7518 §3.3.
const MINIMUM_RSA_BITS: usize = 2048;

/// A parsed public key, bound to the one algorithm of its kind. Keep the value and spare the parsing.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses a public key.
    ///
    /// # Errors
    /// [`InvalidJwk`] when the numbers are no key: a point off the curve, a modulus under 2048 bits.
    pub fn new(key: &PublicJwk) -> Result<Self, InvalidJwk> {
        let parsed = match key.material() {
            PublicMaterial::P256 { x, y } => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4_u8], x.as_slice(), y.as_slice()].concat())
            }
            PublicMaterial::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
            PublicMaterial::Rsa { n, .. } if bits(n) < MINIMUM_RSA_BITS => return Err(InvalidJwk),
            PublicMaterial::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
        };
        Ok(Self { algorithm: key.algorithm(), key: parsed.map_err(|_| InvalidJwk)? })
    }

    /// The only `alg` a token verified with this key may name.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks a JWS signature over `message` (both as bytes, the signature after base64url).
    ///
    /// # Errors
    /// [`InvalidSignature`] for every signature that was not made with the private half of this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.key.verify_sig(message, signature).map_err(|_| InvalidSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The length of a big-endian integer.
fn bits(integer: &[u8]) -> usize {
    let mut rest = integer.iter().skip_while(|byte| **byte == 0);
    rest.next().map_or(0, |first| first.ilog2() as usize + 1 + 8 * rest.count())
}

/// The signature does not belong to the message and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct InvalidSignature;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::key::model::KeyPair;

    fn key(members: &Value) -> Result<VerifyingKey, InvalidJwk> {
        let mut all = json!({ "use": "sig", "kid": Uuid::nil(), "ext": true });
        all.as_object_mut().unwrap().append(&mut members.as_object().unwrap().clone());
        VerifyingKey::new(&serde_json::from_value(all).unwrap())
    }

    /// RFC 8037 appendix A.1, without the private member.
    fn rfc8037() -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        })
    }

    /// RFC 8037 appendix A.4.
    const EDDSA_INPUT: &[u8] = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const EDDSA_SIGNATURE: &str =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    #[test]
    fn the_ed25519_signature_of_rfc_8037_is_made_and_verified() {
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend(URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap());
        let pair = KeyPair::from_pkcs8(Algorithm::EdDsa, &pkcs8).unwrap();
        let signature = pair.sign(EDDSA_INPUT).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(&signature), EDDSA_SIGNATURE);
        assert_eq!(key(&rfc8037()).unwrap().verify(EDDSA_INPUT, &signature), Ok(()));
    }

    #[test]
    fn the_p256_signature_of_rfc_7515_is_verified() {
        // appendix A.3
        let key = key(&json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }))
        .unwrap();
        let input = concat!(
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl",
            "LmNvbS9pc19yb290Ijp0cnVlfQ",
        );
        let mut signature = URL_SAFE_NO_PAD
            .decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .unwrap();
        assert_eq!(key.verify(input.as_bytes(), &signature), Ok(()));
        signature[40] ^= 1;
        assert_eq!(key.verify(input.as_bytes(), &signature), Err(InvalidSignature));
    }

    #[test]
    fn an_all_zero_ecdsa_signature_is_refused() {
        let pair = KeyPair::generate(Algorithm::Es256).unwrap();
        let key = VerifyingKey::new(&pair.public_jwk(Uuid::nil())).unwrap();
        assert_eq!(key.verify(b"message", &[0; 64]), Err(InvalidSignature));
    }

    #[test]
    fn numbers_that_are_no_key_are_refused() {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let off_the_curve =
            json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": text(&[1; 32]), "y": text(&[2; 32]) });
        assert!(key(&off_the_curve).is_err());
        let rsa = |n: &[u8]| key(&json!({ "kty": "RSA", "alg": "RS256", "n": text(n), "e": "AQAB" }));
        assert!(rsa(&[0xc5; 256]).is_ok());
        assert!(rsa(&[0x7f; 256]).is_err(), "2047 bits");
        assert!(rsa(&[0xc5; 128]).is_err());
        assert_eq!([&[][..], &[0], &[1], &[0, 0x80], &[1, 0]].map(bits), [0, 0, 1, 8, 9]);
    }
}
