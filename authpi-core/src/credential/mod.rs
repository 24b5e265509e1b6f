//! Credentials of machines: API keys (core-api section 6), and who a credential is (section 3).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
