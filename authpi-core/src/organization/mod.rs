//! Organizations: tenants inside an issuer (core-api section 16).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
