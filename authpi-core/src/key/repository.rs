//! What storage answers and does for signing keys.

use async_trait::async_trait;

/// Questions about signing keys.
#[async_trait]
pub trait SigningKeyReads: Send + Sync {}

/// Writes of signing keys.
#[async_trait]
pub trait SigningKeyRepository: SigningKeyReads {}
