//! The domain, the protocols and both APIs of authpi: an identity platform that an application embeds.
//!
//! This crate has no I/O, no async runtime, no database and no web framework. `authpi-storage` keeps things,
//! `authpi-transport` reaches out, `authpi-axum` and `authpi-actix` mount what is here.

pub mod account;
pub mod address;
pub mod agent;
mod authpi;
pub mod billing;
mod bootstrap;
pub mod calendar;
pub mod client;
pub mod connection;
pub mod credential;
pub mod custom_fields;
pub mod delegation;
pub mod device;
mod documents;
pub mod domain;
pub mod error;
pub mod etag;
pub mod event;
pub mod group;
pub mod health;
pub mod hostname;
pub mod id;
pub mod invitation;
pub mod issuer;
pub mod key;
pub mod keyring;
pub mod mail;
pub mod membership;
pub mod merge;
pub mod metadata;
pub mod named;
pub mod network;
pub mod note;
pub mod oauth;
pub mod organization;
pub mod organization_type;
pub mod outcome;
pub mod page;
mod retries;
pub mod rights;
pub mod role;
pub mod rotating_secret;
pub mod routes;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod session;
pub mod status;
pub mod store;
pub mod timestamp;
pub mod token;
pub mod transport;
pub mod urls;
pub mod user;
pub mod verifier;
pub mod web;
pub mod webhook;
pub mod words;
pub mod worker;

pub use authpi::{AuthPi, BuildError, Builder, Work, refuse};
pub use bootstrap::{Bootstrap, BootstrapCredentials, BootstrapError, PendingBootstrap};
