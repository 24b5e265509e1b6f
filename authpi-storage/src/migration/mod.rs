//! The tables, in forward-only migrations that run at connect under a lock.
//!
//! Column rules, the same on every backend: ids are 16 bytes (`uuid`, `BLOB`, `BINARY(16)`), times are integer Unix
//! milliseconds, enums are words, text compares byte by byte, what is not asked for is JSON.

mod agent;
mod billing;
mod connection;
mod delegation;
mod device;
mod domain;
mod group;
mod invitation;
mod m0001_first;
mod mail;
mod note;
mod session;
mod tables;
mod token;
mod verifier;
mod webhook;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, prelude::*};

/// Why the tables could not be made.
#[derive(Debug)]
pub(crate) enum MigrationError {
    /// The database has migrations that this build does not know.
    Newer(String),
    /// A statement failed.
    Failed(DbErr),
}

impl From<DbErr> for MigrationError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration)]
    }

    fn migration_table_name() -> DynIden {
        "authpi_migration".into_iden()
    }
}

/// Brings the database to the newest version.
///
/// # Errors
/// [`MigrationError`].
pub(crate) async fn run(connection: &DatabaseConnection) -> Result<(), MigrationError> {
    let lock = connection.begin().await?;
    if connection.get_database_backend() == DbBackend::Postgres {
        // "authpi" in ASCII: processes that start together migrate one after the other.
        // It may take its time, unlike a request.
        lock.execute_unprepared("SET LOCAL lock_timeout = 0").await?;
        lock.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        lock.execute_unprepared("SELECT pg_advisory_xact_lock(107126708727913)").await?;
    }
    let known: Vec<_> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    Migrator::install(&lock).await?;
    let applied = Migrator::get_migration_models(&lock).await?;
    if let Some(newer) = applied.into_iter().find(|applied| !known.contains(&applied.version)) {
        return Err(MigrationError::Newer(newer.version));
    }
    Migrator::up(&lock, None).await?;
    lock.commit().await?;
    Ok(())
}
