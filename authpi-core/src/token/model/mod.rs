//! What a personal token is, and when it is accepted.

mod claims;
mod token;

pub use claims::{CredentialKind, PREFIX, TYP, TokenClaims};
pub use token::{
    DEFAULT_LIFETIME, EffectiveStatus, MAX_LIFETIME, OwnerState, PersonalToken, PersonalTokenDetails,
    TokenAuthentication, TokenRestrictions, TokenStatus, UNEXPIRED_PER_USER, Verdict,
};
