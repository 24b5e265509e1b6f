//! What the protocol hands out and takes back: tokens, codes, audiences.

mod audience;
mod claims;
mod claims_request;
mod code;
mod consent;
mod grant;
mod once;
mod pkce;

pub use audience::{Audience, InvalidResources, Resources, audience};
pub use claims::{
    ACCESS_TYP, AccessClaims, Actor, Dat, IdClaims, LOGOUT_TYP, LogoutClaims, LogoutEvents, OrganizationClaim,
    RefreshClaims, TokenUse, VerifiedAccess,
};
pub use claims_request::{ClaimsRequest, InvalidClaims, Wanted, wanted};
pub use code::{AuthorizationCode, CodeBinding, SPENT_KEPT};
pub use consent::Consent;
pub use grant::{Grant, GrantBinding, Replay, Rotation};
pub use once::OnceKey;
pub use pkce::{CodeChallenge, InvalidPkce};
