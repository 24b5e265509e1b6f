//! Webhooks and their deliveries in SQL.

mod reads;
mod row;
mod sweeps;
mod verbs;
