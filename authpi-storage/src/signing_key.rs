//! Signing keys in SQL.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId};
use authpi_core::key::model::SigningKey;
use authpi_core::key::repository::{
    AddOutcome, KeyHolder, LostKey, PublishedVersion, SigningKeyReads, SigningKeyRepository,
};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use uuid::Uuid;

use crate::convert::{Place, id, millis, time, to_json};
use crate::entity::issuer;
use crate::entity::signing_key::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_signing_key";

fn signing_key(row: Model) -> Result<SigningKey, StoreError> {
    let place = Place { table: TABLE, id: row.kid };
    Ok(SigningKey {
        kid: row.kid,
        issuer_id: id(row.issuer_id),
        algorithm: row.algorithm.parse().map_err(|_| place.corrupt("algorithm"))?,
        public: place.json("public_jwk", row.public_jwk)?,
        sealed: Sealed::from_bytes(row.sealed),
        created_at: time(row.created_at),
        activates_at: time(row.activates_at),
        generation: place.count("generation", row.generation)?,
        compromised_at: row.compromised_at.map(time),
    })
}

fn row(key: &SigningKey) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        kid: Set(key.kid),
        issuer_id: Set(key.issuer_id.uuid()),
        algorithm: Set(key.algorithm.as_str().to_owned()),
        generation: Set(key.generation.into()),
        public_jwk: Set(to_json("signing_key.add", &key.public)?),
        sealed: Set(key.sealed.as_bytes().to_vec()),
        created_at: Set(key.created_at.as_millis()),
        activates_at: Set(key.activates_at.as_millis()),
        compromised_at: Set(millis(key.compromised_at)),
        revoking: Set(false),
    })
}

/// A key, unless it is in wrong hands.
fn in_force(issuer: IssuerId, kid: Uuid) -> Select<Entity> {
    Entity::find_by_id(kid).filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::CompromisedAt.is_null())
}

/// The columns of [`PublishedVersion`].
#[derive(FromQueryResult)]
struct VersionRow {
    updated_at: i64,
    newest_generation: Option<i64>,
}

/// The columns of [`KeyHolder`].
#[derive(FromQueryResult)]
struct HolderRow {
    issuer_id: Uuid,
    newest_created_at: i64,
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    async fn newest_generation(&self, issuer: IssuerId) -> Result<Option<u32>, StoreError> {
        let newest: Option<Option<i64>> = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .select_only()
            .column_as(Column::Generation.max(), "newest")
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("signing_key.newest_generation"))?;
        let place = Place { table: TABLE, id: issuer.uuid() };
        newest.flatten().map(|generation| place.count("generation", generation)).transpose()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> SigningKeyReads for Session<C> {
    async fn version(&self, issuer: IssuerId) -> Result<Option<PublishedVersion>, StoreError> {
        let newest = Query::select()
            .expr(Expr::col((Entity, Column::Generation)).max())
            .from(Entity)
            .and_where(Expr::col((Entity, Column::IssuerId)).eq(issuer.uuid()))
            .to_owned();
        let query = Query::select()
            .expr_as(Expr::col((issuer::Entity, issuer::Column::UpdatedAt)), "updated_at")
            .expr_as(Expr::SubQuery(None, Box::new(newest.into())), "newest_generation")
            .from(issuer::Entity)
            .and_where(Expr::col((issuer::Entity, issuer::Column::Id)).eq(issuer.uuid()))
            .and_where(Expr::col((issuer::Entity, issuer::Column::Deleting)).eq(false))
            .to_owned();
        let row = self.connection.query_one(&query).await.map_err(failed("signing_key.version"))?;
        let Some(row) = row else { return Ok(None) };
        let row = VersionRow::from_query_result(&row, "").map_err(failed("signing_key.version"))?;
        let place = Place { table: TABLE, id: issuer.uuid() };
        let generation = row.newest_generation.map(|generation| place.count("generation", generation));
        Ok(Some(PublishedVersion {
            issuer_updated_at: time(row.updated_at),
            newest_generation: generation.transpose()?,
        }))
    }

    async fn newest(&self, issuer: IssuerId, limit: u32) -> Result<Vec<SigningKey>, StoreError> {
        let rows = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .order_by_desc(Column::Generation)
            .order_by_desc(Column::Algorithm)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("signing_key.newest"))?;
        rows.into_iter().map(signing_key).collect()
    }

    async fn find(&self, issuer: IssuerId, kid: Uuid) -> Result<Option<SigningKey>, StoreError> {
        let row = in_force(issuer, kid).one(&self.connection).await.map_err(failed("signing_key.find"))?;
        row.map(signing_key).transpose()
    }

    async fn holders(&self, after: Option<IssuerId>, limit: u32) -> Result<Vec<KeyHolder>, StoreError> {
        let mut query = Entity::find()
            .select_only()
            .column(Column::IssuerId)
            .column_as(Column::CreatedAt.max(), "newest_created_at")
            .group_by(Column::IssuerId)
            .order_by_asc(Column::IssuerId)
            .limit(u64::from(limit));
        if let Some(after) = after {
            query = query.filter(Column::IssuerId.gt(after.uuid()));
        }
        let rows =
            query.into_model::<HolderRow>().all(&self.connection).await.map_err(failed("signing_key.holders"))?;
        let holder =
            |row: HolderRow| KeyHolder { issuer_id: id(row.issuer_id), newest_created_at: time(row.newest_created_at) };
        Ok(rows.into_iter().map(holder).collect())
    }

    async fn lost(&self, limit: u32) -> Result<Vec<LostKey>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::IssuerId, Column::Kid])
            .filter(Column::Revoking.eq(true))
            .order_by_asc(Column::CompromisedAt)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("signing_key.lost"))?;
        Ok(rows.into_iter().map(|(issuer, kid)| LostKey { issuer_id: id(issuer), kid }).collect())
    }
}

#[async_trait]
impl SigningKeyRepository for Unit {
    async fn add(&mut self, issuer: IssuerId, generation: u32, keys: &[SigningKey]) -> Result<AddOutcome, StoreError> {
        // The lock also keeps the removal of the issuer from passing by keys that are about to come in.
        let locked: Option<Uuid> = issuer::Entity::find_by_id(issuer.uuid())
            .filter(issuer::Column::Deleting.eq(false))
            .select_only()
            .column(issuer::Column::Id)
            .lock(LockType::Update)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("signing_key.add"))?;
        if locked.is_none() {
            return Ok(AddOutcome::NoIssuer);
        }
        if self.newest_generation(issuer).await?.is_some_and(|newest| newest >= generation) {
            return Ok(AddOutcome::Taken);
        }
        let rows = keys.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Entity::insert_many(rows).exec_without_returning(&self.connection).await.map_err(failed("signing_key.add"))?;
        Ok(AddOutcome::Added)
    }

    async fn withdraw(&mut self, issuer: IssuerId, kid: Uuid) -> Result<bool, StoreError> {
        let row = ActiveModel {
            sealed: Set(Vec::new()),
            compromised_at: Set(Some(self.now.as_millis())),
            revoking: Set(true),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(row)
            .filter(Column::Kid.eq(kid))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::CompromisedAt.is_null())
            .exec(&self.connection)
            .await
            .map_err(failed("signing_key.withdraw"))?;
        Ok(done.rows_affected > 0)
    }

    async fn hold(&mut self, issuer: IssuerId, kid: Uuid) -> Result<bool, StoreError> {
        let key = in_force(issuer, kid).select_only().column(Column::Kid);
        let found = if self.connection.get_database_backend() == DbBackend::MySql {
            // MariaDB does not know FOR SHARE.
            let mut statement = key.build(DbBackend::MySql);
            statement.sql.push_str(" LOCK IN SHARE MODE");
            self.connection.query_one_raw(statement).await.map(|row| row.is_some())
        } else {
            key.lock(LockType::Share).into_tuple::<Uuid>().one(&self.connection).await.map(|row| row.is_some())
        };
        found.map_err(failed("signing_key.hold"))
    }

    async fn finish_withdrawal(&mut self, lost: LostKey) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Revoking, Expr::value(false))
            .filter(Column::Kid.eq(lost.kid))
            .filter(Column::IssuerId.eq(lost.issuer_id.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("signing_key.finish_withdrawal"))
    }

    async fn remove_succeeded(&mut self, issuer: IssuerId, before: Timestamp) -> Result<u64, StoreError> {
        const OPERATION: &str = "signing_key.remove_succeeded";
        let in_force: Vec<(String, i64)> = Entity::find()
            .select_only()
            .column(Column::Algorithm)
            .column_as(Column::Generation.max(), "newest")
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::ActivatesAt.lte(before.as_millis()))
            .group_by(Column::Algorithm)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let mut removed = 0;
        for (algorithm, generation) in in_force {
            let done = Entity::delete_many()
                .filter(Column::IssuerId.eq(issuer.uuid()))
                .filter(Column::Algorithm.eq(algorithm))
                .filter(Column::Generation.lt(generation))
                .exec(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
            removed += done.rows_affected;
        }
        Ok(removed)
    }
}
