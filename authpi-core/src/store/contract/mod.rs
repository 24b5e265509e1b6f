//! The definition of correct for every [`Store`]: the same cases on every backend.
//!
//! A backend brings a [`Harness`], which also brings the runtime, and turns the cases into tests with
//! [`store_contract!`](crate::store_contract). Each case gets a store of its own with empty tables.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case fails by panicking"
)]
#![allow(missing_docs, reason = "the name of a case is the rule it checks")]

pub mod account;
pub mod agent;
pub mod api_key;
pub mod api_key_use;
pub mod billing;
pub mod bootstrap;
mod cases;
pub mod client;
pub mod connection;
pub mod delegation;
pub mod device;
pub mod domain;
pub mod event;
pub mod event_chain;
pub mod event_counts;
pub mod event_outbox;
pub mod grant;
pub mod group;
pub mod idempotency;
pub mod invitation;
pub mod issuer;
pub mod issuer_removal;
pub mod issuer_settings;
pub mod login;
pub mod logout;
pub mod mail;
pub mod membership;
pub mod membership_groups;
pub mod membership_rules;
pub mod note;
pub mod note_removal;
pub mod organization;
pub mod session;
pub mod signing_key;
pub mod token;
pub mod user;
pub mod verifier;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};

use super::{Store, UnitOfWork};
use crate::id::Id;
use crate::timestamp::Timestamp;
use crate::transport::{IdSource, SystemEntropy};

/// What a case runs in.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store of this case.
    fn store(&self) -> Arc<dyn Store>;

    /// Runs a future as a task of its own; the returned one is ready when the task has ended, and panics if it did.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;

    /// Runs a future as a task and drops it after `delay`, wherever it stands.
    async fn cut_off(&self, delay: Duration, task: BoxFuture<'static, ()>);
}

/// The harness as cases take it.
pub type Ground = Arc<dyn Harness>;

/// How many tasks race for one row.
pub const RACERS: usize = 16;

/// The time of the first unit of work of a case.
pub const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A time `minutes` after [`START`].
pub fn later(minutes: u64) -> Timestamp {
    START.plus(Duration::from_secs(60 * minutes))
}

/// A new identifier.
pub fn mint<I: Id>() -> I {
    static IDS: std::sync::OnceLock<IdSource> = std::sync::OnceLock::new();
    IDS.get_or_init(|| IdSource::new(Arc::new(SystemEntropy))).mint(START).unwrap()
}

/// Begins a unit of work at `now`.
pub async fn begin(ground: &Ground, now: Timestamp) -> Box<dyn UnitOfWork> {
    ground.store().begin(now).await.unwrap()
}

/// Runs [`RACERS`] tasks at once and waits for all of them.
pub async fn race<F: Future<Output = ()> + Send + 'static>(ground: &Ground, racer: impl Fn(usize) -> F) {
    join_all((0..RACERS).map(|number| ground.spawn(Box::pin(racer(number))))).await;
}
