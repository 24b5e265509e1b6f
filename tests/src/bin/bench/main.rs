//! `cargo xtask bench`: hot paths as ratios to a raw baseline of the same run, on the same database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench fails by panicking and talks to a person"
)]

mod baseline;
mod cases;
mod deliveries;
mod history;
mod idp;
mod measure;
mod platform;
mod tokens;

use measure::Report;
use platform::Platform;
use tests::crash::Victim;
use tests::server::Home;
use tests::{Backend, Database};

/// How much is done.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Operations of a measurement.
    operations: usize,
    /// Rows of the large tenant.
    rows: usize,
    /// Events of the long history.
    history: usize,
    /// Events that nobody has received.
    undelivered: usize,
}

impl Scale {
    const QUICK: Self = Self { operations: 300, rows: 5_000, history: 50_000, undelivered: 20_000 };
    const FULL: Self = Self { operations: 5_000, rows: 1_000_000, history: 10_000_000, undelivered: 1_000_000 };
}

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let scale = if quick { Scale::QUICK } else { Scale::FULL };
    let history = std::env::args().find_map(|argument| argument.strip_prefix("--events=")?.parse().ok());
    let scale = Scale { history: history.unwrap_or(scale.history), ..scale };
    println!("{}", measure::machine());
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
    run("SQLite (file, WAL, synchronous=FULL)", &sqlite, scale).await;
    for (backend, title) in [
        (Backend::Postgres, "PostgreSQL (loopback, durable commits)"),
        (Backend::Mariadb, "MariaDB (loopback, durable commits)"),
    ] {
        if let Some(database) = Database::create(backend, folder.path()).await {
            run(title, &database.url, scale).await;
            database.remove().await;
        }
    }
    if wants("crashes") {
        for backend in [Backend::Sqlite, Backend::Postgres, Backend::Mariadb] {
            crashes(backend, if quick { (5, 1) } else { (100, 4) }).await;
        }
    }
}

/// Kills a server under load, and says what has become of the events: the bench ends here if one was lost.
async fn crashes(backend: Backend, (kills, takeovers): (u64, u64)) {
    let Some(home) = Home::new(backend).await else { return };
    let (victim, servers) = Victim::start(home, backend).await;
    let outcome = victim.suffer(servers, kills, takeovers).await;
    println!("\n== {kills} kills under load and {takeovers} while leases of the dead are taken over, {backend:?}:");
    println!("no event lost or invented, all bodies the same on each attempt");
    println!("{outcome:?}");
}

/// The parts that are named: `core`, `idp`, `deliveries`, `crashes`, `history`, `outage`.
fn named() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| !argument.starts_with("--"))
}

/// A part is measured unless others are named.
fn wants(part: &str) -> bool {
    named().next().is_none() || named().any(|name| name == part)
}

/// What takes very long to make is measured when it is named.
fn asks_for(part: &str) -> bool {
    named().any(|name| name == part)
}

async fn run(title: &str, url: &str, scale: Scale) {
    if !["core", "idp", "deliveries", "history", "outage"].into_iter().any(wants) {
        return;
    }
    println!("\n== {title}");
    let mut report = Report::default();
    baseline::run(url, scale, &mut report).await;
    if asks_for("history") {
        history::run(url, scale, &mut report).await;
        return report.print();
    }
    let platform = Platform::start(url).await;
    if wants("core") {
        cases::run(&platform, scale, &mut report).await;
    }
    if wants("idp") {
        idp::run(&platform, scale, &mut report).await;
    }
    if wants("deliveries") {
        deliveries::run(&platform, scale, &mut report).await;
    }
    if asks_for("outage") {
        deliveries::long_outage(&platform, scale, &mut report).await;
    }
    report.print();
}
