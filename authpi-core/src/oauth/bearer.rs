//! Access tokens of ours as they come back (idp §8.6): signature, type, issuer, time; then whether all that they stand
//! for is alive.

use http::header::AUTHORIZATION;

use super::model::{AccessClaims, RefreshClaims};
use crate::error::Refusal;
use crate::key::model::Jws;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::web::access_token::{self, AccessToken, Liveness};
use crate::web::issuer_keys::key_set;
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

/// A token is not accepted, for whatever reason.
pub(super) const INVALID: OAuthError = OAuthError::new(OAuthCode::InvalidToken, "The access token is not valid here.");

/// The token is genuine, and the session behind it is not active.
pub(super) const ENDED: OAuthError =
    OAuthError::new(OAuthCode::SessionExpired, "The session behind the access token is not active.");

/// The text of the token in a request: in the header, or in a form.
///
/// # Errors
/// `invalid_request` for more than one; [`Refusal::Unauthenticated`] for none.
pub(super) fn presented<'r>(call: &'r IssuerCall, form: Option<&'r Parameters>) -> Result<&'r str, Refusal> {
    const TWICE: OAuthError = OAuthError::invalid_request("The token is sent in more than one way.");
    if call.query()?.get("access_token").is_some() {
        return Err(OAuthError::invalid_request("Tokens are not taken from the query.").into());
    }
    let in_form = form.and_then(|form| form.get("access_token"));
    let mut headers = call.headers().get_all(AUTHORIZATION).iter();
    let header = headers.next();
    if headers.next().is_some() || (header.is_some() && in_form.is_some()) {
        return Err(TWICE.into());
    }
    if let Some(text) = in_form {
        return Ok(text);
    }
    let header = header.ok_or(Refusal::Unauthenticated(crate::error::Unauthenticated::Missing))?;
    let (scheme, token) = header.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(INVALID)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(INVALID.into()) }
}

/// The claims of an access token that this issuer has signed, in its time or past it; `None` for anything else.
///
/// # Errors
/// As [`key_set`].
pub(super) async fn signed(call: &IssuerCall, text: &str) -> Result<Option<AccessClaims>, Refusal> {
    let Some(presented) = AccessToken::of(call.services(), text).await? else { return Ok(None) };
    if presented.issuer() != call.issuer_id() {
        return Ok(None);
    }
    presented.signed(call.services()).await
}

/// The claims of an access token that this issuer has signed and that is in its time; `None` for anything else.
///
/// # Errors
/// As [`key_set`].
pub(super) async fn genuine(call: &IssuerCall, text: &str) -> Result<Option<AccessClaims>, Refusal> {
    Ok(signed(call, text).await?.filter(|claims| claims.is_in_time(call.now())))
}

/// The claims of a refresh token that this issuer has signed, in its time or not; `None` for anything else.
///
/// # Errors
/// As [`key_set`].
pub(super) async fn genuine_refresh(call: &IssuerCall, text: &str) -> Result<Option<RefreshClaims>, Refusal> {
    let Ok(jws) = Jws::parse(text) else { return Ok(None) };
    if jws.typ().is_some() {
        return Ok(None);
    }
    let Some(kid) = jws.kid() else { return Ok(None) };
    let set = key_set(call.services(), call.issuer_id()).await?;
    let claims = set.verifying(kid).and_then(|key| jws.verified::<RefreshClaims>(key).ok());
    let Some(claims) = claims.filter(|claims| claims.aud == claims.iss) else { return Ok(None) };
    Ok(call.goes_by(&claims.iss).await?.then_some(claims))
}

/// A genuine token was revoked.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn is_denied(call: &IssuerCall, claims: &AccessClaims) -> Result<bool, Refusal> {
    access_token::is_denied(call.services(), call.issuer_id(), claims).await
}

/// Client, agents and delegation that a genuine token names are active.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn actors_live(call: &IssuerCall, claims: &AccessClaims) -> Result<bool, Refusal> {
    access_token::actors_live(call.services(), call.issuer_id(), claims).await
}

/// Looks at all that a genuine token stands for.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn liveness(call: &IssuerCall, claims: &AccessClaims) -> Result<Liveness, Refusal> {
    access_token::liveness(call.services(), call.issuer_id(), claims).await
}
