//! Devices that users sign in from.

pub mod api;
pub mod repository;
