//! The authpi [`Store`](authpi_core::store::Store) on SeaORM: SQLite (embedded, the default) and PostgreSQL.
//!
//! ```no_run
//! # async fn example() -> Result<(), authpi_storage::ConnectError> {
//! let store = authpi_storage::connect("sqlite://authpi.db?mode=rwc").await?;
//! # Ok(())
//! # }
//! ```

mod account;
mod api_key;
mod auth_method;
mod client;
mod connect;
mod convert;
mod entity;
mod error;
mod event;
mod group_commit;
mod idempotency;
mod instance;
mod issuer;
mod membership;
mod migration;
mod organization;
mod session;
mod signing_key;
mod store;
mod user;

pub use connect::{ConnectError, ConnectOptions, Durability, connect, connect_with};
pub use store::DatabaseStore;
