//! Webhooks and their deliveries in SQL.

mod queue;
mod reads;
mod row;
mod sweeps;
mod verbs;
