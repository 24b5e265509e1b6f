//! How private keys go into the store and come out of it.

use uuid::Uuid;

use super::model::{KeyPair, SigningKey, seal_context};
use super::published::ReadyKey;
use crate::error::Refusal;
use crate::keyring::IssuerRoot;
use crate::timestamp::Timestamp;

/// The stored form of a key pair of the issuer of `root`, made `now`.
///
/// # Errors
/// [`Refusal::Internal`] when the cryptographic library fails.
pub fn seal(
    root: &IssuerRoot,
    kid: Uuid,
    pair: &KeyPair,
    generation: u32,
    (now, activates_at): (Timestamp, Timestamp),
) -> Result<SigningKey, Refusal> {
    let pkcs8 = pair.to_pkcs8().map_err(Refusal::internal)?;
    let sealed = root.key.seal(&seal_context(root.issuer_id, kid), &pkcs8).map_err(Refusal::internal)?;
    Ok(SigningKey {
        kid,
        issuer_id: root.issuer_id,
        algorithm: pair.algorithm(),
        public: pair.public_jwk(kid),
        sealed,
        created_at: now,
        activates_at,
        generation,
        compromised_at: None,
    })
}

/// A stored key, ready to sign.
///
/// # Errors
/// [`Refusal::Internal`] when the key is not one of this issuer or damaged.
pub fn unseal(root: &IssuerRoot, key: &SigningKey) -> Result<ReadyKey, Refusal> {
    let context = seal_context(root.issuer_id, key.kid);
    let pkcs8 = root.key.open(&context, &key.sealed).map_err(Refusal::internal)?;
    let pair = KeyPair::from_pkcs8(key.algorithm, &pkcs8).map_err(Refusal::internal)?;
    Ok(ReadyKey { kid: key.kid, pair })
}
