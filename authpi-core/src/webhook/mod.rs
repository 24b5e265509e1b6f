//! Webhooks and their deliveries.

pub mod api;
pub mod repository;
