//! Clients that are told, past the browser, that sessions of theirs have ended.

pub mod model;
pub mod repository;
