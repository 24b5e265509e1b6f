//! OAuth 2 and OpenID Connect, as an issuer speaks them (idp §2).

pub mod api;
mod assertion;
mod authorization;
pub mod back_channel;
mod bearer;
mod check_session;
mod client_authentication;
mod consents;
pub mod discovery;
pub mod events;
mod introspection;
mod keyinfo;
mod logout;
mod minting;
pub mod model;
pub mod operations;
mod organizations;
mod parked;
mod profile;
pub mod repository;
mod revocation;
pub mod rotation;
mod scopes;
mod targets;
mod token;
mod user_tokens;
mod userinfo;
