//! Events: the immutable record of everything that happened, and the outbox at the same time.

pub(crate) mod aggregate;
pub mod api;
pub mod catalogue;
pub mod chain;
mod export;
pub mod model;
pub(crate) mod numbering;
pub mod operations;
pub mod repository;
