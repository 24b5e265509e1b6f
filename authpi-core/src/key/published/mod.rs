//! What this process holds of what issuers publish: documents serialized once per change, and keys ready to sign.

mod cache;
mod documents;

pub use cache::{Cache, Cached, KeyCache, Look};
pub use documents::{Configuration, Document, KeySet, ReadyKey};
