//! Personal tokens of users.

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
