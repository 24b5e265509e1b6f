//! The acceptance suite over HTTP: the same files once per adapter. Paths mirror the URLs.

#![allow(clippy::duplicate_mod, reason = "the suite runs once per adapter")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::unchecked_time_subtraction,
    reason = "lists that are compared and times that are stated"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../http"]
mod axum {
    const DRIVER: tests::Driver = tests::Driver::Axum;

    #[path = "suite.rs"]
    mod suite;
}

#[path = "../http"]
mod actix {
    const DRIVER: tests::Driver = tests::Driver::Actix;

    #[path = "suite.rs"]
    mod suite;
}
