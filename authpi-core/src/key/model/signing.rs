//! A signing key as it is stored.

use uuid::Uuid;

use crate::id::IssuerId;
use crate::key::model::{Algorithm, PublicJwk};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// One key of an issuer's set: its public half in clear, its private half sealed.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Names the key in token headers and in the published set. Opaque, matched exactly.
    pub kid: Uuid,
    /// The issuer that signs with the key.
    pub issuer_id: IssuerId,
    /// What the key signs with.
    pub algorithm: Algorithm,
    /// The public half, as published.
    pub public: PublicJwk,
    /// The private half in PKCS#8, sealed under the issuer's root key with [`seal_context`].
    pub sealed: Sealed,
    /// When the key was made, and published.
    pub created_at: Timestamp,
    /// The first instant at which the key may sign.
    pub activates_at: Timestamp,
    /// Counts the issuer's rotations: the keys made together share it, and a higher one is newer.
    pub generation: u32,
    /// When it was withdrawn because it is in wrong hands. From there on only its place in the succession counts: the key
    /// before it has been succeeded, and stays so.
    pub compromised_at: Option<Timestamp>,
}

/// The context under which the private half of a key is sealed: it opens as this key of this issuer and as no other.
pub fn seal_context(issuer: IssuerId, kid: Uuid) -> String {
    format!("signing-key/{issuer}/{kid}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::id::Id as _;
    use crate::key::model::KeyPair;
    use crate::seal::RootKey;

    #[test]
    fn a_sealed_key_opens_as_itself_only() {
        let root = RootKey::new([7; 32]);
        let (issuer, stranger) = (IssuerId::from_uuid(Uuid::from_u128(1)), IssuerId::from_uuid(Uuid::from_u128(2)));
        let kid = Uuid::from_u128(3);
        let pair = KeyPair::generate(Algorithm::Es256).unwrap();
        let sealed = root.seal(&seal_context(issuer, kid), &pair.to_pkcs8().unwrap()).unwrap();

        let pkcs8 = root.open(&seal_context(issuer, kid), &sealed).unwrap();
        let opened = KeyPair::from_pkcs8(Algorithm::Es256, &pkcs8).unwrap();
        assert_eq!(opened.public_jwk(kid), pair.public_jwk(kid));
        assert!(root.open(&seal_context(issuer, Uuid::from_u128(4)), &sealed).is_err());
        assert!(root.open(&seal_context(stranger, kid), &sealed).is_err());
    }
}
