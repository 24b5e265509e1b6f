//! Private keys held ready to sign.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::model::{Algorithm, PublicJwk, PublicMaterial};

/// A parsed private key with its public half. Parsing is the slow part of a signature: keep the value.
///
/// # Security
/// The private half leaves only through [`KeyPair::to_pkcs8`]; `Debug` names the algorithm alone.
pub struct KeyPair {
    private: Private,
    public: PublicMaterial,
}

enum Private {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

impl KeyPair {
    /// Makes a new key. ES256 and EdDSA are quick; RS256 (2048 bits) takes about 0.1 s of CPU on average and belongs on
    /// the compute pool.
    ///
    /// # Errors
    /// [`KeyError::Generate`] when the cryptographic library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Private::Es256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Private::EdDsa),
            Algorithm::Rs256 => rsa::KeyPair::generate(KeySize::Rsa2048).map(Private::Rs256),
        };
        private.ok().and_then(Self::new).ok_or(KeyError::Generate)
    }

    /// Reads a key written by [`KeyPair::to_pkcs8`].
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the bytes are no PKCS#8 document, or hold a key of another algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Private::Es256),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Private::EdDsa),
            Algorithm::Rs256 => rsa::KeyPair::from_pkcs8(pkcs8).map(Private::Rs256),
        };
        private.ok().and_then(Self::new).ok_or(KeyError::Malformed)
    }

    /// The private key as PKCS#8 version 1 (RFC 5208), the form that other libraries read for all three algorithms.
    ///
    /// # Security
    /// Seal it before it is stored.
    ///
    /// # Errors
    /// [`KeyError::Encode`] when the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match &self.private {
            Private::Es256(key) => key.to_pkcs8v1().map(|document| Zeroizing::new(document.as_ref().to_vec())),
            Private::EdDsa(key) => key.to_pkcs8v1().map(|document| Zeroizing::new(document.as_ref().to_vec())),
            Private::Rs256(key) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(key).map(|document| Zeroizing::new(document.as_ref().to_vec()))
            }
        }
        .map_err(|_| KeyError::Encode)
    }

    /// What the key signs with.
    pub const fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::Es256(_) => Algorithm::Es256,
            Private::EdDsa(_) => Algorithm::EdDsa,
            Private::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Signs `message`; the answer is a JWS signature before base64url: `r ‖ s` of 32 bytes each for ES256, 64 bytes
    /// for EdDSA, as long as the modulus for RS256 (RFC 7518 §3.3 and §3.4, RFC 8037 §3.1).
    ///
    /// # Errors
    /// [`KeyError::Sign`] when the cryptographic library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.private {
            Private::Es256(key) => key.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()),
            Private::EdDsa(key) => key.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| KeyError::Sign)
    }

    /// The public half, named `kid`.
    pub fn public_jwk(&self, kid: Uuid) -> PublicJwk {
        PublicJwk::new(kid, self.public.clone())
    }

    fn new(private: Private) -> Option<Self> {
        let public = match &private {
            Private::Es256(key) => PublicMaterial::from_point(key.public_key().as_ref())?,
            Private::EdDsa(key) => PublicMaterial::Ed25519 { x: key.public_key().as_ref().try_into().ok()? },
            Private::Rs256(key) => PublicMaterial::Rsa {
                n: key.public_key().modulus().big_endian_without_leading_zero().to_vec(),
                e: key.public_key().exponent().big_endian_without_leading_zero().to_vec(),
            },
        };
        Some(Self { private, public })
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// Why a private key could not be made, read, written or used. Tells nothing about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No key came out of the generator.
    #[error("a signing key could not be generated")]
    Generate,
    /// The stored form is damaged, or of another algorithm.
    #[error("a stored signing key could not be read")]
    Malformed,
    /// The key could not be written down.
    #[error("a signing key could not be encoded")]
    Encode,
    /// The signature failed.
    #[error("a signature could not be made")]
    Sign,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::key::model::VerifyingKey;

    const KID: Uuid = Uuid::from_u128(0x7f1c_0a52_93b4_4f6e_8d20_51c9_e0a7_46bd);

    #[test]
    fn signatures_verify_against_the_public_half_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let pair = KeyPair::generate(algorithm).unwrap();
            assert_eq!(pair.algorithm(), algorithm);
            let signature = pair.sign(b"header.claims").unwrap();
            assert_eq!(signature.len(), if algorithm == Algorithm::Rs256 { 256 } else { 64 });

            let key = VerifyingKey::new(&pair.public_jwk(KID)).unwrap();
            assert!(key.verify(b"header.claims", &signature).is_ok(), "{algorithm}");
            assert!(key.verify(b"header.claimz", &signature).is_err(), "{algorithm}");
            assert!(key.verify(b"header.claims", &signature[1..]).is_err(), "{algorithm}");
            assert!(key.verify(b"header.claims", &[]).is_err(), "{algorithm}");

            let stranger = KeyPair::generate(algorithm).unwrap();
            let stranger = VerifyingKey::new(&stranger.public_jwk(KID)).unwrap();
            assert!(stranger.verify(b"header.claims", &signature).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn a_key_survives_pkcs8() {
        for algorithm in Algorithm::ALL {
            let pair = KeyPair::generate(algorithm).unwrap();
            let pkcs8 = pair.to_pkcs8().unwrap();
            let again = KeyPair::from_pkcs8(algorithm, &pkcs8).unwrap();
            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.public_jwk(KID), pair.public_jwk(KID), "{algorithm}");
            assert_eq!(again.to_pkcs8().unwrap(), pkcs8, "{algorithm}");

            let signature = again.sign(b"message").unwrap();
            let key = VerifyingKey::new(&pair.public_jwk(KID)).unwrap();
            assert!(key.verify(b"message", &signature).is_ok(), "{algorithm}");
        }
    }

    #[test]
    fn a_key_of_another_algorithm_or_a_damaged_one_is_refused() {
        for algorithm in Algorithm::ALL {
            let pkcs8 = KeyPair::generate(algorithm).unwrap().to_pkcs8().unwrap();
            for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                assert_eq!(KeyPair::from_pkcs8(other, &pkcs8).err(), Some(KeyError::Malformed), "{algorithm} {other}");
            }
            let cut = &pkcs8[..pkcs8.len() - 1];
            assert_eq!(KeyPair::from_pkcs8(algorithm, cut).err(), Some(KeyError::Malformed), "{algorithm}");
            assert_eq!(KeyPair::from_pkcs8(algorithm, &[]).err(), Some(KeyError::Malformed), "{algorithm}");
        }
    }

    #[test]
    fn ed25519_is_written_as_version_1() {
        assert_eq!(KeyPair::generate(Algorithm::EdDsa).unwrap().to_pkcs8().unwrap().len(), 48);
    }

    #[test]
    fn debug_names_the_algorithm_alone() {
        let pair = KeyPair::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(format!("{pair:?}"), "KeyPair { algorithm: EdDsa, .. }");
    }
}
