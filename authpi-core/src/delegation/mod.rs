//! Records that a user lets an agent act for them.

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
