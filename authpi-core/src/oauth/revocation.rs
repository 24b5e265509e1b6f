//! Revocation (RFC 7009). Whatever is presented, the answer is 200: a token that is worth nothing is revoked.

use async_trait::async_trait;
use http::StatusCode;

use super::bearer::{genuine, genuine_refresh};
use super::client_authentication::{Requester, authenticate};
use super::model::OnceKey;
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::SessionId;
use crate::session::model::EndCause;
use crate::session::operations as sessions;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `revoke`
pub(super) struct Revoke;

/// What there is to revoke.
pub(super) enum Revoked {
    /// An access token, until its time is over.
    Access(OnceKey, Timestamp),
    /// The session of a refresh token, spent or not.
    Session(SessionId, Actor),
}

#[async_trait]
impl Runtime for Revoke {
    type Prepared = Revoked;

    fn route(&self) -> Route {
        let parameter = FormParameter::new;
        Route::post("/{issuer_id}/revoke")
            .named("revoke", "Revoke a token of one's own")
            .about("oauth", "token")
            .of_issuer(RateClass::Token)
            .shared_with_clients()
            .form([
                parameter("token", "The token.").required(),
                parameter("token_type_hint", "`access_token` or `refresh_token`; has no say."),
                parameter("client_id", "Who calls, unless HTTP Basic says so."),
                parameter("client_secret", "Its secret."),
                parameter("client_assertion_type", "`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`"),
                parameter("client_assertion", "A JWT that the client has signed (RFC 7523)."),
            ])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Revoked>, Refusal> {
        let form = call.form()?;
        form.distinct()?;
        let token = form.require("token", "token is missing.")?;
        let requester = authenticate(call, form).await?;
        Ok(match found(call, token, &requester).await? {
            Some(revoked) => Step::Change(revoked),
            None => Step::Answer(Answer::empty(StatusCode::OK)),
        })
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, revoked: &Revoked) -> Result<Answer, Refusal> {
        match revoked {
            Revoked::Access(token, until) => change.unit().grants().deny(call.issuer_id(), *token, *until).await?,
            Revoked::Session(session, actor) => {
                change.act_as(actor.clone());
                if let Some(session) = change.reads().sessions().find(call.issuer_id(), *session).await? {
                    let note = change.status_note(Some(EndCause::TokenRevoked.as_str().to_owned()), None);
                    sessions::end(change, session, EndCause::TokenRevoked, note).await?;
                }
            }
        }
        Ok(Answer::empty(StatusCode::OK))
    }
}

/// What the token stands for, if it was issued to whoever calls.
async fn found(call: &IssuerCall, token: &str, requester: &Requester) -> Result<Option<Revoked>, Refusal> {
    let id = requester.id();
    if let Some(claims) = genuine(call, token).await? {
        let key = OnceKey::of_token(&call.services().keyring.peppers, call.issuer_id(), &claims.jti);
        let until = Timestamp::from_millis(claims.exp.saturating_mul(1_000));
        return Ok((claims.client_id == id).then_some(Revoked::Access(key, until)));
    }
    let claims = genuine_refresh(call, token).await?.filter(|claims| claims.client_id == id);
    Ok(claims.map(|claims| Revoked::Session(claims.sid, requester.actor())))
}
