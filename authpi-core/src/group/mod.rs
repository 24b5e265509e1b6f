//! Groups of an organization, which also carry out roles.

pub mod api;
pub mod repository;
