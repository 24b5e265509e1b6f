//! Webhooks: where events are delivered to, and the deliveries (core-api section 10, events-webhooks §6 to §13).

pub mod api;
pub(crate) mod body;
pub mod events;
pub(crate) mod figures;
pub mod model;
pub mod operations;
pub mod repository;
pub(crate) mod request;
