//! Agents in SQL.

mod reads;
mod row;
mod verbs;
