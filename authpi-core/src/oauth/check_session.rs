//! Session management in browsers (OpenID Connect Session Management 1.0; idp §18.3): a frame that clients ask whether the
//! user is still signed in.

use async_trait::async_trait;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::authorization::session_state;
use super::introspection::Never;
use crate::error::Refusal;
use crate::id::ClientId;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::pages::html::machine::CheckSession;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::cookies::CookieKind;
use crate::web::route::{RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `getCheckSessionFrame`
pub(super) struct Frame;

#[async_trait]
impl Runtime for Frame {
    type Prepared = Never;

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/check-session.html")
            .named("getCheckSessionFrame", "Get the frame that clients ask whether a session has changed")
            .about("oauth", "session")
            .of_issuer(RateClass::Session)
            .also_answers(&[(200, "text/html")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Never>, Refusal> {
        let page = CheckSession { endpoint: format!("{}/check-session", call.iss()) };
        Answer::html(StatusCode::OK, &call.frame(None), &page).map(Step::Answer)
    }

    async fn apply(&self, _: &mut Change<'_>, _: &IssuerCall, never: &Never) -> Result<Answer, Refusal> {
        match *never {}
    }
}

/// `checkSession`
pub(super) struct Check;

/// What the frame passes on.
#[derive(Debug, Deserialize, ToSchema)]
struct CheckSessionState {
    /// Who asks.
    #[schema(max_length = 64)]
    client_id: String,
    /// What it got with its code.
    #[schema(max_length = 256)]
    session_state: String,
    /// Origin of the page that asks; of one that nobody names, no session is valid.
    #[schema(max_length = 2048, nullable = false)]
    #[serde(default)]
    origin: Option<String>,
}

impl Body for CheckSessionState {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("CheckSessionState"))
    }
}

/// Whether the session is the one that the client knows.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedSession {
    /// Nothing has changed.
    valid: bool,
}

#[async_trait]
impl Runtime for Check {
    type Prepared = Never;

    fn route(&self) -> Route {
        Route::post("/{issuer_id}/check-session")
            .named("checkSession", "Compare a session state with the browser's")
            .about("oauth", "session")
            .of_issuer(RateClass::Session)
            .takes::<CheckSessionState>()
            .answers_bare::<CheckedSession>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Never>, Refusal> {
        const FOREIGN: OAuthError = OAuthError::new(OAuthCode::AccessDenied, "The page is not one of the client.");
        call.require_same_origin()?;
        let asked: CheckSessionState = call.json()?;
        let id: ClientId = asked.client_id.parse().map_err(|_| FOREIGN)?;
        let found = call.services().store.reads().clients().find(call.issuer_id(), id).await?;
        let client = found.ok_or(FOREIGN)?;
        let Some(origin) = asked.origin else {
            return Ok(Step::Answer(Answer::json(StatusCode::OK, &CheckedSession { valid: false })));
        };
        if !client.details.has_redirect_origin(&origin) {
            return Err(FOREIGN.into());
        }
        // In a frame of another site this cookie is the only one that comes along.
        let browser_state = call.cookie(CookieKind::OpBrowserState);
        let salt = asked.session_state.split_once('.').map(|(_, salt)| salt).unwrap_or_default();
        let expected = browser_state.map(|state| session_state(id, &origin, state, salt));
        let valid = expected.is_some_and(|expected| expected.as_bytes().ct_eq(asked.session_state.as_bytes()).into());
        Ok(Step::Answer(Answer::json(StatusCode::OK, &CheckedSession { valid })))
    }

    async fn apply(&self, _: &mut Change<'_>, _: &IssuerCall, never: &Never) -> Result<Answer, Refusal> {
        match *never {}
    }
}
