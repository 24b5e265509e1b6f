//! Devices that users sign in from: those they trusted, and those that are known (core-api section 21.2, idp §18.4).

pub mod api;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
