//! OAuth 2 and OpenID Connect, as an issuer speaks them (idp §2).

pub mod api;
mod assertion;
mod client_authentication;
pub mod discovery;
pub mod events;
pub mod keys;
mod minting;
pub mod model;
mod organizations;
pub mod repository;
pub mod rotation;
mod scopes;
mod targets;
mod token;
