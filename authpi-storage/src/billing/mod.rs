//! Usage, credit and payment methods in SQL.

mod reads;
mod rows;
mod verbs;
