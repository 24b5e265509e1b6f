//! What storage answers and does.

use async_trait::async_trait;

/// Questions.
#[async_trait]
pub trait UserReads: Send + Sync {}

/// Writes.
#[async_trait]
pub trait UserRepository: UserReads {}
