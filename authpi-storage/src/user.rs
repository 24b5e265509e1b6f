//! In SQL.

use async_trait::async_trait;
use authpi_core::user::repository::{UserReads, UserRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> UserReads for Session<C> {
    async fn exists(
        &self,
        _: authpi_core::id::IssuerId,
        _: authpi_core::id::UserId,
    ) -> Result<bool, authpi_core::store::StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl UserRepository for Unit {}
