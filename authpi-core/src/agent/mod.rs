//! Agents and what they prove themselves with.

pub mod api;
pub mod repository;
