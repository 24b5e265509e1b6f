//! The example server as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::database::{Backend, Database};

/// A running server; killed with the value.
pub struct Server {
    /// The process.
    pub child: Child,
    /// `http://127.0.0.1:port`
    pub base: String,
}

/// The binary that `cargo build` put beside the test binaries.
pub fn binary() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let binary = folder.join("server");
    assert!(binary.exists(), "{} is missing: cargo build -p examples --bin server", binary.display());
    binary
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The server in `folder`, not started yet, with nothing from this process's environment.
pub fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    command
        .current_dir(folder)
        .env_clear()
        .env("AUTHPI_LISTEN", format!("127.0.0.1:{port}"))
        .env("AUTHPI_BOOTSTRAP_FILE", "bootstrap.json")
        .env("AUTHPI_BILLING", "on")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Where a server runs and keeps its data: a folder, and a database, which may be a file in it.
pub struct Home {
    /// Its working folder; the bootstrap file is there.
    pub folder: TempDir,
    /// Its database.
    pub database: Database,
}

impl Home {
    /// A new one; `None` if there is no such database server here.
    pub async fn new(backend: Backend) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(backend, folder.path()).await?;
        Some(Self { folder, database })
    }

    /// The server that lives here, not started yet.
    pub fn command(&self, port: u16) -> Command {
        let mut command = command(self.folder.path(), port);
        command.env("AUTHPI_DATABASE_URL", &self.database.url);
        command
    }

    /// Removes the database; its servers are gone.
    pub async fn remove(self) {
        self.database.remove().await;
    }
}

impl Server {
    /// Starts `command` and waits until it is ready.
    pub async fn start(mut command: Command, port: u16) -> Self {
        let child = command.spawn().unwrap();
        let mut server = Self { child, base: format!("http://127.0.0.1:{port}") };
        server.ready().await;
        server
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let url = format!("{}/readyz", self.base);
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                tick.tick().await;
                if client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
                    return;
                }
                if let Some(status) = self.child.try_wait().unwrap() {
                    panic!("the server ended with {status} before it was ready");
                }
            }
        });
        waited.await.expect("the server is ready within 30 s");
    }
}
