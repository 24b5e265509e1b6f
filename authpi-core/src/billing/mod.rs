//! Usage, credit and payment methods.

pub mod api;
pub mod repository;
