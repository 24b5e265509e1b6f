//! Logins: the state machine that every sign-in, sign-up and step-up walks through (idp §23).
//!
//! Actors: a browser, named by its flow cookie; a portal page, which calls the flow API with the ticket of the flow; and
//! `oauth`, which begins a flow with a continuation that this room never looks into, and resumes it once somebody has
//! passed the gate or was turned away.

pub mod api;
pub mod browser;
mod comparing;
pub mod events;
pub mod model;
pub mod operations;
pub mod repository;
