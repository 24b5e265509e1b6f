//! OAuth 2 and OpenID Connect, as an issuer speaks them (idp §2).

pub mod api;
pub mod discovery;
pub mod keys;
pub mod model;
pub mod repository;
pub mod rotation;
