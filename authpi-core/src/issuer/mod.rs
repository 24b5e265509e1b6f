//! Issuers: identity-provider instances of an account (core-api sections 12 and 13).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
