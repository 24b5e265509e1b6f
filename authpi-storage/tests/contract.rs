//! The storage contract on SQLite, in a file and in memory, on PostgreSQL, and on MariaDB.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod backend;

mod sqlite_file {
    authpi_core::store_contract!(crate::backend::on_sqlite_file);
}

mod sqlite_memory {
    authpi_core::store_contract!(crate::backend::on_sqlite_memory);
}

#[cfg(feature = "postgres")]
mod postgres {
    authpi_core::store_contract!(crate::backend::on_postgres);
}

#[cfg(feature = "mysql")]
mod mysql {
    authpi_core::store_contract!(crate::backend::on_mysql);
}
