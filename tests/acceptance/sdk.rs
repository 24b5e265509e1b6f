//! The published Python SDKs, unchanged, against the example server.

use std::path::Path;

use tests::server::{Home, Server, free_port};
use tests::{Backend, Driver};
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

/// Runs a script of `tests/sdk` against a fresh server; its last line must end with `ending`.
async fn run(script: &str, arguments: &[&Path], ending: &str, backend: Backend, driver: Driver) {
    let Some(python) = python() else { return };
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    let mut server = home.command(port);
    server.env("AUTHPI_ADAPTER", if driver == Driver::Axum { "axum" } else { "actix" });
    // Everybody of these comes from one address.
    if matches!(script, "fuzz.py" | "idp_quickstart.py") {
        server.env("AUTHPI_RATE_LIMIT", "off");
    }
    if script == "receiver.py" {
        server.env("AUTHPI_ALLOW_PRIVATE_NETWORK", "on");
    }
    let server = Server::start(server, port).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(script);
    let bootstrap = home.folder.path().join("bootstrap.json");
    let output = Command::new(python).arg(script).arg(bootstrap).args(arguments).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{err}\nafter {} checks, the last of them:\n{}",
        out.lines().count(),
        ending_of(&out)
    );
    assert!(out.lines().last().is_some_and(|line| line.ends_with(ending)), "{}", ending_of(&out));
    drop(server);
    home.remove().await;
}

/// The last lines of what a script printed; of a report of failures, the beginning.
fn ending_of(printed: &str) -> String {
    let lines: Vec<_> = printed.lines().collect();
    let report = lines.iter().position(|line| line.contains("= FAILURES ="));
    let from = report.unwrap_or(lines.len().saturating_sub(5));
    lines[from..].iter().take(100).copied().collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_examples_of_the_guides_run_as_they_are_written() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/resources");
    run("resources.py", &[&pages], "pages passed", Backend::Sqlite, Driver::Axum).await;
}

#[tokio::test]
async fn the_description_has_what_the_models_of_the_published_sdk_need() {
    run("models.py", &[], "checks passed", Backend::Sqlite, Driver::Axum).await;
}

#[tokio::test]
async fn a_fuzzer_that_reads_the_description_finds_no_difference() {
    let seconds = std::env::var("AUTHPI_TEST_FUZZ_SECONDS").unwrap_or_else(|_| "75".to_owned());
    run("fuzz.py", &[Path::new(&seconds)], "nothing undocumented was found", Backend::Sqlite, Driver::Axum).await;
}

async fn receiver(backend: Backend, driver: Driver) {
    run("receiver.py", &[], "checks passed", backend, driver).await;
}

mod a_receiver_made_of_public_packages_verifies_every_delivery {
    use tests::{Backend, Driver};

    use super::receiver;

    #[tokio::test]
    async fn on_sqlite_through_axum() {
        receiver(Backend::Sqlite, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_postgresql_through_actix() {
        receiver(Backend::Postgres, Driver::Actix).await;
    }

    #[tokio::test]
    async fn on_mariadb_through_axum() {
        receiver(Backend::Mariadb, Driver::Axum).await;
    }
}

async fn idp_quickstart(backend: Backend, driver: Driver) {
    run("idp_quickstart.py", &[], "checks passed", backend, driver).await;
}

mod the_readme_of_the_published_identity_sdk_passes_as_it_is_written {
    use tests::{Backend, Driver};

    use super::idp_quickstart;

    #[tokio::test]
    async fn on_sqlite_through_axum() {
        idp_quickstart(Backend::Sqlite, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_sqlite_through_actix() {
        idp_quickstart(Backend::Sqlite, Driver::Actix).await;
    }

    #[tokio::test]
    async fn on_postgresql_through_axum() {
        idp_quickstart(Backend::Postgres, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_mariadb_through_actix() {
        idp_quickstart(Backend::Mariadb, Driver::Actix).await;
    }
}

async fn golden_path(backend: Backend, driver: Driver) {
    run("golden_path.py", &[], "checks passed", backend, driver).await;
}

mod the_quickstart_passes_with_the_published_sdk {
    use tests::{Backend, Driver};

    use super::golden_path;

    #[tokio::test]
    async fn on_sqlite_through_axum() {
        golden_path(Backend::Sqlite, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_sqlite_through_actix() {
        golden_path(Backend::Sqlite, Driver::Actix).await;
    }

    #[tokio::test]
    async fn on_postgresql_through_axum() {
        golden_path(Backend::Postgres, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_postgresql_through_actix() {
        golden_path(Backend::Postgres, Driver::Actix).await;
    }

    #[tokio::test]
    async fn on_mariadb_through_axum() {
        golden_path(Backend::Mariadb, Driver::Axum).await;
    }

    #[tokio::test]
    async fn on_mariadb_through_actix() {
        golden_path(Backend::Mariadb, Driver::Actix).await;
    }
}
