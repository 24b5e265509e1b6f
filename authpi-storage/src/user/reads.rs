//! Questions about users.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::user::model::{
    Approval, DirectoryEntry, DirectoryStatus, Protection, User, UserDetails, UserSecurity, Username, UsernameHash,
};
use authpi_core::user::repository::{ADDRESS_SHARED_BY, DeletedUser, UserFilter, UserReads};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::{Place, id, status, time, to_word};
use crate::entity::user::{Column, Entity, Model};
use crate::entity::{user_record, user_verifier};
use crate::error::failed;
use crate::session::Session;

fn user(row: &Model, record: Option<user_record::Model>, protections: Vec<Protection>) -> Result<User, StoreError> {
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
        email_hash: row.email_hash.as_deref().map(|hash| username_hash(place, hash)).transpose()?,
        details: personal.json::<UserDetails>("details", record.details)?,
        metadata: personal.json("metadata", record.metadata)?,
        origin: personal.word("origin", &record.origin)?,
        approval: approval(personal, record.approval)?,
        security: UserSecurity { protections, last_login_at: record.last_login_at.map(time) },
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn approval(place: Place, value: serde_json::Value) -> Result<Option<Approval>, StoreError> {
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(None);
    }
    place.json("approval", value).map(Some)
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

fn living(issuer: IssuerId) -> Select<Entity> {
    Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::Deleted.eq(false))
}

fn protection(row: user_verifier::Model) -> Result<Protection, StoreError> {
    let place = Place { table: "authpi_user_verifier", id: row.id };
    Ok(Protection {
        failed: place.count("failed", row.failed)?,
        method: row.method,
        set_at: time(row.secret_at),
        expires_at: row.expires_at.map(time),
        locked_until: row.locked_until.map(time),
    })
}

impl<C: ConnectionTrait> Session<C> {
    async fn user_where(&self, one: Select<Entity>, operation: &'static str) -> Result<Option<User>, StoreError> {
        // A row for each of a few credentials costs less than a statement.
        let rows = one
            .find_also_related(user_record::Entity)
            .find_also_related(user_verifier::Entity)
            .all(&self.connection)
            .await
            .map_err(failed(operation))?;
        let mut found = None;
        let mut protections = Vec::new();
        for (row, record, verifier) in rows {
            protections.extend(verifier.map(protection).transpose()?);
            found.get_or_insert((row, record));
        }
        let Some((row, record)) = found else { return Ok(None) };
        user(&row, record, protections).map(Some)
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

    async fn with_address(&self, issuer: IssuerId, hash: &UsernameHash) -> Result<Vec<UserId>, StoreError> {
        let hash = hash.as_bytes().to_vec();
        let proven = living(issuer).filter(Column::EmailHash.eq(hash.clone())).order_by_asc(Column::Id);
        let named = living(issuer).filter(Column::UsernameHash.eq(hash));
        let mut found: Vec<UserId> = Vec::new();
        for query in [proven.limit(ADDRESS_SHARED_BY), named] {
            let ids: Vec<uuid::Uuid> = query
                .select_only()
                .column(Column::Id)
                .into_tuple()
                .all(&self.connection)
                .await
                .map_err(failed("user.with_address"))?;
            for user in ids.into_iter().map(id) {
                if !found.contains(&user) {
                    found.push(user);
                }
            }
        }
        Ok(found)
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

    async fn pending(&self, issuer: IssuerId, page: &PageRequest<UserId>) -> Result<Page<DirectoryEntry>, StoreError> {
        const OPERATION: &str = "user.pending";
        let mut query = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Status.eq(to_word(OPERATION, &DirectoryStatus::PendingApproval)?));
        if let Some(after) = page.after {
            query = query.filter(Column::Id.gt(after.uuid()));
        }
        let rows = query
            .order_by_asc(Column::Id)
            .limit(u64::from(page.limit.get()) + 1)
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let entries = rows.into_iter().map(entry).collect::<Result<_, StoreError>>()?;
        Ok(Page::cut(entries, page.limit))
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
