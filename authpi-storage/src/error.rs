//! What a driver's failure means for a caller of storage.

use authpi_core::store::{StoreError, StoreErrorKind};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Classifies a failure of `operation`.
pub(crate) fn failed(operation: &'static str) -> impl Fn(DbErr) -> StoreError {
    move |error| StoreError::new(kind(&error), operation, error)
}

/// A uniqueness rule was hit.
pub(crate) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Another transaction held the row for longer than one waits: PostgreSQL `lock_not_available`, MariaDB
/// `ER_LOCK_WAIT_TIMEOUT`.
pub(crate) fn is_lock_timeout(error: &DbErr) -> bool {
    number(error) == Some(1205) || code(error).as_deref() == Some("55P03")
}

fn kind(error: &DbErr) -> StoreErrorKind {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => StoreErrorKind::Unavailable,
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => StoreErrorKind::Corrupt,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreErrorKind::Unavailable,
            sqlx::Error::Database(_) => by_code(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Bug,
        },
        _ => StoreErrorKind::Bug,
    }
}

fn by_code(error: &DbErr) -> StoreErrorKind {
    if is_unique_violation(error) {
        return StoreErrorKind::Conflict;
    }
    if let Some(number) = number(error) {
        return by_number(number);
    }
    match code(error).as_deref().unwrap_or_default() {
        // PostgreSQL: serialization failure, deadlock, lock timeout. SQLite: busy and its variants, locked.
        "40001" | "40P01" | "55P03" | "5" | "261" | "517" | "773" | "6" | "262" => StoreErrorKind::Retryable,
        // PostgreSQL: its time is over. SQLite: interrupted, which is done to what takes too long.
        "57014" | "9" => StoreErrorKind::OutOfTime,
        // PostgreSQL: shutting down, crashed, starting, too many connections, disk or memory full.
        "57P01" | "57P02" | "57P03" | "53300" | "53100" | "53200" | "25006" => StoreErrorKind::Unavailable,
        // SQLite: read-only, I/O, full, cannot open; their extended codes keep the low byte.
        other => match other.parse::<u32>().map(|extended| extended & 0xff) {
            Ok(8 | 10 | 13 | 14) => StoreErrorKind::Unavailable,
            _ if other.starts_with("08") => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Bug,
        },
    }
}

/// MariaDB and MySQL: their SQLSTATE says too little.
fn by_number(number: u16) -> StoreErrorKind {
    match number {
        // Lock timeout, deadlock, changed since it was read, table changed, refused by the cluster's certification.
        1205 | 1213 | 1020 | 1412 | 3101 | 1614 => StoreErrorKind::Retryable,
        // The time of the statement is over.
        1969 | 3024 => StoreErrorKind::OutOfTime,
        // Too many connections, of one user, out of resources, lock table full, memory or disk full, read only,
        // interrupted, killed, shutting down, network.
        1040
        | 1203
        | 1226
        | 1015
        | 1206
        | 1037
        | 1041
        | 1021
        | 1114
        | 1290
        | 1792
        | 1836
        | 1317
        | 1927
        | 1053
        | 1080
        | 1158..=1161 => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Bug,
    }
}

fn cause(error: &DbErr) -> Option<&(dyn sqlx::error::DatabaseError + 'static)> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return None;
    };
    cause.as_database_error()
}

fn code(error: &DbErr) -> Option<String> {
    cause(error)?.code().map(std::borrow::Cow::into_owned)
}

/// What a MariaDB or MySQL server calls the failure; `None` from any other.
#[cfg(feature = "mysql")]
fn number(error: &DbErr) -> Option<u16> {
    cause(error)?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

/// No other server has numbers.
#[cfg(not(feature = "mysql"))]
fn number(_error: &DbErr) -> Option<u16> {
    None
}
