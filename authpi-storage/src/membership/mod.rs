//! Memberships in SQL.

mod held;
mod reads;
mod row;
mod verbs;
