//! Users: a directory without personal data, and one record each (core-api section 21).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
