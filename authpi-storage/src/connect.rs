//! From a URL to a store that is ready: connected, locked, migrated.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use authpi_core::store::StoreError;
use sea_orm::{ConnectOptions as Pool, Database, DbErr};

use crate::migration;
use crate::store::DatabaseStore;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement waits for another process's lock before the unit of work is repeated or refused.
#[cfg(feature = "postgres")]
const LOCK_TIMEOUT: &str = "2s";

/// What every session on MariaDB or MySQL begins with, the time for a statement left out. Each server reads its own of
/// the comments; `lock_wait_timeout` is about locks of whole tables.
#[cfg(feature = "mysql")]
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
     ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION'";

/// The time limits of [`SESSION`] for requests: 2 s for a lock, that of `options` for a statement.
#[cfg(feature = "mysql")]
fn serving(options: ConnectOptions) -> String {
    let (seconds, millis) = (options.statement_timeout.as_secs_f64(), options.statement_timeout.as_millis());
    format!(
        "SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 2 \
         /*M! , max_statement_time = {seconds} */ /*!80000 , max_execution_time = {millis} */"
    )
}

/// The time limits of [`SESSION`] for migrations, which may take their time.
#[cfg(feature = "mysql")]
const MIGRATING: &str = "SET SESSION innodb_lock_wait_timeout = 60, lock_wait_timeout = 600 \
     /*M! , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */";

/// How long a connection that is given back may take to answer: longer than it waits for a lock.
#[cfg(feature = "mysql")]
const RELEASE: Duration = Duration::from_secs(3);

/// A connection that was idle for this long is tested before it is used.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const IDLE_TEST: Duration = Duration::from_secs(30);

/// Servers take none for as long as it takes.
const SHORTEST_STATEMENT_TIMEOUT: Duration = Duration::from_millis(1);

/// Nobody waits that long for an answer.
const LONGEST_STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

/// What can be set besides the URL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Connections of a pool: in all, on SQLite for reading. Default 8.
    pub max_connections: u32,
    /// What a commit on SQLite survives. Default [`Durability::Full`].
    pub durability: Durability,
    /// How long a statement may run: a server gives it up then. On SQLite it bounds questions about the trail of events, the
    /// only ones that may take long. Between 1 ms and 1 min, otherwise the nearer of the two. Default 15 s.
    pub statement_timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { max_connections: 8, durability: Durability::Full, statement_timeout: Duration::from_secs(15) }
    }
}

/// What a commit on SQLite survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process and of the machine (`synchronous=FULL`).
    Full,
    /// A crash of the process; a crash of the machine may lose the last commits, never consistency
    /// (`synchronous=NORMAL`).
    ProcessCrash,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not a URL of a database that this build supports.
    #[error("{0} is not a database URL that this build supports (sqlite:, postgres:, mysql:, mariadb:)")]
    Unsupported(String),
    /// Another process has the SQLite file.
    #[error("{} is in use by another process; one SQLite file serves one process", .0.display())]
    InUse(PathBuf),
    /// The file cannot be written.
    #[error("{path} cannot be written: {cause}", path = .0.display(), cause = .1)]
    NotWritable(PathBuf, #[source] std::io::Error),
    /// The database does not answer.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[source] DbErr),
    /// The tables cannot be made.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[source] DbErr),
    /// The database was made by a newer version.
    #[error("the database was written by a newer version of authpi ({0}); this one would damage it")]
    Newer(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Connects with default options, and migrates. Call it on the runtime that the engine will use.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(url: &str) -> Result<DatabaseStore, ConnectError> {
    connect_with(url, ConnectOptions::default()).await
}

/// Connects, and migrates. Call it on the runtime that the engine will use.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_with(url: &str, options: ConnectOptions) -> Result<DatabaseStore, ConnectError> {
    let statement_timeout = options.statement_timeout.clamp(SHORTEST_STATEMENT_TIMEOUT, LONGEST_STATEMENT_TIMEOUT);
    let options = ConnectOptions { statement_timeout, ..options };
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(url, options).await,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => postgres(url, options).await,
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => mysql(url, options).await,
        other => Err(ConnectError::Unsupported(other.to_owned())),
    }
}

fn pool(url: &str, connections: u32) -> Pool {
    let mut pool = Pool::new(url);
    pool.max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false);
    pool
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, options: ConnectOptions) -> Result<DatabaseStore, ConnectError> {
    let Some(path) = sqlite_path(url) else {
        // Every connection to `:memory:` is a database of its own: there is exactly one, for ever.
        let mut single = sqlite_pool(url, 1, SQLITE_CACHE, options.durability);
        single.idle_timeout(None).max_lifetime(None);
        let connection = Database::connect(single).await.map_err(ConnectError::Unreachable)?;
        migration::run(&connection).await?;
        return Ok(DatabaseStore::on(connection));
    };
    let lock = lock(&path)?;
    let mut writing = sqlite_pool(url, 1, SQLITE_CACHE, options.durability);
    writing.idle_timeout(None).max_lifetime(None).map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(is_outside_transactions(connection)))
    });
    let writer = Database::connect(writing).await.map_err(|error| unreachable_or_not_writable(&path, error))?;
    migration::run(&writer).await?;
    let readers = |cache| sqlite_pool(url, options.max_connections, cache, options.durability);
    let reader = Database::connect(readers(SQLITE_CACHE)).await.map_err(ConnectError::Unreachable)?;
    let patient = Database::connect(bounded(readers(SQLITE_CACHE_OF_WALKS), options.statement_timeout));
    let patient = patient.await.map_err(ConnectError::Unreachable)?;
    Ok(DatabaseStore::new(reader, Some(patient), writer, Some(lock)))
}

/// Instructions of SQLite after which a statement is asked whether its time is over. They read a hundred pages at most.
#[cfg(feature = "sqlite")]
const SQLITE_STEPS: i32 = 1_000;

/// Bounds how long a connection is worked with. SQLite has no such limit of its own, and its driver goes on with a statement
/// that nobody waits for.
#[cfg(feature = "sqlite")]
fn bounded(mut pool: Pool, timeout: Duration) -> Pool {
    pool.map_sqlx_sqlite_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| Box::pin(interrupt_after(connection, timeout))).before_acquire(
            move |connection, _| Box::pin(async move { interrupt_after(connection, timeout).await.map(|()| true) }),
        )
    });
    pool
}

/// Interrupts what the connection works on at the end of `timeout`, which begins now.
#[cfg(feature = "sqlite")]
#[allow(clippy::disallowed_methods, reason = "this is how long the database may work, not what time it is")]
async fn interrupt_after(connection: &mut sqlx::SqliteConnection, timeout: Duration) -> Result<(), sqlx::Error> {
    let begin = std::time::Instant::now();
    connection.lock_handle().await?.set_progress_handler(SQLITE_STEPS, move || begin.elapsed() < timeout);
    Ok(())
}

/// What a connection keeps of the file in memory at most: 16 MiB, which SQLite wants as a negative number of KiB.
#[cfg(feature = "sqlite")]
const SQLITE_CACHE: &str = "-16384";

/// The same for questions that may take long: 4 MiB, as they walk along and do not come back.
#[cfg(feature = "sqlite")]
const SQLITE_CACHE_OF_WALKS: &str = "-4096";

/// Pages in the log, of 4 KiB, from which on it is written back into the file. Pages that change often are written there once
/// for many times that they stand in the log, which grows to 32 MiB and some more.
#[cfg(feature = "sqlite")]
const SQLITE_CHECKPOINT: &str = "8192";

#[cfg(feature = "sqlite")]
fn sqlite_pool(url: &str, connections: u32, cache: &'static str, durability: Durability) -> Pool {
    use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::ProcessCrash => SqliteSynchronous::Normal,
    };
    let mut pool = pool(url, connections);
    pool.test_before_acquire(false).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", cache)
            .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
    });
    pool
}

/// Whether a connection that comes back may be used again. SQLite ends a transaction by itself when the disk is full or
/// fails, and the driver, whose `ROLLBACK` is then refused, goes on counting it: transactions after that would be
/// savepoints of one that never commits, and what they acknowledge would be lost.
#[cfg(feature = "sqlite")]
async fn is_outside_transactions(connection: &mut sqlx::SqliteConnection) -> Result<bool, sqlx::Error> {
    use sqlx::Connection;
    if connection.is_in_transaction() {
        // The rollback of a unit of work that was dropped may be on its way.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// The file of a SQLite URL; `None` for a database in memory.
#[cfg(feature = "sqlite")]
fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path != ":memory:" && !path.is_empty() && !query.split('&').any(|pair| pair == "mode=memory"))
        .then(|| PathBuf::from(path))
}

/// Takes the lock file beside the database: SQLite shares a file between processes, but the engine's buffers and
/// in-flight keys are those of one process.
#[cfg(feature = "sqlite")]
fn lock(path: &Path) -> Result<File, ConnectError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let not_writable = |error| ConnectError::NotWritable(path.to_owned(), error);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name).map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ConnectError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(not_writable(error)),
    }
    if path.exists() {
        OpenOptions::new().write(true).open(path).map_err(not_writable)?;
    }
    Ok(file)
}

#[cfg(feature = "sqlite")]
fn unreachable_or_not_writable(path: &Path, error: DbErr) -> ConnectError {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.exists() => {
            let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "its folder does not exist");
            ConnectError::NotWritable(path.to_owned(), missing)
        }
        _ => ConnectError::Unreachable(error),
    }
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, options: ConnectOptions) -> Result<DatabaseStore, ConnectError> {
    let mut pool = pool(url, options.max_connections);
    pool.test_before_acquire_if_idle_for(IDLE_TEST).map_sqlx_postgres_opts(move |postgres| {
        postgres.options([
            // Whatever the server or the role was set to.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", LOCK_TIMEOUT.to_owned()),
            ("statement_timeout", format!("{}ms", options.statement_timeout.as_millis())),
        ])
    });
    let connection = Database::connect(pool).await.map_err(ConnectError::Unreachable)?;
    migration::run(&connection).await?;
    Ok(DatabaseStore::on(connection))
}

#[cfg(feature = "mysql")]
async fn mysql(url: &str, options: ConnectOptions) -> Result<DatabaseStore, ConnectError> {
    // The driver knows one scheme only.
    let url = url.strip_prefix("mariadb:").map_or_else(|| url.to_owned(), |rest| format!("mysql:{rest}"));
    // The lock of the migration lasts as long as its connection.
    let alone =
        Database::connect(mysql_pool(&url, 1, MIGRATING.to_owned())).await.map_err(ConnectError::Unreachable)?;
    let migrated = migration::run(&alone).await;
    let closed = alone.close().await;
    migrated?;
    closed.map_err(ConnectError::Migration)?;
    let pool = mysql_pool(&url, options.max_connections, serving(options));
    Ok(DatabaseStore::on(Database::connect(pool).await.map_err(ConnectError::Unreachable)?))
}

/// Prepared statements of one connection. To forget one is expensive: nobody answers that, and what is sent next waits 40 ms
/// for the server to acknowledge it, as the driver does not switch Nagle's algorithm off. All connections together
/// stay well below what a server allows by default, which is 16,382.
#[cfg(feature = "mysql")]
fn remembered(connections: u32) -> usize {
    (4_000 / connections.max(1)).clamp(100, 500) as usize
}

#[cfg(feature = "mysql")]
fn mysql_pool(url: &str, connections: u32, limits: String) -> Pool {
    use sqlx::{AssertSqlSafe, Connection, Executor};
    let mut pool = pool(url, connections);
    pool.test_before_acquire_if_idle_for(IDLE_TEST)
        .map_sqlx_mysql_opts(move |mysql| {
            let mysql = mysql.charset("utf8mb4").collation("utf8mb4_bin").timezone(String::from("+00:00"));
            mysql.statement_cache_capacity(remembered(connections))
        })
        .map_sqlx_mysql_pool_opts(move |pool| {
            let limits = limits.clone();
            pool.after_connect(move |connection, _| {
                let limits = AssertSqlSafe(limits.clone());
                Box::pin(async move {
                    connection.execute(SESSION).await?;
                    connection.execute(limits).await.map(|_| ())
                })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    // What was cut off in the middle of a statement may wait for an answer that never comes, and would keep
                    // its place in the pool: such a connection is closed.
                    let answered = tokio::time::timeout(RELEASE, connection.ping()).await;
                    answered.map_err(|_| sqlx::Error::WorkerCrashed)?.map(|()| true)
                })
            })
        });
    pool
}

impl From<migration::MigrationError> for ConnectError {
    fn from(error: migration::MigrationError) -> Self {
        match error {
            migration::MigrationError::Newer(version) => Self::Newer(version),
            migration::MigrationError::Failed(error) => Self::Migration(error),
        }
    }
}
