//! Stores to run the contract on, each with empty tables, and the runtime.

mod limits;
#[cfg(feature = "mysql")]
mod mysql;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::store::Store;
use authpi_core::store::contract::{Ground, Harness};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::runtime::Runtime;

struct Tokio {
    store: Arc<dyn Store>,
}

#[async_trait]
impl Harness for Tokio {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let task = tokio::spawn(task);
        Box::pin(async move { task.await.unwrap() })
    }

    async fn cut_off(&self, delay: Duration, task: BoxFuture<'static, ()>) {
        let _ = tokio::spawn(tokio::time::timeout(delay, task)).await.unwrap();
    }
}

type Case = LocalBoxFuture<'static, ()>;

fn run(url: &str, case: impl FnOnce(Ground) -> Case) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let store = authpi_storage::connect(url).await.unwrap();
        case(Arc::new(Tokio { store: Arc::new(store) })).await;
    });
}

/// Runs a case on a SQLite file of its own.
pub(crate) fn on_sqlite_file(case: impl FnOnce(Ground) -> Case) {
    at_sqlite_file(|url| run(url, case));
}

/// Calls `use_it` with the URL of a SQLite file that is not there yet.
pub(crate) fn at_sqlite_file(use_it: impl FnOnce(&str)) {
    let folder = tempfile::tempdir().unwrap();
    use_it(&format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display()));
}

/// Runs a case on a SQLite database in memory.
pub(crate) fn on_sqlite_memory(case: impl FnOnce(Ground) -> Case) {
    run("sqlite::memory:", case);
}

/// A server of the environment; `None`, said aloud, if there is none and none is required.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn server(backend: &str, variable: &str) -> Option<url::Url> {
    let Ok(server) = std::env::var(variable) else {
        assert!(
            std::env::var("AUTHPI_TEST_REQUIRE").as_deref() != Ok("all"),
            "{variable} is not set, and every backend is required"
        );
        eprintln!("left out: {backend} ({variable} is not set)");
        return None;
    };
    Some(url::Url::parse(&server).unwrap())
}

/// Runs statements on a server, outside of any store.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn execute(server: &url::Url, statements: &[String]) {
    use sea_orm::ConnectionTrait;
    Runtime::new().unwrap().block_on(async {
        let admin = sea_orm::Database::connect(server.as_str()).await.unwrap();
        for statement in statements {
            admin.execute_unprepared(statement).await.unwrap();
        }
        admin.close().await.unwrap();
    });
}

/// A name for a database of one case.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn fresh_name() -> String {
    format!("contract_{}", authpi_core::store::contract::mint::<authpi_core::id::ApiKeyId>())
}

/// Runs a case on a PostgreSQL database of its own, if a server is configured.
#[cfg(feature = "postgres")]
pub(crate) fn on_postgres(case: impl FnOnce(Ground) -> Case) {
    on_postgres_database(|url| run(url.as_str(), case));
}

/// Calls `use_it` with the URL of an empty PostgreSQL database, if a server is configured.
#[cfg(feature = "postgres")]
pub(crate) fn on_postgres_database(use_it: impl FnOnce(&url::Url)) {
    let Some(server) = server("PostgreSQL", "AUTHPI_TEST_POSTGRES_URL") else { return };
    let name = fresh_name();
    execute(&server, &[format!("CREATE DATABASE {name}")]);
    let mut url = server.clone();
    url.set_path(&name);
    use_it(&url);
    execute(&server, &[format!("DROP DATABASE {name} WITH (FORCE)")]);
}

/// Runs a case on a MariaDB or MySQL database of its own, if a server is configured.
#[cfg(feature = "mysql")]
pub(crate) fn on_mysql(case: impl FnOnce(Ground) -> Case) {
    on_mysql_database(|url| run(url.as_str(), case));
}

/// Calls `use_it` with the URL of an empty MariaDB or MySQL database, if a server is configured.
#[cfg(feature = "mysql")]
pub(crate) fn on_mysql_database(use_it: impl FnOnce(&url::Url)) {
    let Some(server) = server("MariaDB", "AUTHPI_TEST_MYSQL_URL") else { return };
    let name = fresh_name();
    execute(&server, &[format!("CREATE DATABASE {name}")]);
    let mut url = server.clone();
    url.set_path(&name);
    use_it(&url);
    execute(&server, &[format!("DROP DATABASE {name}")]);
}
