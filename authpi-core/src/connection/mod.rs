//! Single sign-on of organizations: the connection and its domains.

pub mod api;
pub mod repository;
