//! What storage answers and does for accounts.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::AccountId;

/// Questions about accounts.
#[async_trait]
pub trait AccountReads: Send + Sync {
    /// There is such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn exists(&self, id: AccountId) -> Result<bool, StoreError>;
}

/// Writes of accounts.
#[async_trait]
pub trait AccountRepository: AccountReads {}
