//! What storage answers and does for memberships.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{IssuerId, MemberId};

/// Questions about memberships.
#[async_trait]
pub trait MembershipReads: Send + Sync {
    /// In how many organizations of the issuer somebody is a member.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_of_member(&self, issuer: IssuerId, member: MemberId) -> Result<u64, StoreError>;
}

/// Writes of memberships.
#[async_trait]
pub trait MembershipRepository: MembershipReads {}
