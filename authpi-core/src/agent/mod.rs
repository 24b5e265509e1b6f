//! Agents and what they prove themselves with.

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
