//! What storage answers and does for users.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{IssuerId, UserId};

/// Questions about users.
#[async_trait]
pub trait UserReads: Send + Sync {
    /// There is such a user of the issuer, and its deletion was not accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn exists(&self, issuer: IssuerId, id: UserId) -> Result<bool, StoreError>;
}

/// Writes of users.
#[async_trait]
pub trait UserRepository: UserReads {}
