//! What a personal token is, and when it is accepted.

mod claims;
mod token;

pub use claims::{CredentialKind, PREFIX, TYP, TokenClaims};
pub use token::{
    ACTIVE_PER_USER, DEFAULT_LIFETIME, EffectiveStatus, MAX_LIFETIME, OwnerState, PersonalToken, PersonalTokenDetails,
    TokenAuthentication, TokenRestrictions, TokenStatus, Verdict,
};
