//! Introspection (RFC 7662): what a client may know of a token that was issued to it.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::bearer::{genuine, genuine_refresh, liveness};
use super::client_authentication::authenticate;
use super::model::{AccessClaims, RefreshClaims};
use crate::error::Refusal;
use crate::id::{MemberId, UserId};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::session::model::SessionStatus;
use crate::store::Change;
use crate::web::access_token::Liveness;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};
use crate::web::strength::Strength;

/// `introspect`
pub(super) struct Introspect;

/// Nothing is ever changed.
pub(super) enum Never {}

#[async_trait]
impl Runtime for Introspect {
    type Prepared = Never;

    fn route(&self) -> Route {
        let parameter = FormParameter::new;
        Route::post("/{issuer_id}/introspect")
            .named("introspect", "Ask about a token of one's own")
            .about("oauth", "token")
            .of_issuer(RateClass::Token)
            .form([
                parameter("token", "The token.").required(),
                parameter("token_type_hint", "`access_token` or `refresh_token`; has no say."),
                parameter("client_id", "Who calls, unless HTTP Basic says so."),
                parameter("client_secret", "Its secret."),
                parameter("client_assertion_type", "`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`"),
                parameter("client_assertion", "A JWT that the client has signed (RFC 7523)."),
            ])
            .answers_bare::<IntrospectionResponse>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Never>, Refusal> {
        let form = call.form()?;
        form.distinct()?;
        let token = form.require("token", "token is missing.")?;
        let requester = authenticate(call, form).await?;
        if !requester.is_confidential() {
            return Err(OAuthError::new(OAuthCode::InvalidClient, "Public clients cannot introspect tokens.").into());
        }
        let known = described(call, token, &requester.id()).await?;
        let body = known.unwrap_or_else(|| json!({ "active": false }));
        Ok(Step::Answer(Answer::json(StatusCode::OK, &body)))
    }

    async fn apply(&self, _: &mut Change<'_>, _: &IssuerCall, never: &Never) -> Result<Answer, Refusal> {
        match *never {}
    }
}

/// What is known of a token. An inactive one has `active` alone.
#[derive(ToSchema)]
#[schema(as = IntrospectionResponse)]
#[allow(dead_code, reason = "states the schema only")]
struct IntrospectionResponse {
    /// It is genuine, in its time, and all that it stands for is alive.
    active: bool,
    #[schema(nullable = false)]
    sub: Option<String>,
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Separated by spaces.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// Unix seconds.
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// `Bearer` or `refresh_token`.
    #[schema(nullable = false)]
    token_type: Option<String>,
}

/// The members of an active token that belongs to `requester`.
async fn described(call: &IssuerCall, token: &str, requester: &str) -> Result<Option<Value>, Refusal> {
    if let Some(claims) = genuine(call, token).await? {
        let theirs = claims.client_id == requester;
        if !theirs || liveness(call, &claims).await? != Liveness::Alive {
            return Ok(None);
        }
        return Ok(shown(call, claims).await?.as_ref().map(access));
    }
    let Some(claims) = genuine_refresh(call, token).await? else { return Ok(None) };
    let current = claims.client_id == requester && is_current(call, &claims).await?;
    Ok(current.then(|| active(serde_json::to_value(&claims), "refresh_token")))
}

/// The claims without organizations that by now ask for more than the login behind the token (D182); `None` when the
/// selected one does. What has changed about memberships waits for the next token.
async fn shown(call: &IssuerCall, mut claims: AccessClaims) -> Result<Option<AccessClaims>, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let (Some(entries), Ok(user)) = (claims.organizations.as_mut(), claims.sub.parse::<UserId>()) else {
        return Ok(Some(claims));
    };
    if entries.is_empty() {
        return Ok(Some(claims));
    }
    let session = match claims.sid {
        Some(id) => reads.sessions().find(issuer, id).await?,
        None => None,
    };
    let strength = session.as_ref().map_or(Strength::OF_NO_LOGIN, Strength::of);
    let held = reads.memberships().effective_scopes(issuer, MemberId::User(user)).await?;
    let asks_more = |id| held.iter().any(|held| held.org_id == id && !strength.satisfies(held));
    entries.retain(|entry| !asks_more(entry.id));
    Ok(if claims.org_id.is_some_and(asks_more) { None } else { Some(claims) })
}

fn access(claims: &AccessClaims) -> Value {
    active(serde_json::to_value(claims), "Bearer")
}

fn active(claims: Result<Value, serde_json::Error>, token_type: &str) -> Value {
    let mut body = claims.unwrap_or_else(|_| json!({}));
    if let Some(members) = body.as_object_mut() {
        members.remove("token_use");
        members.insert("active".to_owned(), true.into());
        members.insert("token_type".to_owned(), token_type.into());
    }
    body
}

/// The refresh token is the one that is current in a session that is active.
async fn is_current(call: &IssuerCall, claims: &RefreshClaims) -> Result<bool, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    if claims.exp <= call.now().as_seconds() {
        return Ok(false);
    }
    let grant = reads.grants().grant(issuer, claims.sid).await?;
    let session = reads.sessions().find(issuer, claims.sid).await?;
    let (Some(grant), Some(session)) = (grant, session) else { return Ok(false) };
    let user = reads.users().find(issuer, session.user_id).await?;
    Ok(grant.refresh_jti.as_deref() == Some(claims.jti.as_str())
        && session.status_at(call.now()) == SessionStatus::Active
        && user.is_some_and(|user| user.status.value.may_authenticate()))
}
