//! Signs tokens, for whoever has passed the gate.

use serde::Serialize;
use uuid::Uuid;

use super::gate::Leave;
use super::model::{ACCESS_TYP, AccessClaims, IdClaims, LOGOUT_TYP, LogoutClaims, RefreshClaims};
use crate::client::model::{Client, ResponseSignatureAlgorithm};
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::key::model::{Algorithm, signed};
use crate::transport::alphanumeric;
use crate::web::issuer_keys::signer;
use crate::web::services::Services;

/// Lifetime of the tokens of agents, in seconds: fixed, so that what ends their rights takes effect within it (idp §26).
pub(super) const AGENT_LIFETIME: u32 = 300;

/// Characters of a `jti` (D57).
const JTI_LENGTH: usize = 18;

/// A new `jti`.
///
/// # Errors
/// [`Refusal::Internal`] without randomness.
pub(super) fn new_jti(services: &Services) -> Result<String, Refusal> {
    alphanumeric(services.entropy.as_ref(), JTI_LENGTH).map_err(Refusal::internal)
}

/// Bounds of the lifetimes that clients choose, in seconds (D83).
const LIFETIMES: std::ops::RangeInclusive<u32> = 60..=21 * 24 * 60 * 60;

/// A lifetime as a client has chosen it, within what any token may have: what outlives its signing key could not be
/// verified.
pub(super) fn lifetime(chosen: u32) -> u32 {
    chosen.clamp(*LIFETIMES.start(), *LIFETIMES.end())
}

/// A lifetime as a number that dates are reckoned with.
pub(super) fn seconds(lifetime: u32) -> i64 {
    lifetime.into()
}

/// What signs the tokens of a client.
pub(super) const fn algorithm_of(client: &Client) -> Algorithm {
    match client.details.settings.openid.response_signature_alg {
        ResponseSignatureAlgorithm::Es256 => Algorithm::Es256,
        ResponseSignatureAlgorithm::Rs256 => Algorithm::Rs256,
        ResponseSignatureAlgorithm::EdDsa => Algorithm::EdDsa,
    }
}

/// Signs an access token.
///
/// # Errors
/// As [`signer`]; [`Refusal::Internal`] when it is for somebody else than the leave, or the cryptographic library fails.
pub(super) async fn access_token(
    services: &Services,
    issuer: IssuerId,
    algorithm: Algorithm,
    (claims, leave): (&AccessClaims, &Leave),
) -> Result<String, Refusal> {
    leave.covers(&claims.sub, &claims.client_id, claims.sid)?;
    sign(services, issuer, algorithm, Some(ACCESS_TYP), claims).await
}

/// Signs an ID token.
///
/// # Errors
/// As [`access_token`].
pub(super) async fn id_token(
    services: &Services,
    issuer: IssuerId,
    algorithm: Algorithm,
    (claims, leave): (&IdClaims, &Leave),
) -> Result<String, Refusal> {
    leave.covers(&claims.sub, &claims.aud, Some(claims.sid))?;
    sign(services, issuer, algorithm, None, claims).await
}

/// Signs a logout token, which gives nothing: it tells a client of an end.
///
/// # Errors
/// As [`access_token`].
pub(super) async fn logout_token(
    services: &Services,
    issuer: IssuerId,
    algorithm: Algorithm,
    claims: &LogoutClaims,
) -> Result<String, Refusal> {
    sign(services, issuer, algorithm, Some(LOGOUT_TYP), claims).await
}

/// Signs a refresh token, and says with which key.
///
/// # Errors
/// As [`access_token`].
pub(super) async fn refresh_token(
    services: &Services,
    issuer: IssuerId,
    algorithm: Algorithm,
    (claims, leave): (&RefreshClaims, &Leave),
) -> Result<(String, Uuid), Refusal> {
    leave.covers(&claims.sub, &claims.client_id, Some(claims.sid))?;
    let key = signer(services, issuer, algorithm).await?;
    let token = signed(&key.pair, key.kid, None, claims).map_err(Refusal::internal)?;
    Ok((token, key.kid))
}

async fn sign(
    services: &Services,
    issuer: IssuerId,
    algorithm: Algorithm,
    typ: Option<&str>,
    claims: &impl Serialize,
) -> Result<String, Refusal> {
    let key = signer(services, issuer, algorithm).await?;
    signed(&key.pair, key.kid, typ, claims).map_err(Refusal::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_outlives_three_weeks_or_dies_within_a_minute() {
        let bounded = [0, 59, 60, 1_800, 1_814_400, 1_814_401, u32::MAX].map(lifetime);
        assert_eq!(bounded, [60, 60, 60, 1_800, 1_814_400, 1_814_400, 1_814_400]);
    }
}
