//! Groups of an organization, which also carry out roles (core-api section 18).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
