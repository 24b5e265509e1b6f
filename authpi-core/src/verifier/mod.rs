//! What users prove themselves with.

pub mod api;
pub mod repository;
