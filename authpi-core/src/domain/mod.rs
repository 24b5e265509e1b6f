//! Domains of accounts.

pub mod api;
pub mod repository;
