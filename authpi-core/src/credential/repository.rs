//! What storage answers and does for API keys.

use async_trait::async_trait;

use super::model::ApiKeyAuthentication;
use crate::error::StoreError;
use crate::id::ApiKeyId;

/// Questions about API keys.
#[async_trait]
pub trait ApiKeyReads: Send + Sync {
    /// What deciding about a presented key needs. The one question without a tenant: the key is what tells the tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn authentication(&self, id: ApiKeyId) -> Result<Option<ApiKeyAuthentication>, StoreError>;
}

/// Writes of API keys.
#[async_trait]
pub trait ApiKeyRepository: ApiKeyReads {}
