//! Mail on its way: what is to be sent, to whom, and how often it was tried.

pub mod api;
pub mod repository;
