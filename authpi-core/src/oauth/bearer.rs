//! Access tokens of ours as they come back (idp §8.6): signature, type, issuer, time; then whether all that they stand
//! for is alive.

use http::header::AUTHORIZATION;

use super::keys::key_set;
use super::model::{ACCESS_TYP, AccessClaims, Dat, OnceKey, RefreshClaims, VerifiedAccess};
use crate::delegation::model::DelegationState;
use crate::error::Refusal;
use crate::id::{AgentId, ClientId, UserId};
use crate::key::model::{Jws, VerifyingKey};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::session::model::SessionStatus;
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

/// The claims of an access token that this issuer has signed and that is in its time; `None` for anything else.
///
/// # Errors
/// As [`key_set`].
pub(super) async fn genuine(call: &IssuerCall, text: &str) -> Result<Option<AccessClaims>, Refusal> {
    let Ok(jws) = Jws::parse(text) else { return Ok(None) };
    if jws.typ() != Some(ACCESS_TYP) {
        return Ok(None);
    }
    let claims = signed::<AccessClaims>(call, &jws).await?;
    let verified = claims.and_then(|claims| VerifiedAccess::new(claims, &call.iss(), call.now()));
    Ok(verified.map(|verified| verified.claims().clone()))
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
    let claims = signed::<RefreshClaims>(call, &jws).await?;
    Ok(claims.filter(|claims| claims.iss == call.iss() && claims.aud == claims.iss))
}

async fn signed<C: serde::de::DeserializeOwned>(call: &IssuerCall, jws: &Jws<'_>) -> Result<Option<C>, Refusal> {
    let Some(kid) = jws.kid() else { return Ok(None) };
    let set = key_set(call.services(), call.issuer_id()).await?;
    let Some(key) = set.keys().iter().find(|key| key.kid == kid) else { return Ok(None) };
    let key = VerifyingKey::new(&key.public).map_err(Refusal::internal)?;
    Ok(jws.verified(&key).ok())
}

/// Whether all that a token stands for is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// It is.
    Alive,
    /// The session is not active.
    SessionEnded,
    /// Revoked, or its subject, actor or delegation is not active.
    Dead,
}

/// Looks at revocation, session, user, agent, client and delegation of a genuine token.
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn liveness(call: &IssuerCall, claims: &AccessClaims) -> Result<Liveness, Refusal> {
    let (issuer, now) = (call.issuer_id(), call.now());
    let reads = call.services().store.reads();
    let key = OnceKey::of_token(&call.services().keyring.peppers, issuer, &claims.jti);
    if reads.grants().is_denied(issuer, key).await? || !actors_live(call, claims).await? {
        return Ok(Liveness::Dead);
    }
    if let Ok(user) = claims.sub.parse::<UserId>() {
        let found = reads.users().find(issuer, user).await?;
        if !found.is_some_and(|user| user.status.value.may_authenticate()) {
            return Ok(Liveness::Dead);
        }
        if let Some(session) = claims.sid {
            let found = reads.sessions().find(issuer, session).await?;
            let active =
                found.is_some_and(|found| found.user_id == user && found.status_at(now) == SessionStatus::Active);
            return Ok(if active { Liveness::Alive } else { Liveness::SessionEnded });
        }
        return Ok(if claims.act.is_some() { Liveness::Alive } else { Liveness::Dead });
    }
    Ok(Liveness::Alive)
}

/// The machines that a token names are active, and so is the delegation.
async fn actors_live(call: &IssuerCall, claims: &AccessClaims) -> Result<bool, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    if let Ok(client) = claims.client_id.parse::<ClientId>() {
        let found = reads.clients().find(issuer, client).await?;
        if !found.is_some_and(|client| client.status.value == crate::client::model::ClientStatus::Active) {
            return Ok(false);
        }
    }
    let mut agents: Vec<AgentId> = Vec::new();
    if claims.dat == Some(Dat::Agent) {
        agents.extend(claims.sub.parse::<AgentId>().ok());
    }
    let mut actor = claims.act.as_ref();
    while let Some(act) = actor {
        agents.push(act.sub);
        actor = act.act.as_deref();
    }
    for agent in agents {
        if !reads.agents().find(issuer, agent).await?.is_some_and(|agent| agent.is_active()) {
            return Ok(false);
        }
    }
    if let Some(delegation) = claims.delegation_id {
        let found = reads.delegations().find(issuer, delegation).await?;
        return Ok(found.is_some_and(|found| found.state(call.now()) == DelegationState::Active));
    }
    Ok(true)
}
