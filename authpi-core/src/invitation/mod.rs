//! Invitations into organizations (core-api section 19).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
