//! Notes in SQL.

mod reads;
mod row;
mod targets;
mod verbs;
