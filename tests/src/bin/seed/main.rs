//! `cargo xtask seed`: fills an empty database with as much as is asked for, the same for the same seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool of the project talks to a person, and fails by panicking"
)]

use std::collections::HashMap;
use std::sync::Arc;

use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{ManualClock, MasterKey};
use authpi_core::urls::Urls;
use authpi_core::web::services::Options;
use authpi_core::{AuthPi, Bootstrap};
use base64::Engine as _;
use clap::Parser;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tests::seed::{Plan, SeededEntropy, fill};

#[derive(Parser)]
#[command(name = "cargo xtask seed", about = "Fills an empty database, the same for the same seed")]
struct Cli {
    /// URL of an empty database: sqlite, postgres or mysql
    #[arg(long, default_value = "sqlite://seeded.db?mode=rwc")]
    database: String,
    /// Everything made follows from this number; so do the secrets: never serve such a database to anybody
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 32 bytes in base64: the key that a server on this database needs
    #[arg(long, env = "AUTHPI_MASTER_KEY")]
    master_key: String,
    /// Issuers
    #[arg(long, default_value_t = 1)]
    issuers: usize,
    /// Organizations, over all issuers
    #[arg(long, default_value_t = 100)]
    organizations: usize,
    /// Users, over all issuers
    #[arg(long, default_value_t = 1_000)]
    users: usize,
    /// Memberships, over all issuers
    #[arg(long, default_value_t = 2_000)]
    memberships: usize,
    /// API keys of organizations
    #[arg(long, default_value_t = 100)]
    keys: usize,
    /// Events besides those that all this leaves
    #[arg(long, default_value_t = 0)]
    events: usize,
}

#[tokio::main]
async fn main() {
    let cli = Cli::parse();
    let key = base64::engine::general_purpose::STANDARD.decode(cli.master_key.trim());
    let key: [u8; 32] = key.expect("the master key is not base64").try_into().expect("the master key has not 32 bytes");
    let store = authpi_storage::connect(&cli.database).await.expect("the database");
    let authpi = AuthPi::builder(store, MasterKey::new(key), Urls::under("http://127.0.0.1:8787").unwrap())
        .transport(authpi_transport::tokio().unwrap())
        .entropy(SeededEntropy::new(cli.seed))
        .clock(Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000))))
        .options(Options { rate_limits: false, ..Options::default() })
        .build()
        .await
        .expect("the engine");
    let Bootstrap::Pending(pending) = authpi.bootstrap("Seed").await.expect("the first account") else {
        panic!("the database is not empty");
    };
    let first = pending.commit().await.expect("the first account");
    let plan = Plan {
        issuers: cli.issuers,
        organizations: cli.organizations,
        users: cli.users,
        memberships: cli.memberships,
        keys: cli.keys,
        events: cli.events,
    };
    let mut bars = Bars::new(&plan);
    let seeded = fill(&authpi, first.account_id, plan, |kind, done| bars.show(kind, done)).await;
    println!("account {}", first.account_id);
    println!("key {}:{}", first.key_id, first.key_secret.expose());
    for tenant in seeded.issuers.iter().take(10) {
        println!("issuer {}", tenant.id);
    }
}

struct Bars(HashMap<&'static str, ProgressBar>);

impl Bars {
    fn new(plan: &Plan) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix:>13} {bar:40} {pos}/{len} {per_sec} {eta}").unwrap();
        let bar = |(name, total): (&'static str, usize)| {
            let bar = all.add(ProgressBar::new(total as u64).with_style(style.clone()).with_prefix(name));
            (name, bar)
        };
        let totals = [
            ("issuers", plan.issuers),
            ("organizations", plan.organizations),
            ("users", plan.users),
            ("memberships", plan.memberships),
            ("keys", plan.keys),
            ("events", plan.events),
        ];
        Self(totals.into_iter().map(bar).collect())
    }

    fn show(&mut self, kind: &'static str, done: usize) {
        if let Some(bar) = self.0.get(kind) {
            bar.set_position(done as u64);
        }
    }
}
