//! The instance itself in SQL.

use async_trait::async_trait;
use authpi_core::id::Id;
use authpi_core::outcome::InsertOutcome;
use authpi_core::secret::KeyTag;
use authpi_core::store::{
    InstanceKeyPurpose, InstanceReads, InstanceRepository, Platform, StoreError, WrappedInstanceKey,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};

use crate::convert::id;
use crate::entity::{instance_key, platform};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

/// Primary key of the one row that says the instance was bootstrapped.
const ONLY_ROW: i64 = 1;

fn wrapped_key(row: instance_key::Model) -> Result<WrappedInstanceKey, StoreError> {
    let corrupt = |what: &str| StoreError::corrupt("instance.keys", format!("{what} of an instance key"));
    let purposes = [InstanceKeyPurpose::Pepper, InstanceKeyPurpose::Seal];
    let purpose = purposes.into_iter().find(|purpose| purpose.as_str() == row.purpose);
    Ok(WrappedInstanceKey {
        tag: KeyTag::new(u32::try_from(row.tag).map_err(|_| corrupt("tag"))?),
        purpose: purpose.ok_or_else(|| corrupt("purpose"))?,
        wrapped: row.wrapped,
    })
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> InstanceReads for Session<C> {
    async fn keys(&self) -> Result<Vec<WrappedInstanceKey>, StoreError> {
        let rows = instance_key::Entity::find()
            .order_by_desc(instance_key::Column::Tag)
            .all(&self.connection)
            .await
            .map_err(failed("instance.keys"))?;
        rows.into_iter().map(wrapped_key).collect()
    }

    async fn platform(&self) -> Result<Option<Platform>, StoreError> {
        let row =
            platform::Entity::find_by_id(ONLY_ROW).one(&self.connection).await.map_err(failed("instance.platform"))?;
        Ok(row.map(|row| Platform { issuer_id: id(row.issuer_id), account_id: id(row.account_id) }))
    }
}

#[async_trait]
impl InstanceRepository for Unit {
    async fn add_key(&mut self, key: &WrappedInstanceKey) -> Result<InsertOutcome, StoreError> {
        let row = instance_key::ActiveModel {
            purpose: Set(key.purpose.as_str().to_owned()),
            tag: Set(key.tag.get().into()),
            wrapped: Set(key.wrapped.clone()),
        };
        let columns = [instance_key::Column::Purpose, instance_key::Column::Tag];
        insert_unless_taken(instance_key::Entity::insert(row), columns, &self.connection)
            .await
            .map_err(failed("instance.add_key"))
    }

    async fn found_platform(&mut self, platform: Platform) -> Result<InsertOutcome, StoreError> {
        let row = platform::ActiveModel {
            only_row: Set(ONLY_ROW),
            issuer_id: Set(platform.issuer_id.uuid()),
            account_id: Set(platform.account_id.uuid()),
        };
        insert_unless_taken(platform::Entity::insert(row), [platform::Column::OnlyRow], &self.connection)
            .await
            .map_err(failed("instance.found_platform"))
    }
}
