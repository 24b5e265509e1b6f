//! Records that a user lets an agent act for them.

pub mod api;
pub mod repository;
