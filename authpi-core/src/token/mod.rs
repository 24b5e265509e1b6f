//! Personal tokens of users.

pub mod api;
pub mod repository;
