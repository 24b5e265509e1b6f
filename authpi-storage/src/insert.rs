//! Inserts that may meet a row that is there already.

use authpi_core::outcome::InsertOutcome;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Insert};

use crate::error::is_unique_violation;

/// Inserts one row unless `key` is taken. The transaction stays usable either way.
///
/// MariaDB counts a row that was left alone as one that was written, and its `INSERT IGNORE` would hide more than a
/// taken key: there the plain insert may fail, which ends the statement only.
pub(crate) async fn insert_unless_taken<A: ActiveModelTrait, K: ColumnTrait, const N: usize>(
    insert: Insert<A>,
    key: [K; N],
    connection: &DatabaseTransaction,
) -> Result<InsertOutcome, DbErr> {
    if connection.get_database_backend() == DbBackend::MySql {
        return match insert.exec_without_returning(connection).await {
            Ok(_) => Ok(InsertOutcome::Inserted),
            Err(error) if is_unique_violation(&error) => Ok(InsertOutcome::Taken),
            Err(error) => Err(error),
        };
    }
    let skip = OnConflict::columns(key).do_nothing_on(key).to_owned();
    let rows = insert.on_conflict(skip).exec_without_returning(connection).await?;
    Ok(if rows == 1 { InsertOutcome::Inserted } else { InsertOutcome::Taken })
}
