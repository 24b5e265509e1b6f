//! What all instances together have taken of the windows of limited keys.

use authpi_core::credential::model::{TakenUses, UseCount, UseWindow};
use authpi_core::id::{AccountId, ApiKeyId, Id};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::Place;
use crate::entity::api_key_use::{ActiveModel, Column, Entity, Model};
use crate::error::failed;

const TAKE: &str = "api_key.take_uses";
const PURGE: &str = "api_key.purge_uses";

/// The columns that name a count.
const KEY: [Column; 5] = [Column::AccountId, Column::KeyId, Column::Most, Column::WindowSeconds, Column::StartsAt];

fn one(account: AccountId, key: ApiKeyId, window: &UseWindow) -> Condition {
    Condition::all()
        .add(Column::AccountId.eq(account.uuid()))
        .add(Column::KeyId.eq(key.uuid()))
        .add(Column::Most.eq(i64::from(window.limit)))
        .add(Column::WindowSeconds.eq(i64::from(window.seconds)))
        .add(Column::StartsAt.eq(window.starts_at.as_millis()))
}

async fn locked(connection: &impl ConnectionTrait, query: &Select<Entity>) -> Result<Option<Model>, StoreError> {
    query.clone().lock(LockType::Update).one(connection).await.map_err(failed(TAKE))
}

/// Takes the next slice of a window.
pub(super) async fn take(
    connection: &impl ConnectionTrait,
    (account, key): (AccountId, ApiKeyId),
    window: &UseWindow,
    alert_use: u32,
) -> Result<TakenUses, StoreError> {
    let query = Entity::find().filter(one(account, key, window));
    let row = if let Some(row) = locked(connection, &query).await? {
        row
    } else {
        begin(connection, (account, key), window).await?;
        let missing = || StoreError::corrupt(TAKE, format!("the count of {key} is gone"));
        locked(connection, &query).await?.ok_or_else(missing)?
    };
    let place = Place { table: "authpi_api_key_use", id: row.key_id };
    let count = UseCount { taken: place.count("taken", row.taken)?, warned: row.warned, exceeded: row.exceeded };
    let (after, taken) = count.take(window, alert_use);
    if after != count {
        Entity::update_many()
            .set(ActiveModel {
                taken: Set(after.taken.into()),
                warned: Set(after.warned),
                exceeded: Set(after.exceeded),
                ..Default::default()
            })
            .filter(one(account, key, window))
            .exec(connection)
            .await
            .map_err(failed(TAKE))?;
    }
    Ok(taken)
}

/// Adds the count of a window; of several that begin it at once the others find it there.
async fn begin(
    connection: &impl ConnectionTrait,
    (account, key): (AccountId, ApiKeyId),
    window: &UseWindow,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        account_id: Set(account.uuid()),
        key_id: Set(key.uuid()),
        most: Set(window.limit.into()),
        window_seconds: Set(window.seconds.into()),
        starts_at: Set(window.starts_at.as_millis()),
        ends_at: Set(window.ends_at().as_millis()),
        taken: Set(0),
        warned: Set(false),
        exceeded: Set(false),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::columns(KEY).do_nothing_on(KEY).to_owned())
        .exec_without_returning(connection)
        .await
        .map(|_| ())
        .map_err(failed(TAKE))
}

/// Removes about `limit` counts of windows that are over, those that ended first.
pub(super) async fn purge(connection: &impl ConnectionTrait, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let ends: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::EndsAt)
        .filter(Column::EndsAt.lte(now.as_millis()))
        .order_by_asc(Column::EndsAt)
        .limit(u64::from(limit))
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed(PURGE))?;
    let Some(last) = ends.last() else { return Ok(0) };
    let done = Entity::delete_many().filter(Column::EndsAt.lte(*last)).exec(connection).await.map_err(failed(PURGE))?;
    Ok(done.rows_affected)
}
