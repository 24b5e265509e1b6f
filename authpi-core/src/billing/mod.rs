//! Usage, credit and payment methods (core-api section 25).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
