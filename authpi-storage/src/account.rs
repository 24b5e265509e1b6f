//! In SQL.

use async_trait::async_trait;
use authpi_core::account::repository::{AccountReads, AccountRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> AccountReads for Session<C> {
    async fn exists(&self, _id: authpi_core::id::AccountId) -> Result<bool, authpi_core::store::StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl AccountRepository for Unit {}
