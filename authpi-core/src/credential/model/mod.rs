//! What an API key is, which changes it allows, and when it is accepted.

mod api_key;
mod authentication;
mod chosen_secret;
mod rate_limit;

pub use api_key::{
    ApiKey, ApiKeyAccess, ApiKeyDetails, ApiKeyReadiness, EXPIRES_SOON, EffectiveStatus, KeyRestrictions,
};
pub use authentication::{API_KEY_HASH, ApiKeyAuthentication, ApiKeyStatus, HomeState, KeyLevel, Verdict};
pub use chosen_secret::weakness;
pub use rate_limit::{LimitedKey, RateLimit, TakenUses, UseCount, UseWindow};
