//! Single sign-on of organizations: the connection and its domains (core-api section 20).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
