//! The tables, in forward-only migrations that run at connect under a lock.
//!
//! Column rules, the same on every backend: ids are 16 bytes (`uuid`, `BLOB`, `BINARY(16)`), times are integer Unix
//! milliseconds, enums are words, text compares byte by byte, what is not asked for is JSON.

mod access;
mod agent;
mod api_key;
mod billing;
mod chain;
mod connection;
mod delegation;
mod device;
mod domain;
mod grant;
mod group;
mod invitation;
mod login;
mod m0001_first;
mod mail;
mod note;
mod session;
mod tables;
mod token;
mod verifier;
mod webhook;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait, prelude::*};

/// How long a process waits for another one that migrates a MariaDB database.
const MYSQL_LOCK_SECONDS: u32 = 3_600;

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
    // MariaDB commits at every statement that changes tables: what it takes from here is the connection.
    let lock = connection.begin().await?;
    if connection.get_database_backend() == DbBackend::MySql {
        lock_mysql(&lock).await?;
    }
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

/// Waits until no other process migrates this database. The lock ends with the connection, which is not used for
/// anything else.
async fn lock_mysql(connection: &DatabaseTransaction) -> Result<(), DbErr> {
    // Names are shared by all databases of a server, and at most 64 characters.
    let sql = format!("SELECT GET_LOCK(CONCAT('authpi.', MD5(DATABASE())), {MYSQL_LOCK_SECONDS}) AS locked");
    let row = connection.query_one_raw(Statement::from_string(DbBackend::MySql, sql)).await?;
    let locked = row.map(|row| row.try_get::<Option<i64>>("", "locked")).transpose()?.flatten();
    match locked {
        Some(1) => Ok(()),
        None => Err(DbErr::Custom("the URL names no database".to_owned())),
        Some(_) => Err(DbErr::Custom("another process has been migrating this database for too long".to_owned())),
    }
}
