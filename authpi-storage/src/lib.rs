//! The authpi [`Store`](authpi_core::store::Store) on SeaORM: SQLite (embedded, the default), PostgreSQL,
//! and MariaDB or MySQL.
//!
//! ```no_run
//! # async fn example() -> Result<(), authpi_storage::ConnectError> {
//! let store = authpi_storage::connect("sqlite://authpi.db?mode=rwc").await?;
//! # Ok(())
//! # }
//! ```

mod account;
mod agent;
mod api_key;
mod auth_method;
mod batch;
mod billing;
mod client;
mod connect;
mod connection;
mod convert;
mod delegation;
mod departed;
mod device;
mod domain;
mod entity;
mod error;
mod event;
mod grant;
mod group;
mod group_commit;
mod idempotency;
mod insert;
mod instance;
mod invitation;
mod issuer;
mod lease;
mod login;
mod logout;
mod mail;
mod membership;
mod migration;
mod news;
mod note;
mod organization;
mod personal_token;
mod session;
mod signing_key;
mod store;
mod user;
mod user_session;
mod verifier;
mod version;
mod webhook;

pub use connect::{ConnectError, ConnectOptions, Durability, connect, connect_with};
pub use store::DatabaseStore;
