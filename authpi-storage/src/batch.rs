//! Many rows in one statement. They are removed in batches: few at a time keep no other writer waiting. Not every backend takes a limit in a DELETE,
//! so that the rows are found first.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

/// The same, the last one repeated until there are as many as a power of two. Statements that differ in how many values
/// they are about are prepared each by itself, and drive each other out of what a connection remembers.
pub(crate) fn padded<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// Rows in portions of at most `most`: what is left over comes in powers of two, or alone once it is few, as in
/// [`padded`].
pub(crate) fn portions<T>(mut rows: Vec<T>, most: usize) -> Vec<Vec<T>> {
    const FEW: usize = 16;
    let mut portions = Vec::new();
    while !rows.is_empty() {
        let size = if rows.len() <= FEW { rows.len() } else { 1 << rows.len().ilog2() };
        let rest = rows.split_off(size.min(most));
        portions.push(std::mem::replace(&mut rows, rest));
    }
    portions
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_number_of_rows_there_are_few_sizes_of_statements() {
        let sizes = |count: usize, most| portions((0..count).collect(), most).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(0, 128), [] as [usize; 0]);
        assert_eq!((sizes(1, 128), sizes(13, 128), sizes(200, 128)), (vec![1], vec![13], vec![128, 64, 8]));
        assert_eq!(sizes(300, 64), [64, 64, 64, 64, 32, 12]);
        assert_eq!(portions((0..300).collect(), 64).concat(), (0..300).collect::<Vec<_>>(), "all, in order");
        assert_eq!((padded([1, 2, 3]), padded([1; 4]), padded([] as [u8; 0])), (vec![1, 2, 3, 3], vec![1; 4], vec![]));
    }
}
