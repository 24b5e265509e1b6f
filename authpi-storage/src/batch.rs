//! Rows are removed in batches: few at a time keep no other writer waiting. Not every backend takes a limit in a DELETE,
//! so that the rows are found first.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

/// The keys of the first `limit` rows of `which`.
pub(crate) async fn first_keys<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    which: Select<E>,
    key: E::Column,
    limit: u32,
) -> Result<Vec<Uuid>, DbErr> {
    which.select_only().column(key).limit(u64::from(limit)).into_tuple().all(connection).await
}

/// Removes the rows with these keys, and tells how many there were.
pub(crate) async fn remove<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    key: E::Column,
    keys: Vec<Uuid>,
) -> Result<u64, DbErr> {
    if keys.is_empty() {
        return Ok(0);
    }
    Ok(E::delete_many().filter(key.is_in(keys)).exec(connection).await?.rows_affected)
}

/// Removes the first `limit` rows of `which`, and tells how many there were.
pub(crate) async fn remove_first<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    which: Select<E>,
    key: E::Column,
    limit: u32,
) -> Result<u64, DbErr> {
    let keys = first_keys(connection, which, key, limit).await?;
    remove::<E>(connection, key, keys).await
}
