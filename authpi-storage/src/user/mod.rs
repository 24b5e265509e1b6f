//! Users in SQL: the directory, and the records that hold what is personal.

mod reads;
mod writes;
