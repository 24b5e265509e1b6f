//! Questions about users.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::user::model::{
    DirectoryEntry, PASSWORD_METHOD, PasswordHash, PasswordVerifier, User, UserDetails, Username, UsernameHash,
};
use authpi_core::user::repository::{DeletedUser, UserFilter, UserReads};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::convert::{Place, id, status, time, to_word};
use crate::entity::user::{Column, Entity, Model};
use crate::entity::{user_record, user_verifier};
use crate::error::failed;
use crate::session::Session;

fn user(row: &Model, record: Option<user_record::Model>, password: Option<i64>) -> Result<User, StoreError> {
    let place = Place { table: "authpi_user", id: row.id };
    let record = record.ok_or_else(|| place.corrupt("id"))?;
    let value = place.word("status", &row.status)?;
    let kind = place.word("username_type", &row.username_type)?;
    let personal = Place { table: "authpi_user_record", id: row.id };
    Ok(User {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        status: status(value, record.status_at, record.status_reason, record.status_by),
        username: Username::stored(kind, record.username),
        username_hash: username_hash(place, &row.username_hash)?,
        details: personal.json::<UserDetails>("details", record.details)?,
        metadata: personal.json("metadata", record.metadata)?,
        password_changed_at: password.map(time),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn username_hash(place: Place, bytes: &[u8]) -> Result<UsernameHash, StoreError> {
    place.bytes32("username_hash", bytes).map(UsernameHash::from_bytes)
}

fn entry(row: Model) -> Result<DirectoryEntry, StoreError> {
    let place = Place { table: "authpi_user", id: row.id };
    Ok(DirectoryEntry {
        user_id: id(row.id),
        issuer_id: id(row.issuer_id),
        username_type: place.word("username_type", &row.username_type)?,
        username_hash: username_hash(place, &row.username_hash)?,
        status: place.word("status", &row.status)?,
        store_id: row.store_id,
        region: row.region,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn password_verifier(row: user_verifier::Model) -> PasswordVerifier {
    PasswordVerifier {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        hash: PasswordHash::from_phc(row.secret),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    }
}

fn verifiers(issuer: IssuerId, user: UserId) -> Select<user_verifier::Entity> {
    user_verifier::Entity::find()
        .filter(user_verifier::Column::IssuerId.eq(issuer.uuid()))
        .filter(user_verifier::Column::UserId.eq(user.uuid()))
}

fn living(issuer: IssuerId) -> Select<Entity> {
    Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::Deleted.eq(false))
}

impl<C: ConnectionTrait> Session<C> {
    async fn user_where(&self, one: Select<Entity>, operation: &'static str) -> Result<Option<User>, StoreError> {
        let record = Entity::belongs_to(user_record::Entity).from(Column::Id).to(user_record::Column::UserId);
        let found = one
            .join(JoinType::LeftJoin, record.into())
            .select_also(user_record::Entity)
            .one(&self.connection)
            .await
            .map_err(failed(operation))?;
        let Some((row, record)) = found else { return Ok(None) };
        let changed_at: Option<i64> = verifiers(id(row.issuer_id), id(row.id))
            .select_only()
            .column(user_verifier::Column::UpdatedAt)
            .filter(user_verifier::Column::Method.eq(PASSWORD_METHOD))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed(operation))?;
        user(&row, record, changed_at).map(Some)
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> UserReads for Session<C> {
    async fn exists(&self, issuer: IssuerId, id: UserId) -> Result<bool, StoreError> {
        let found: Option<uuid::Uuid> = living(issuer)
            .filter(Column::Id.eq(id.uuid()))
            .select_only()
            .column(Column::Id)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("user.exists"))?;
        Ok(found.is_some())
    }

    async fn find(&self, issuer: IssuerId, id: UserId) -> Result<Option<User>, StoreError> {
        self.user_where(living(issuer).filter(Column::Id.eq(id.uuid())), "user.find").await
    }

    async fn find_by_username_hash(&self, issuer: IssuerId, hash: &UsernameHash) -> Result<Option<User>, StoreError> {
        let named = living(issuer).filter(Column::UsernameHash.eq(hash.as_bytes().to_vec()));
        self.user_where(named, "user.find_by_username_hash").await
    }

    async fn list(
        &self,
        issuer: IssuerId,
        filter: UserFilter,
        page: &PageRequest<UserId>,
    ) -> Result<Page<DirectoryEntry>, StoreError> {
        let mut query = match filter.status {
            None => living(issuer),
            Some(status) => Entity::find()
                .filter(Column::IssuerId.eq(issuer.uuid()))
                .filter(Column::Status.eq(to_word("user.list", &status)?)),
        };
        if let Some(after) = page.after {
            query = query.filter(Column::Id.lt(after.uuid()));
        }
        let rows = query
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit.get()) + 1)
            .all(&self.connection)
            .await
            .map_err(failed("user.list"))?;
        let entries = rows.into_iter().map(entry).collect::<Result<_, StoreError>>()?;
        Ok(Page::cut(entries, page.limit))
    }

    async fn password(&self, issuer: IssuerId, id: UserId) -> Result<Option<PasswordVerifier>, StoreError> {
        let row = verifiers(issuer, id)
            .filter(user_verifier::Column::Method.eq(PASSWORD_METHOD))
            .one(&self.connection)
            .await
            .map_err(failed("user.password"))?;
        Ok(row.map(password_verifier))
    }

    async fn count_verifiers(&self, issuer: IssuerId, id: UserId) -> Result<u64, StoreError> {
        verifiers(issuer, id).count(&self.connection).await.map_err(failed("user.count_verifiers"))
    }

    async fn deleted_before(&self, at: Timestamp, limit: u32) -> Result<Vec<DeletedUser>, StoreError> {
        let rows: Vec<(uuid::Uuid, uuid::Uuid)> = Entity::find()
            .select_only()
            .columns([Column::IssuerId, Column::Id])
            .filter(Column::DeletedAt.lt(at.as_millis()))
            .order_by_asc(Column::DeletedAt)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("user.deleted_before"))?;
        Ok(rows.into_iter().map(|(issuer, user)| DeletedUser { issuer_id: id(issuer), id: id(user) }).collect())
    }
}
