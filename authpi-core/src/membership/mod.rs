//! Memberships: users and agents in organizations (core-api section 17).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
