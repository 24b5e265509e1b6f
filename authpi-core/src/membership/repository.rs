//! What storage answers and does.

use async_trait::async_trait;

/// Questions.
#[async_trait]
pub trait MembershipReads: Send + Sync {}

/// Writes.
#[async_trait]
pub trait MembershipRepository: MembershipReads {}
