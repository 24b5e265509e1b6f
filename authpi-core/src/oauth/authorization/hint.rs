//! ID tokens as hints (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2): genuine, however old. They are no secret.

use crate::error::Refusal;
use crate::key::model::{Jws, VerifyingKey};
use crate::oauth::model::IdClaims;
use crate::web::runtime::IssuerCall;

/// How far a clock may be off, in seconds (D163).
const LEEWAY: i64 = 60;

/// The claims of an ID token that this issuer has signed, with a key that is published or was; `None` for anything else.
///
/// # Errors
/// [`Refusal::Store`].
pub(in crate::oauth) async fn genuine(call: &IssuerCall, text: &str) -> Result<Option<IdClaims>, Refusal> {
    let Ok(jws) = Jws::parse(text) else { return Ok(None) };
    let (None, Some(kid)) = (jws.typ(), jws.kid()) else { return Ok(None) };
    let reads = call.services().store.reads();
    let Some(key) = reads.signing_keys().find(call.issuer_id(), kid).await? else { return Ok(None) };
    let key = VerifyingKey::new(&key.public).map_err(Refusal::internal)?;
    let claims: Option<IdClaims> = jws.verified(&key).ok();
    // A refresh or logout token says so itself.
    let is_other = |claims: &IdClaims| claims.more.contains_key("token_use") || claims.more.contains_key("events");
    let now = call.now().as_seconds();
    let claims = claims.filter(|claims| !is_other(claims) && claims.iat <= now + LEEWAY);
    let Some(claims) = claims else { return Ok(None) };
    Ok(call.goes_by(&claims.iss).await?.then_some(claims))
}
