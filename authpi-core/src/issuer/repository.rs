//! What storage answers and does for issuers.

use async_trait::async_trait;

use super::model::IssuerHead;
use crate::error::StoreError;
use crate::id::{AccountId, IssuerId};

/// Questions about issuers.
#[async_trait]
pub trait IssuerReads: Send + Sync {
    /// What every request below an issuer needs; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn head(&self, account: AccountId, id: IssuerId) -> Result<Option<IssuerHead>, StoreError>;

    /// The root key as the vault wrapped it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn root_key(&self, id: IssuerId) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Writes of issuers.
#[async_trait]
pub trait IssuerRepository: IssuerReads {}
