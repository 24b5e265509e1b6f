//! Verbs of users.

use async_trait::async_trait;
use authpi_core::device::repository::DeviceRepository;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::user::model::{DirectoryStatus, STORE_ID, User, UserStatus};
use authpi_core::user::repository::{UserRepository, UserUpdateOutcome};
use authpi_core::verifier::repository::VerifierRepository;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, TransactionTrait, UpdateMany,
};

use crate::convert::{Place, millis, to_json, to_word};
use crate::entity::user::{ActiveModel, Column, Entity};
use crate::entity::user_record;
use crate::error::{failed, is_unique_violation};
use crate::session::Unit;

/// The columns of the directory that a caller's change writes.
fn listed(user: &User) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "user.write";
    Ok(ActiveModel {
        username_type: Set(to_word(OPERATION, &user.username.kind())?),
        username_hash: Set(user.username_hash.as_bytes().to_vec()),
        email_hash: Set(user.email_hash.map(|hash| hash.as_bytes().to_vec())),
        status: Set(to_word(OPERATION, &DirectoryStatus::from(user.status.value))?),
        updated_at: Set(user.updated_at.as_millis()),
        ..Default::default()
    })
}

/// The columns of the record that a caller's change writes.
fn personal(user: &User) -> Result<user_record::ActiveModel, StoreError> {
    const OPERATION: &str = "user.write";
    Ok(user_record::ActiveModel {
        status_at: Set(millis(user.status.at)),
        status_reason: Set(user.status.reason.clone()),
        status_by: Set(user.status.by.clone()),
        username: Set(user.username.as_str().to_owned()),
        approval: Set(match &user.approval {
            Some(approval) => to_json(OPERATION, approval)?,
            None => serde_json::json!({}),
        }),
        details: Set(to_json(OPERATION, &user.details)?),
        metadata: Set(to_json(OPERATION, &user.metadata)?),
        ..Default::default()
    })
}

/// A change of one directory entry, if its version still is `before`.
fn guarded(issuer: IssuerId, id: UserId, before: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .filter(Column::Deleted.eq(false))
        .filter(Column::UpdatedAt.eq(before.as_millis()))
}

/// Ends the savepoint behind which a statement ran that may have hit the uniqueness of usernames; `None` if it has. On
/// PostgreSQL the failed statement would otherwise end the whole transaction.
async fn unless_taken<T>(savepoint: DatabaseTransaction, done: Result<T, DbErr>) -> Result<Option<T>, DbErr> {
    match done {
        Ok(done) => savepoint.commit().await.map(|()| Some(done)),
        Err(error) if is_unique_violation(&error) => savepoint.rollback().await.map(|()| None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl UserRepository for Unit {
    async fn insert(&mut self, user: &User) -> Result<InsertOutcome, StoreError> {
        let row = ActiveModel {
            id: Set(user.id.uuid()),
            issuer_id: Set(user.issuer_id.uuid()),
            deleted: Set(false),
            deleted_at: Set(None),
            store_id: Set(STORE_ID.to_owned()),
            region: Set(None),
            created_at: Set(user.created_at.as_millis()),
            ..listed(user)?
        };
        let savepoint = self.connection.begin().await.map_err(failed("user.insert"))?;
        let inserted = Entity::insert(row).exec_without_returning(&savepoint).await;
        if unless_taken(savepoint, inserted).await.map_err(failed("user.insert"))?.is_none() {
            return Ok(InsertOutcome::Taken);
        }
        let record = user_record::ActiveModel {
            user_id: Set(user.id.uuid()),
            issuer_id: Set(user.issuer_id.uuid()),
            origin: Set(to_word("user.insert", &user.origin)?),
            ..personal(user)?
        };
        user_record::Entity::insert(record)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| InsertOutcome::Inserted)
            .map_err(failed("user.insert"))
    }

    async fn lock(&mut self, issuer: IssuerId, id: UserId) -> Result<Option<UserStatus>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed("user.lock"))?;
        row.map(|row| Place { table: "authpi_user", id: row.id }.word("status", &row.status)).transpose()
    }

    async fn update(&mut self, user: &User, before: &User) -> Result<UserUpdateOutcome, StoreError> {
        const OPERATION: &str = "user.update";
        let statement = guarded(user.issuer_id, user.id, before.updated_at).set(listed(user)?);
        let done = if user.username_hash == before.username_hash {
            statement.exec(&self.connection).await.map(Some)
        } else {
            let savepoint = self.connection.begin().await.map_err(failed(OPERATION))?;
            let done = statement.exec(&savepoint).await;
            unless_taken(savepoint, done).await
        };
        let Some(done) = done.map_err(failed(OPERATION))? else { return Ok(UserUpdateOutcome::UsernameTaken) };
        if WriteOutcome::of_rows(done.rows_affected) == WriteOutcome::Stale {
            return Ok(UserUpdateOutcome::Stale);
        }
        user_record::Entity::update_many()
            .set(personal(user)?)
            .filter(user_record::Column::UserId.eq(user.id.uuid()))
            .filter(user_record::Column::IssuerId.eq(user.issuer_id.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| UserUpdateOutcome::Done)
            .map_err(failed(OPERATION))
    }

    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: UserId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = guarded(issuer, id, before)
            .set(ActiveModel {
                status: Set(to_word("user.begin_delete", &DirectoryStatus::Deleted)?),
                deleted: Set(true),
                deleted_at: Set(Some(self.now.as_millis())),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .exec(&self.connection)
            .await
            .map_err(failed("user.begin_delete"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.remove_what_proves(issuer, id).await?;
        }
        Ok(outcome)
    }

    async fn logged_in(&mut self, issuer: IssuerId, id: UserId) -> Result<(), StoreError> {
        user_record::Entity::update_many()
            .set(user_record::ActiveModel { last_login_at: Set(Some(self.now.as_millis())), ..Default::default() })
            .filter(user_record::Column::UserId.eq(id.uuid()))
            .filter(user_record::Column::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("user.logged_in"))
    }

    async fn purge(&mut self, issuer: IssuerId, id: UserId) -> Result<(), StoreError> {
        let erased = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(true))
            .exec(&self.connection)
            .await
            .map_err(failed("user.purge"))?;
        if erased.rows_affected == 0 {
            return Ok(());
        }
        self.remove_what_proves(issuer, id).await?;
        self.forget_removals_of(issuer, id).await?;
        user_record::Entity::delete_many()
            .filter(user_record::Column::UserId.eq(id.uuid()))
            .filter(user_record::Column::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("user.purge"))
    }
}

impl Unit {
    /// Credentials and devices of a user.
    async fn remove_what_proves(&mut self, issuer: IssuerId, user: UserId) -> Result<(), StoreError> {
        VerifierRepository::remove_of_user(self, issuer, user).await?;
        DeviceRepository::remove_of_user(self, issuer, user).await?;
        Ok(())
    }
}
