//! Memberships in SQL.

mod held;
mod reads;
mod removal;
mod row;
mod verbs;
