//! The token endpoint (RFC 6749 §3.2): who calls, which grant, and the answer.

mod authorization_code;
mod client_credentials;
mod exchange;
mod refresh;

use async_trait::async_trait;
use http::StatusCode;
use http::header::{CONTENT_TYPE, PRAGMA};
use serde::Serialize;
use utoipa::ToSchema;

use super::client_authentication::{Requester, authenticate};
use crate::client::model::{Client, GrantType};
use crate::error::Refusal;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::parameters::Parameters;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `exchangeToken`
pub(super) struct Token;

/// What a grant still has to do in a unit of work.
pub(super) enum Prepared {
    Code(authorization_code::CodeUse),
    Refresh(refresh::RefreshUse),
    Exchange(Box<exchange::Exchange>),
}

#[async_trait]
impl Runtime for Token {
    type Prepared = Prepared;

    fn route(&self) -> Route {
        let parameter = FormParameter::new;
        Route::post("/{issuer_id}/token")
            .named("exchangeToken", "Get tokens for a grant")
            .about("oauth", "token")
            .of_issuer(RateClass::Token)
            .shared_with_clients()
            .form([
                parameter("grant_type", "Which grant.").required(),
                parameter("client_id", "Who calls, unless HTTP Basic says so."),
                parameter("client_secret", "Its secret."),
                parameter("client_assertion_type", "`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`"),
                parameter("client_assertion", "A JWT that the client has signed (RFC 7523)."),
                parameter("code", "The code of the authorization."),
                parameter("redirect_uri", "As in the authorization request."),
                parameter("code_verifier", "The secret behind the challenge (RFC 7636)."),
                parameter("refresh_token", "The token to be replaced."),
                parameter("scope", "Scopes, separated by spaces."),
                parameter("resource", "Whom the token is for (RFC 8707).").repeatable(),
                parameter("org", "Selects an organization."),
                parameter(
                    "subject_token",
                    "For whom an agent will act: their access token, or the id of a delegation.",
                ),
                parameter("subject_token_type", "Which of the two."),
                parameter("actor_token", "The agent's own access token, where a client calls."),
                parameter("actor_token_type", "`urn:ietf:params:oauth:token-type:access_token`"),
                parameter("requested_token_type", "`urn:ietf:params:oauth:token-type:access_token`"),
                parameter("audience", "One more `resource`, in an exchange.").repeatable(),
            ])
            .answers_bare::<TokenResponse>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Prepared>, Refusal> {
        let form = call.form()?;
        form.distinct()?;
        let grant = form.require("grant_type", "grant_type is missing.")?;
        let requester = authenticate(call, form).await?;
        match grant {
            "client_credentials" => client_credentials::answer(call, form, requester).await.map(Step::Answer),
            "authorization_code" => Ok(authorization_code::prepare(call, form, requester).await?.map(Prepared::Code)),
            "refresh_token" => Ok(refresh::prepare(call, form, requester).await?.map(Prepared::Refresh)),
            exchange::GRANT => {
                let prepared = exchange::prepare(call, form, requester).await?;
                Ok(prepared.map(|made| Prepared::Exchange(Box::new(made))))
            }
            _ => {
                let rule = "The grant is not supported.";
                Err(OAuthError::new(OAuthCode::UnsupportedGrantType, rule).into())
            }
        }
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, prepared: &Prepared) -> Result<Answer, Refusal> {
        match prepared {
            Prepared::Code(code) => authorization_code::apply(change, call, code).await,
            Prepared::Refresh(refresh) => refresh::apply(change, call, refresh).await,
            Prepared::Exchange(made) => exchange::apply(change, call, made).await,
        }
    }
}

/// Tokens (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(super) struct TokenResponse {
    /// A JWT (RFC 9068).
    pub access_token: String,
    /// `Bearer`
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u32,
    /// Good for one refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh_token: Option<String>,
    /// Who signed in, for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id_token: Option<String>,
    /// Scopes of the access token.
    pub scope: String,
    /// What was issued (RFC 8693 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub issued_token_type: Option<&'static str>,
}

impl TokenResponse {
    /// An access token and nothing else.
    pub(super) fn access(access_token: String, expires_in: u32, scope: String) -> Self {
        let (refresh_token, id_token, issued_token_type) = (None, None, None);
        Self { access_token, token_type: "Bearer", expires_in, refresh_token, id_token, scope, issued_token_type }
    }

    /// An answer that was given before, byte for byte.
    pub(super) fn repeated(body: &[u8]) -> Answer {
        let mut answer = Answer::empty(StatusCode::OK).header(PRAGMA, "no-cache");
        answer = answer.header(CONTENT_TYPE, "application/json; charset=utf-8");
        answer.body = bytes::Bytes::copy_from_slice(body).into();
        answer
    }

    /// The answer, which nobody may store.
    pub(super) fn answer(&self) -> Answer {
        Answer::json(StatusCode::OK, self).header(PRAGMA, "no-cache")
    }
}

/// The client may use this grant.
pub(super) fn require_grant(client: &Client, grant: GrantType) -> Result<(), OAuthError> {
    if client.details.grant_types().contains(&grant) {
        Ok(())
    } else {
        Err(OAuthError::new(OAuthCode::UnauthorizedClient, "The client may not use this grant."))
    }
}

/// A client; agents use no grant of people.
pub(super) fn require_client(requester: Requester) -> Result<Box<Client>, OAuthError> {
    match requester {
        Requester::Client(client) => Ok(client),
        Requester::Agent(..) => Err(OAuthError::new(OAuthCode::UnauthorizedClient, "Agents may not use this grant.")),
    }
}

/// The parameters that every grant takes.
pub(super) struct Selection<'f> {
    /// `scope`, as it came.
    pub scope: Option<&'f str>,
    /// `org`
    pub org: Option<&'f str>,
}

impl<'f> Selection<'f> {
    pub(super) fn of(form: &'f Parameters) -> Self {
        Self { scope: form.get("scope"), org: form.get("org") }
    }
}
