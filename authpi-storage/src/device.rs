//! Devices that users sign in from, in SQL.

use async_trait::async_trait;
use authpi_core::device::model::{Device, Fingerprint, Sightings, Trust};
use authpi_core::device::repository::{DeviceReads, DeviceRepository};
use authpi_core::id::{DeviceId, Id, IssuerId, UserId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use crate::batch;
use crate::convert::{Place, id, millis, time};
use crate::entity::user_device::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

fn device(row: Model) -> Result<Device, StoreError> {
    let place = Place { table: "authpi_user_device", id: row.id };
    let trust = row.trusted_at.zip(row.trusted_until).map(|(at, until)| Trust {
        at: time(at),
        expires_at: time(until),
        last_used_at: row.trust_used_at.map(time),
    });
    let logins = place.count("logins", row.logins)?;
    let sightings = row.first_seen_at.zip(row.last_seen_at).map(|(first, last)| Sightings {
        first_at: time(first),
        last_at: time(last),
        logins,
    });
    Ok(Device {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        fingerprint: Fingerprint::from_bytes(place.bytes32("fingerprint", &row.fingerprint)?),
        name: row.name,
        user_agent: row.user_agent,
        country: row.country,
        trust,
        sightings,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that change.
fn written(device: &Device) -> ActiveModel {
    ActiveModel {
        name: Set(device.name.clone()),
        user_agent: Set(device.user_agent.clone()),
        country: Set(device.country.clone()),
        trusted_at: Set(millis(device.trust.map(|trust| trust.at))),
        trusted_until: Set(millis(device.trust.map(|trust| trust.expires_at))),
        trust_used_at: Set(millis(device.trust.and_then(|trust| trust.last_used_at))),
        first_seen_at: Set(millis(device.sightings.map(|seen| seen.first_at))),
        last_seen_at: Set(millis(device.sightings.map(|seen| seen.last_at))),
        logins: Set(device.sightings.map_or(0, |seen| seen.logins.into())),
        forgotten_at: Set(device.forgotten_at().as_millis()),
        updated_at: Set(device.updated_at.as_millis()),
        ..Default::default()
    }
}

fn of(issuer: IssuerId, user: UserId) -> Condition {
    Condition::all().add(Column::IssuerId.eq(issuer.uuid())).add(Column::UserId.eq(user.uuid()))
}

/// One version of a device.
fn version(device: &Device, version: Timestamp) -> Condition {
    of(device.issuer_id, device.user_id)
        .add(Column::Id.eq(device.id.uuid()))
        .add(Column::UpdatedAt.eq(version.as_millis()))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> DeviceReads for Session<C> {
    async fn find(&self, issuer: IssuerId, user: UserId, id: DeviceId) -> Result<Option<Device>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(of(issuer, user))
            .one(&self.connection)
            .await
            .map_err(failed("device.find"))?;
        row.map(device).transpose()
    }

    async fn of_user(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Device>, StoreError> {
        let mut rows =
            Entity::find().filter(of(issuer, user)).all(&self.connection).await.map_err(failed("device.of_user"))?;
        // They are few: sorted here, they need no index for it.
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        rows.into_iter().map(device).collect()
    }

    async fn count(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        Entity::find().filter(of(issuer, user)).count(&self.connection).await.map_err(failed("device.count"))
    }
}

#[async_trait]
impl DeviceRepository for Unit {
    async fn insert(&mut self, device: &Device) -> Result<InsertOutcome, StoreError> {
        let row = ActiveModel {
            id: Set(device.id.uuid()),
            issuer_id: Set(device.issuer_id.uuid()),
            user_id: Set(device.user_id.uuid()),
            fingerprint: Set(device.fingerprint.as_bytes().to_vec()),
            created_at: Set(device.created_at.as_millis()),
            ..written(device)
        };
        let key = [Column::IssuerId, Column::UserId, Column::Fingerprint];
        insert_unless_taken(Entity::insert(row), key, &self.connection).await.map_err(failed("device.insert"))
    }

    async fn update(&mut self, device: &Device, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(device))
            .filter(version(device, before))
            .exec(&self.connection)
            .await
            .map_err(failed("device.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(&mut self, device: &Device) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(version(device, device.updated_at))
            .exec(&self.connection)
            .await
            .map_err(failed("device.remove"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(of(issuer, user))
            .exec(&self.connection)
            .await
            .map_err(failed("device.remove_of_user"))?;
        Ok(done.rows_affected)
    }

    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError> {
        let which =
            Entity::find().filter(Column::ForgottenAt.lte(self.now.as_millis())).order_by_asc(Column::ForgottenAt);
        let due =
            batch::first_keys(&self.connection, which, Column::Id, limit).await.map_err(failed("device.sweep"))?;
        if due.is_empty() {
            return Ok(0);
        }
        let done = Entity::delete_many()
            .filter(Column::Id.is_in(due))
            .filter(Column::ForgottenAt.lte(self.now.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("device.sweep"))?;
        Ok(done.rows_affected)
    }
}
