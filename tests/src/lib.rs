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
pub mod caller;
pub mod fixtures;
pub mod log;
pub mod payments;
pub mod postgres;
pub mod proxy;
pub mod seed;
pub mod server;
pub mod sessions;

pub use app::{App, Driver};
pub use caller::{Caller, Reply};
