//! Stores to run the contract on, each with empty tables, and the runtime.

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
    let folder = tempfile::tempdir().unwrap();
    run(&format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display()), case);
}

/// Runs a case on a SQLite database in memory.
pub(crate) fn on_sqlite_memory(case: impl FnOnce(Ground) -> Case) {
    run("sqlite::memory:", case);
}

/// Runs a case on a PostgreSQL database of its own, if a server is configured.
#[cfg(feature = "postgres")]
pub(crate) fn on_postgres(case: impl FnOnce(Ground) -> Case) {
    let Ok(server) = std::env::var("AUTHPI_TEST_POSTGRES_URL") else {
        assert!(
            std::env::var("AUTHPI_TEST_REQUIRE").as_deref() != Ok("all"),
            "AUTHPI_TEST_POSTGRES_URL is not set, and every backend is required"
        );
        eprintln!("left out: PostgreSQL (AUTHPI_TEST_POSTGRES_URL is not set)");
        return;
    };
    let name = format!("contract_{}", authpi_core::store::contract::mint::<authpi_core::id::ApiKeyId>());
    let runtime = Runtime::new().unwrap();
    let execute = |statement: String| {
        use sea_orm::ConnectionTrait;
        runtime.block_on(async {
            let admin = sea_orm::Database::connect(&server).await.unwrap();
            admin.execute_unprepared(&statement).await.unwrap();
            admin.close().await.unwrap();
        });
    };
    execute(format!("CREATE DATABASE {name}"));
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    run(url.as_str(), case);
    execute(format!("DROP DATABASE {name} WITH (FORCE)"));
}
