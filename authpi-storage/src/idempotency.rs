//! Records of idempotent requests in SQL.

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id};
use authpi_core::outcome::InsertOutcome;
use authpi_core::seal::Sealed;
use authpi_core::store::{Claim, IdempotencyReads, IdempotencyRecord, IdempotencyRepository, StoreError};
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use crate::convert::Place;
use crate::entity::idempotency_record::{ActiveModel, Column, Entity, Model};
use crate::error::{failed, is_lock_timeout};
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

fn record(row: Model) -> Result<IdempotencyRecord, StoreError> {
    let place = Place { table: "authpi_idempotency_record", id: row.account_id };
    // A committed row is a completed one: claim and completion share a transaction.
    let (Some(fingerprint), Some(answer)) = (row.fingerprint, row.answer) else {
        return Err(place.corrupt("answer"));
    };
    Ok(IdempotencyRecord {
        fingerprint: place.bytes32("fingerprint", &fingerprint)?,
        answer: Sealed::from_bytes(answer),
    })
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> IdempotencyReads for Session<C> {
    async fn find(
        &self,
        account: AccountId,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let found = Entity::find_by_id((account.uuid(), key.to_vec()))
            .filter(Column::ExpiresAt.gt(now.as_millis()))
            .filter(Column::Answer.is_not_null())
            .one(&self.connection)
            .await
            .map_err(failed("idempotency.find"))?;
        found.map(record).transpose()
    }
}

impl Unit {
    async fn committed(&self, account: AccountId, key: &[u8; 32]) -> Result<Option<Model>, StoreError> {
        Entity::find_by_id((account.uuid(), key.to_vec()))
            .one(&self.connection)
            .await
            .map_err(failed("idempotency.claim"))
    }

    /// Makes an expired record the claim of this unit; a live one is left alone.
    async fn take_over(&self, account: AccountId, key: &[u8; 32], expires_at: Timestamp) -> Result<bool, DbErr> {
        let done = Entity::update_many()
            .set(ActiveModel {
                fingerprint: Set(None),
                answer: Set(None),
                expires_at: Set(expires_at.as_millis()),
                ..Default::default()
            })
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Lookup.eq(key.to_vec()))
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .exec(&self.connection)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

#[async_trait]
impl IdempotencyRepository for Unit {
    async fn claim(&mut self, account: AccountId, key: &[u8; 32], expires_at: Timestamp) -> Result<Claim, StoreError> {
        let claim = ActiveModel {
            account_id: Set(account.uuid()),
            lookup: Set(key.to_vec()),
            fingerprint: Set(None),
            answer: Set(None),
            expires_at: Set(expires_at.as_millis()),
        };
        let key_columns = [Column::AccountId, Column::Lookup];
        match insert_unless_taken(Entity::insert(claim), key_columns, &self.connection).await {
            Ok(InsertOutcome::Inserted) => return Ok(Claim::Fresh),
            Ok(InsertOutcome::Taken) => {}
            Err(error) if is_lock_timeout(&error) => return Ok(Claim::Running),
            Err(error) => return Err(failed("idempotency.claim")(error)),
        }
        let Some(found) = self.committed(account, key).await? else { return Ok(Claim::Running) };
        if found.expires_at > self.now.as_millis() {
            return Ok(Claim::Completed(record(found)?));
        }
        match self.take_over(account, key, expires_at).await {
            Ok(true) => return Ok(Claim::Fresh),
            Ok(false) => {}
            Err(error) if is_lock_timeout(&error) => return Ok(Claim::Running),
            Err(error) => return Err(failed("idempotency.claim")(error)),
        }
        // Somebody else was faster.
        match self.committed(account, key).await? {
            Some(found) => Ok(Claim::Completed(record(found)?)),
            None => Ok(Claim::Running),
        }
    }

    async fn complete(
        &mut self,
        account: AccountId,
        key: &[u8; 32],
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                fingerprint: Set(Some(record.fingerprint.to_vec())),
                answer: Set(Some(record.answer.as_bytes().to_vec())),
                ..Default::default()
            })
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Lookup.eq(key.to_vec()))
            .exec(&self.connection)
            .await
            .map_err(failed("idempotency.complete"))?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(StoreError::new(
                authpi_core::store::StoreErrorKind::Bug,
                "idempotency.complete",
                "no claim to complete",
            ))
        }
    }

    async fn release(&mut self, account: AccountId, key: &[u8; 32]) -> Result<(), StoreError> {
        Entity::delete_by_id((account.uuid(), key.to_vec()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("idempotency.release"))
    }

    async fn purge(&mut self, limit: u32) -> Result<u64, StoreError> {
        let expired: Vec<(uuid::Uuid, Vec<u8>)> = Entity::find()
            .select_only()
            .columns([Column::AccountId, Column::Lookup])
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("idempotency.purge"))?;
        if expired.is_empty() {
            return Ok(0);
        }
        // A key is a keyed hash of account and key: alone it names one record.
        let done = Entity::delete_many()
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .filter(Column::AccountId.is_in(expired.iter().map(|(account, _)| *account)))
            .filter(Column::Lookup.is_in(expired.into_iter().map(|(_, lookup)| lookup)))
            .exec(&self.connection)
            .await
            .map_err(failed("idempotency.purge"))?;
        Ok(done.rows_affected)
    }
}
