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

/// Another transaction held the row for longer than one waits: PostgreSQL `lock_not_available`.
pub(crate) fn is_lock_timeout(error: &DbErr) -> bool {
    code(error).as_deref() == Some("55P03")
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
    match code(error).as_deref().unwrap_or_default() {
        // PostgreSQL: serialization failure, deadlock, lock timeout. SQLite: busy and its variants, locked.
        "40001" | "40P01" | "55P03" | "5" | "261" | "517" | "773" | "6" | "262" => StoreErrorKind::Retryable,
        // PostgreSQL: out of time, shutting down, crashed, starting, too many connections, disk or memory full.
        "57014" | "57P01" | "57P02" | "57P03" | "53300" | "53100" | "53200" | "25006" => StoreErrorKind::Unavailable,
        // SQLite: read-only, I/O, full, cannot open; their extended codes keep the low byte.
        other => match other.parse::<u32>().map(|extended| extended & 0xff) {
            Ok(8 | 10 | 13 | 14) => StoreErrorKind::Unavailable,
            _ if other.starts_with("08") => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Bug,
        },
    }
}

fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return None;
    };
    cause.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}
