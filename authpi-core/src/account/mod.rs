//! Accounts: customers of the platform, each a facade over one organization of the platform issuer (core-api section 4).

pub mod api;
pub mod events;
mod lifecycle;
pub mod model;
pub mod operations;
mod primary;
pub mod repository;
