//! What users prove themselves with (core-api section 21.1, idp §23.1).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
pub mod screening;
