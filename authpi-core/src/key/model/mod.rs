//! Signing keys of an issuer: key pairs, their public form, and when they are made, used and withdrawn.

mod algorithm;
mod generation;
mod jwk;
mod jws;
mod pair;
mod rotation;
mod signing;
mod verifying;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use generation::{NextGeneration, next_generation};
pub use jwk::{InvalidJwk, JwkSet, PublicJwk, PublicMaterial};
pub use jws::{InvalidJws, Jws, NoJws, signed};
pub use pair::{KeyError, KeyPair};
pub use rotation::{
    KEPT, MINIMUM_AGE, OVERLAP, PUBLISHED_AHEAD, activation, is_rotation_due, next_generation_at, next_withdrawal,
    published, rotation_due_at, signer,
};
pub use signing::{SigningKey, seal_context};
pub use verifying::{InvalidSignature, VerifyingKey};
