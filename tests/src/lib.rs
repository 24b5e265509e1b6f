//! What the acceptance tests share: the whole platform on a fresh database, behind either adapter, with a clock that
//! the test moves; and callers who state who does what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

pub mod app;
pub mod authority;
pub mod browser;
pub mod caller;
pub mod catalogue;
pub mod chromium;
pub mod crash;
pub mod database;
mod deliver;
pub mod dns;
pub mod everything;
pub mod fixtures;
mod gifts;
pub mod log;
pub mod payments;
pub mod people;
pub mod postbox;
pub mod provider;
pub mod proxy;
pub mod receiver;
pub mod rows;
mod runtime_rows;
pub mod seed;
pub mod server;
pub mod sessions;
mod sites;
pub mod smtp;
pub mod tab;
pub mod totp;
pub mod visitor;
pub mod wire;
pub mod world;

pub use app::{App, Driver};
pub use authority::Authority;
pub use browser::{Browser, Page};
pub use caller::{Caller, Reply};
pub use database::{Backend, Database};
pub use dns::Dns;
pub use provider::Provider;
pub use receiver::Receiver;
pub use wire::Wire;
