//! `DELETE /consents/{client_id}` (idp §19): the user takes back what they agreed to.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;
use utoipa::ToSchema;

use super::bearer::presented;
use super::events;
use super::userinfo::Person;
use crate::error::Refusal;
use crate::event::model::{Actor, Subject};
use crate::id::{ClientId, UserId};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `revokeConsent`
pub(super) struct RevokeConsent;

/// Nothing is left to say.
#[derive(ToSchema)]
#[schema(as = RevokedConsent)]
#[allow(dead_code, reason = "states the schema only")]
struct RevokedConsent {}

#[async_trait]
impl Runtime for RevokeConsent {
    type Prepared = (UserId, ClientId);

    fn route(&self) -> Route {
        let mut route = Route::delete("/{issuer_id}/consents/{client_id}")
            .named("revokeConsent", "Take back the consent to a client")
            .about("oauth", "consent")
            .of_issuer(RateClass::Session)
            .shared_with_clients()
            .answers_bare::<RevokedConsent>();
        route.status = StatusCode::OK.as_u16();
        route
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<(UserId, ClientId)>, Refusal> {
        let token = presented(call, None)?;
        let person = match Person::with_any_scope(call, token).await {
            Err(Refusal::OAuth(error)) if error.code == OAuthCode::InvalidToken => {
                return Err(refusal_of_machines(call, token, error).await);
            }
            outcome => outcome?,
        };
        let (client,) = call.path()?;
        Ok(Step::Change((person.user.id, client)))
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &IssuerCall,
        (user, client): &(UserId, ClientId),
    ) -> Result<Answer, Refusal> {
        let issuer = call.issuer_id();
        change.act_as(Actor::user(*user));
        change.unit().users().lock(issuer, *user).await?.ok_or(Refusal::NotFound)?;
        if let Some(consent) = change.reads().grants().consent(issuer, *user, *client).await?
            && change.unit().grants().remove_consent(issuer, *user, *client).await?
        {
            let subject = Subject::issuer(change.account(), issuer).user(*user).client(*client);
            change.emit(events::consent_revoked(subject, &consent.scopes))?;
        }
        Ok(Answer::json(StatusCode::OK, &json!({})))
    }
}

/// A token that is genuine, but a machine's or an agent's for somebody, is refused as such.
async fn refusal_of_machines(call: &IssuerCall, token: &str, error: OAuthError) -> Refusal {
    match super::bearer::genuine(call, token).await {
        Ok(Some(claims)) if claims.sid.is_none() || claims.act.is_some() => {
            OAuthError::new(OAuthCode::AccessDenied, "Only people take back a consent.").into()
        }
        Ok(_) => error.into(),
        Err(refusal) => refusal,
    }
}
