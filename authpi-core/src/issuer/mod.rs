//! Issuers: identity-provider instances of an account (core-api sections 12 and 13).

pub mod model;
pub mod repository;
