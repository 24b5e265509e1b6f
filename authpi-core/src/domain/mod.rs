//! Domains of accounts: custom hosts for portals and issuers (core-api section 5).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
