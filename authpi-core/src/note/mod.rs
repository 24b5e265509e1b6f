//! Notes of the account team on resources.

pub mod api;
pub mod repository;
