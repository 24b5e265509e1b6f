//! Credentials of machines: API keys (core-api section 6), and who a credential is (section 3).

pub mod api;
pub mod model;
pub mod repository;
