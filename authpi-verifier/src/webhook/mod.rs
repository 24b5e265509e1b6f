//! The receiver's side of webhooks (events-webhooks §8).

pub(crate) mod error;
pub(crate) mod event;
pub mod kind;
pub(crate) mod memory;
pub(crate) mod signature;
pub(crate) mod verifier;
