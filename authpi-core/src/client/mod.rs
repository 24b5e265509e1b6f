//! x

pub mod repository;
