//! HTTP without a framework: requests, answers, the route table's building blocks and the pipeline that every request
//! passes. Nothing here knows an endpoint.

pub mod access_token;
pub mod answer;
pub mod authentication;
pub mod bearer;
pub mod body;
pub mod call;
pub mod caller;
pub mod challenge;
pub mod client_keys;
pub mod cookies;
pub mod endpoint;
mod headers;
pub mod host_api;
pub mod html;
pub mod idempotency;
pub mod issuer_keys;
pub mod key_uses;
mod lockout;
pub mod members;
mod metrics;
pub mod openapi;
mod origins;
pub mod parameters;
pub mod personal_token;
pub mod pipeline;
pub mod portal_secret;
pub mod problem;
pub mod query;
pub mod rate_limit;
pub mod request;
pub mod route;
pub mod router;
pub mod runtime;
pub mod services;
pub mod sites;
pub mod strength;
