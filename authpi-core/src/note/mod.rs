//! Notes of the account team on resources.

pub mod api;
pub mod model;
pub mod operations;
pub mod repository;
