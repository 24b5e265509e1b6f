//! Issuers in SQL.

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id, IssuerId};
use authpi_core::issuer::model::IssuerHead;
use authpi_core::issuer::repository::{IssuerReads, IssuerRepository};
use authpi_core::store::StoreError;
use sea_orm::{ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter, QuerySelect};

use crate::convert::{Place, id};
use crate::entity::issuer::{Column, Entity};
use crate::error::failed;
use crate::session::{Session, Unit};

/// The columns of [`IssuerHead`].
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct HeadRow {
    id: uuid::Uuid,
    account_id: uuid::Uuid,
    status: String,
    platform: bool,
    event_context: String,
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> IssuerReads for Session<C> {
    async fn head(&self, account: AccountId, issuer: IssuerId) -> Result<Option<IssuerHead>, StoreError> {
        let row = Entity::find_by_id(issuer.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleting.eq(false))
            .into_partial_model::<HeadRow>()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.head"))?;
        let Some(row) = row else { return Ok(None) };
        let place = Place { table: "authpi_issuer", id: row.id };
        Ok(Some(IssuerHead {
            id: id(row.id),
            account_id: id(row.account_id),
            status: place.word("status", &row.status)?,
            platform: row.platform,
            event_context: place.word("event_context", &row.event_context)?,
        }))
    }

    async fn root_key(&self, issuer: IssuerId) -> Result<Option<Vec<u8>>, StoreError> {
        Entity::find_by_id(issuer.uuid())
            .select_only()
            .column(Column::RootKey)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.root_key"))
    }
}

#[async_trait]
impl IssuerRepository for Unit {}
