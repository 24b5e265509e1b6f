//! Rules that need more than one request: crashes, interruptions, counts, the published SDK.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "../acceptance/access.rs"]
mod access;
#[path = "../acceptance/churn.rs"]
mod churn;
#[path = "../acceptance/crashes.rs"]
mod crashes;
#[path = "../acceptance/crowd.rs"]
mod crowd;
#[path = "../acceptance/embedding.rs"]
mod embedding;
#[path = "../acceptance/endpoints.rs"]
mod endpoints;
#[path = "../acceptance/hostile/mod.rs"]
mod hostile;
#[path = "../acceptance/interrupted.rs"]
mod interrupted;
#[path = "../acceptance/metrics.rs"]
mod metrics;
#[path = "../acceptance/one_winner.rs"]
mod one_winner;
#[path = "../acceptance/orphans.rs"]
mod orphans;
#[path = "../acceptance/outgoing.rs"]
mod outgoing;
#[path = "../acceptance/pages.rs"]
mod pages;
#[path = "../acceptance/passwords.rs"]
mod passwords;
#[path = "../acceptance/plans.rs"]
mod plans;
#[path = "../acceptance/process.rs"]
mod process;
#[path = "../acceptance/races.rs"]
mod races;
#[path = "../acceptance/relying_party.rs"]
mod relying_party;
#[path = "../acceptance/sdk.rs"]
mod sdk;
#[path = "../acceptance/starved.rs"]
mod starved;
#[path = "../acceptance/statements.rs"]
mod statements;
#[path = "../acceptance/trail.rs"]
mod trail;
#[path = "../acceptance/verifier.rs"]
mod verifier;
#[path = "../acceptance/webhook_receiver.rs"]
mod webhook_receiver;
