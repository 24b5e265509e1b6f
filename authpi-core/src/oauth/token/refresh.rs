//! `refresh_token` (RFC 6749 §6) with rotation: each token is good for one refresh, and a second one ends the session
//! (idp §7).

use super::authorization_code::requested;
use super::{TokenResponse, require_client, require_grant};
use crate::client::model::{Client, GrantType};
use crate::device::operations as devices;
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::Id as _;
use crate::issuer::model::security::ReusePolicy;
use crate::oauth::bearer::genuine_refresh;
use crate::oauth::client_authentication::Requester;
use crate::oauth::model::{Grant, RefreshClaims, Replay, Rotation};
use crate::oauth::scopes::narrowed;
use crate::oauth::user_tokens::{Issuance, issue};
use crate::oauth_error::OAuthError;
use crate::outcome::SpendOutcome;
use crate::seal::Sealed;
use crate::session::model::{SessionStatus, UserSession};
use crate::session::operations::opening;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::issuer_keys::hold;
use crate::web::parameters::Parameters;
use crate::web::runtime::{IssuerCall, Step};

/// One wording for every token that is worth nothing.
const WORTHLESS: OAuthError = OAuthError::invalid_grant("The refresh token is not valid here.");

const ENDED: OAuthError = OAuthError::invalid_grant("The session has ended.");

/// Why a session in wrong hands ends.
const REUSE: &str = "refresh_token_reuse";

/// What is to be done about a refresh token.
pub(in crate::oauth) enum RefreshUse {
    /// New tokens for it.
    Refresh(Box<Refresh>),
    /// It was used before.
    Reuse(RefreshClaims),
}

/// Tokens that wait for the commit.
pub(in crate::oauth) struct Refresh {
    claims: RefreshClaims,
    session: UserSession,
    rotation: Rotation,
    response: TokenResponse,
    request: [u8; 32],
}

pub(super) async fn prepare(
    call: &IssuerCall,
    form: &Parameters,
    requester: Requester,
) -> Result<Step<RefreshUse>, Refusal> {
    let client = require_client(requester)?;
    require_grant(&client, GrantType::RefreshToken)?;
    let text = form.require("refresh_token", "refresh_token is missing.")?;
    let claims = genuine_refresh(call, text).await?;
    let claims = claims.filter(|claims| claims.client_id == client.id.to_string()).ok_or(WORTHLESS)?;
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let session = reads.sessions().find(issuer, claims.sid).await?.ok_or(WORTHLESS)?;
    let grant = reads.grants().grant(issuer, claims.sid).await?.ok_or(WORTHLESS)?;
    let request = fingerprint(call, form, &client);
    let is_active = session.status_at(call.now()) == SessionStatus::Active;
    let op = active_op(call, &session).await?;
    if is_active && op.is_none() {
        return Err(ENDED.into());
    }
    if grant.refresh_jti.as_deref() != Some(claims.jti.as_str()) {
        let again = if is_active { replay(call, &grant, &claims, &request).await? } else { None };
        return match again {
            Some(answer) => Ok(Step::Answer(answer)),
            None => Ok(Step::Change(RefreshUse::Reuse(claims))),
        };
    }
    require_active(&session, call.now())?;
    if claims.exp <= call.now().as_seconds() {
        return Err(OAuthError::invalid_grant("The refresh token has expired.").into());
    }
    let op = op.ok_or(ENDED)?;
    let refresh = refresh(call, form, &client, (claims, (session, &op), grant, request)).await?;
    Ok(Step::Change(RefreshUse::Refresh(Box::new(refresh))))
}

async fn refresh(
    call: &IssuerCall,
    form: &Parameters,
    client: &Client,
    (claims, (session, op), grant, request): (RefreshClaims, (UserSession, &UserSession), Grant, [u8; 32]),
) -> Result<Refresh, Refusal> {
    let scopes = narrowed(form.get("scope"), &grant.binding.scopes)?;
    let resources = requested(call, client, form, &grant.binding.resources)?;
    let of =
        Issuance { client, session: &session, op, grant: &grant, scopes: &scopes, resources: &resources, nonce: None };
    let issued = issue(call, &of).await?;
    let (to, kid) = issued.refresh.ok_or_else(|| Refusal::internal("a refresh brought no refresh token"))?;
    let rotation = Rotation { from: claims.jti.clone(), to, kid, replay: None };
    let mut refresh = Refresh { claims, session, rotation, response: issued.response, request };
    refresh.rotation.replay = kept(call, &refresh).await?;
    Ok(refresh)
}

/// A session that does not refresh says why.
fn require_active(session: &UserSession, now: Timestamp) -> Result<(), OAuthError> {
    match session.status_at(now) {
        SessionStatus::Active => Ok(()),
        SessionStatus::Inactive => Err(WORTHLESS),
        SessionStatus::Suspended => Err(OAuthError::invalid_grant("The session is suspended.")),
        SessionStatus::Revoked => Err(OAuthError::invalid_grant("The session was revoked.")),
        SessionStatus::Expired => Err(OAuthError::invalid_grant("The session has expired.")),
    }
}

/// The session at the issuer that a client's came from, if it is active, too: of two that end together neither is seen
/// alone.
pub(super) async fn active_op(call: &IssuerCall, session: &UserSession) -> Result<Option<UserSession>, Refusal> {
    let Some(rp) = session.kind.rp() else { return Ok(None) };
    let op = call.services().store.reads().sessions().find(call.issuer_id(), rp.op_session_id).await?;
    Ok(op.filter(|op| op.status_at(call.now()) == SessionStatus::Active))
}

/// What an identical request has in common with the first one: client, way to authenticate, scope, resources, token.
fn fingerprint(call: &IssuerCall, form: &Parameters, client: &Client) -> [u8; 32] {
    let texts: Vec<&str> = [form.get("scope"), form.get("refresh_token"), form.get("client_secret").map(|_| "post")]
        .into_iter()
        .map(Option::unwrap_or_default)
        .chain(form.all("resource"))
        .collect();
    let client = client.id.uuid();
    let parts: Vec<&[u8]> =
        std::iter::once(client.as_bytes().as_slice()).chain(texts.iter().map(|text| text.as_bytes())).collect();
    call.services().keyring.peppers.digest("refresh-request", &parts)
}

fn seal_context(claims: &RefreshClaims) -> String {
    format!("refresh-answer:{}:{}", claims.sid, claims.jti)
}

/// The answer, sealed for those who ask again within the window of the deployment (D49).
async fn kept(call: &IssuerCall, refresh: &Refresh) -> Result<Option<Replay>, Refusal> {
    let window = call.services().options.refresh_grace;
    if window.is_zero() {
        return Ok(None);
    }
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let answer = refresh.response.answer();
    let answer = root.key.seal(&seal_context(&refresh.claims), answer.body.bytes()).map_err(Refusal::internal)?;
    let (jti, until) = (refresh.claims.jti.clone(), call.now().plus(window));
    Ok(Some(Replay { jti, request: refresh.request, answer, until }))
}

/// The first answer once more, for an identical request within the window and while its successor is unused; a refusal
/// for another request there. `None` when the window is over, or never was.
async fn replay(
    call: &IssuerCall,
    grant: &Grant,
    claims: &RefreshClaims,
    request: &[u8; 32],
) -> Result<Option<Answer>, Refusal> {
    let Some(replay) = grant.replay.as_ref().filter(|known| known.jti == claims.jti && call.now() < known.until) else {
        return Ok(None);
    };
    if replay.request != *request {
        return Err(WORTHLESS.into());
    }
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let sealed = Sealed::from_bytes(replay.answer.as_bytes().to_vec());
    let body = root.key.open(&seal_context(claims), &sealed).map_err(Refusal::internal)?;
    Ok(Some(TokenResponse::repeated(&body)))
}

pub(super) async fn apply(change: &mut Change<'_>, call: &IssuerCall, used: &RefreshUse) -> Result<Answer, Refusal> {
    match used {
        RefreshUse::Refresh(refresh) => refreshed(change, call, refresh).await,
        RefreshUse::Reuse(claims) => reused(change, call, claims).await,
    }
}

async fn refreshed(change: &mut Change<'_>, call: &IssuerCall, refresh: &Refresh) -> Result<Answer, Refusal> {
    let Refresh { claims, session, rotation, response, request } = refresh;
    let issuer = call.issuer_id();
    if change.unit().grants().rotate(issuer, session.id, rotation).await? == SpendOutcome::SpentBefore {
        // Somebody was quicker: a client that asks again, or a thief.
        let grant = change.reads().grants().grant(issuer, session.id).await?.ok_or(WORTHLESS)?;
        return match replay(call, &grant, claims, request).await? {
            Some(answer) => Ok(answer),
            None => reused(change, call, claims).await,
        };
    }
    hold(change, call.services(), issuer, rotation.kid).await?;
    if let Some(client_id) = session.kind.rp().map(|rp| rp.client_id) {
        change.act_as(Actor::Client { client_id });
    }
    let extends = call.issuer().issuer.details.settings.access.sessions.extend_on_activity;
    opening::refreshed(change, session.clone(), &response.scope, extends).await?;
    Ok(response.answer())
}

/// A spent token of a live session, in the hands of its client or of whoever has robbed it: nobody can tell, so the
/// session ends with all that hangs together with it, and no browser stands in for a second factor any more (D133).
async fn reused(change: &mut Change<'_>, call: &IssuerCall, claims: &RefreshClaims) -> Result<Answer, Refusal> {
    let (issuer, now) = (call.issuer_id(), change.now());
    let session = change.reads().sessions().find(issuer, claims.sid).await?;
    if let Some(session) = session.filter(|session| !session.status_at(now).is_final()) {
        let user = session.user_id;
        if let Some(client_id) = session.kind.rp().map(|rp| rp.client_id) {
            change.act_as(Actor::Client { client_id });
        }
        let policy = call.issuer().issuer.details.settings.security.on_token_reuse;
        opening::end_compromised(change, session, REUSE, policy == ReusePolicy::User).await?;
        devices::revoke_all(change, issuer, user).await?;
    }
    Ok(call.refusal(WORTHLESS))
}
