//! Signing keys of issuers (idp §13).

pub mod model;
pub mod operations;
pub mod published;
pub mod repository;
