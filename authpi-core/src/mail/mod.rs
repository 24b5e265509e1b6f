//! Mail on its way: what is to be sent, to whom, and how often it was tried (events-webhooks §14).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
