//! Invitations into organizations.

pub mod api;
pub mod repository;
