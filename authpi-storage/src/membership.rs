//! In SQL.

use async_trait::async_trait;
use authpi_core::membership::repository::{MembershipReads, MembershipRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> MembershipReads for Session<C> {
    async fn count_of_member(
        &self,
        _: authpi_core::id::IssuerId,
        _: authpi_core::id::MemberId,
    ) -> Result<u64, authpi_core::store::StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl MembershipRepository for Unit {}
