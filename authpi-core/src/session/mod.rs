//! Sessions of users: the single-sign-on session and the sessions of clients.

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
