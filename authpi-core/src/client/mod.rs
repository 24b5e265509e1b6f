//! Clients: applications registered for OAuth and OpenID Connect (core-api section 14).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
