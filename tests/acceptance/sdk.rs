//! The published Python SDK, unchanged, against the example server.

use std::path::Path;

use tests::server::{Server, command, free_port};
use tokio::process::Command;

/// The interpreter of the virtual environment that `cargo xtask test` makes.
fn python() -> Option<String> {
    let python = std::env::var("AUTHPI_TEST_PYTHON").ok();
    if python.is_none() {
        assert!(
            std::env::var("AUTHPI_TEST_REQUIRE").as_deref() != Ok("all"),
            "AUTHPI_TEST_PYTHON is not set, and every part is required"
        );
        eprintln!("left out: the Python SDK (AUTHPI_TEST_PYTHON is not set; see cargo xtask test)");
    }
    python
}

async fn golden_path(database: Option<&str>) {
    run("golden_path.py", &[], "checks passed", database).await;
}

/// Runs a script of `tests/sdk` against a fresh server; its last line must end with `ending`.
async fn run(script: &str, arguments: &[&Path], ending: &str, database: Option<&str>) {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut server = command(folder.path(), port);
    if let Some(url) = database {
        server.env("AUTHPI_DATABASE_URL", url);
    }
    let _server = Server::start(server, port).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(script);
    let bootstrap = folder.path().join("bootstrap.json");
    let output = Command::new(python).arg(script).arg(bootstrap).args(arguments).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.lines().last().is_some_and(|line| line.ends_with(ending)), "{out}");
}

#[tokio::test]
async fn the_examples_of_the_guides_run_as_they_are_written() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/resources");
    run("resources.py", &[&pages], "pages passed", None).await;
}

#[tokio::test]
async fn the_quickstart_passes_with_the_published_sdk_on_sqlite() {
    golden_path(None).await;
}

#[tokio::test]
async fn the_quickstart_passes_with_the_published_sdk_on_postgresql() {
    let Ok(server) = std::env::var("AUTHPI_TEST_POSTGRES_URL") else {
        assert!(
            std::env::var("AUTHPI_TEST_REQUIRE").as_deref() != Ok("all"),
            "AUTHPI_TEST_POSTGRES_URL is not set, and every backend is required"
        );
        eprintln!("left out: PostgreSQL (AUTHPI_TEST_POSTGRES_URL is not set)");
        return;
    };
    let database = tests::postgres::Database::create(&server).await;
    golden_path(Some(&database.url)).await;
    database.remove().await;
}
