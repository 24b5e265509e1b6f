//! `UserInfo` (OpenID Connect Core §5.3): what the client of an access token may know of the user, as it is now.

use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::bearer::{ENDED, INVALID, liveness, presented, signed};
use super::model::{AccessClaims, ClaimsRequest, Dat};
use super::organizations::{OrganizationsClaim, described};
use super::profile;
use crate::client::model::Client;
use crate::error::Refusal;
use crate::id::{ClientId, MemberId, OrganizationId, SessionId, UserId};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::session::model::UserSession;
use crate::store::Change;
use crate::user::model::User;
use crate::web::access_token::Liveness;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};
use crate::web::strength::Strength;

/// Use that is noted is at least this much later than the use that was noted before.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// `getUserInfo` and `postUserInfo`
pub(super) struct UserInfo {
    /// GET or POST.
    pub method: Method,
}

/// What is answered, and the sessions whose use is to be noted.
pub(super) struct Noted {
    claims: Value,
    sessions: Vec<SessionId>,
}

#[async_trait]
impl Runtime for UserInfo {
    type Prepared = Noted;

    fn route(&self) -> Route {
        let path = "/{issuer_id}/userinfo";
        let route = if self.method == Method::GET {
            Route::get(path).named("getUserInfo", "Get the claims about the user of an access token")
        } else {
            let token = FormParameter::new("access_token", "The token, unless the header brings it.");
            Route::post(path).named("postUserInfo", "Get the claims about the user of an access token").form([token])
        };
        route
            .about("oauth", "claims")
            .of_issuer(RateClass::Session)
            .shared_with_clients()
            .answers_bare::<UserInfoResponse>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Noted>, Refusal> {
        let has_form = self.method == Method::POST && call.sends_form();
        let form = if has_form { Some(call.form()?) } else { None };
        let person = Person::of(call, presented(call, form)?).await?;
        let claims = Value::Object(person.claims(call).await?);
        let extends = call.issuer().issuer.details.settings.access.sessions.extend_on_activity;
        let is_due = call.now().since(person.session.lifetime.last_activity_at) >= NOTED_EVERY;
        if !extends || !is_due {
            return Ok(Step::Answer(Answer::json(StatusCode::OK, &claims)));
        }
        let op = person.session.kind.rp().map(|rp| rp.op_session_id);
        let sessions = std::iter::once(person.session.id).chain(op).collect();
        Ok(Step::Change(Noted { claims, sessions }))
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, noted: &Noted) -> Result<Answer, Refusal> {
        let now = change.now();
        for session in &noted.sessions {
            change.unit().sessions().touch(call.issuer_id(), *session, now).await?;
        }
        Ok(Answer::json(StatusCode::OK, &noted.claims))
    }
}

/// Claims about the user. Besides these, custom claims.
#[derive(ToSchema)]
#[schema(as = UserInfoResponse)]
#[allow(dead_code, reason = "states the schema only")]
struct UserInfoResponse {
    sub: String,
    /// What the user is where.
    #[schema(value_type = Vec<Object>)]
    organizations: Vec<Value>,
    /// Unix seconds.
    created_at: i64,
    /// Unix seconds.
    updated_at: i64,
    #[schema(nullable = false)]
    org_id: Option<OrganizationId>,
    #[schema(nullable = false)]
    email: Option<String>,
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    #[schema(nullable = false)]
    name: Option<String>,
}

/// The person behind an access token, with all that the token depends on alive.
pub(super) struct Person {
    /// What the token says.
    pub claims: AccessClaims,
    /// Who it is.
    pub user: User,
    /// The session that the token belongs to.
    pub session: UserSession,
    client: Client,
}

impl Person {
    /// The person behind a token.
    ///
    /// # Errors
    /// `invalid_token` and `session_expired`; `insufficient_scope` without `openid`.
    pub(super) async fn of(call: &IssuerCall, token: &str) -> Result<Self, Refusal> {
        let person = Self::with_any_scope(call, token).await?;
        if person.claims.scope.split(' ').any(|scope| scope == "openid") {
            return Ok(person);
        }
        Err(OAuthError::new(OAuthCode::InsufficientScope, "The access token lacks the scope openid.").into())
    }

    /// The same, whatever the scopes of the token. Tokens of machines, and of agents that act for somebody, are nobody's.
    ///
    /// # Errors
    /// `invalid_token` and `session_expired`.
    pub(super) async fn with_any_scope(call: &IssuerCall, token: &str) -> Result<Self, Refusal> {
        let claims = signed(call, token).await?.ok_or(INVALID)?;
        let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
        let client: ClientId = claims.client_id.parse().map_err(|_| INVALID)?;
        let client = reads.clients().find(issuer, client).await?.ok_or(INVALID)?;
        // Its pages may read why a token of theirs is refused, too: that it is too old, above all.
        call.share_with(client.details.origins());
        if !claims.is_in_time(call.now()) {
            return Err(INVALID.into());
        }
        if claims.dat != Some(Dat::Identity) || claims.act.is_some() {
            return Err(INVALID.into());
        }
        match liveness(call, &claims).await? {
            Liveness::Alive => {}
            Liveness::SessionEnded => return Err(ENDED.into()),
            Liveness::Dead => return Err(INVALID.into()),
        }
        let user: UserId = claims.sub.parse().map_err(|_| INVALID)?;
        let user = reads.users().find(issuer, user).await?.ok_or(INVALID)?;
        let session = reads.sessions().find(issuer, claims.sid.ok_or(INVALID)?).await?.ok_or(ENDED)?;
        Ok(Self { claims, user, session, client })
    }

    async fn claims(&self, call: &IssuerCall) -> Result<Map<String, Value>, Refusal> {
        let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
        let settings = &self.client.details.settings;
        let scopes: Vec<String> = self.claims.scope.split(' ').map(str::to_owned).collect();
        let grant = reads.grants().grant(issuer, self.session.id).await?;
        let asked = grant.and_then(|grant| grant.binding.claims).unwrap_or_else(ClaimsRequest::default);
        let mut claims = Map::from_iter([("sub".to_owned(), self.claims.sub.clone().into())]);
        let standard = profile::standard(&self.user);
        claims = profile::merged(claims, profile::selected(&standard, &scopes, &asked.userinfo, &settings.scopes));
        claims.insert("created_at".to_owned(), self.user.created_at.as_seconds().into());
        claims.insert("updated_at".to_owned(), self.user.updated_at.as_seconds().into());
        let held = reads.memberships().effective_scopes(issuer, MemberId::User(self.user.id)).await?;
        let (strength, selected) = (Strength::of(&self.session), self.claims.org_id);
        let entries = OrganizationsClaim::all_of_user(held, &settings.organizations, strength, selected);
        let entries = described(call, entries).await?;
        claims.insert("organizations".to_owned(), serde_json::to_value(entries).map_err(Refusal::internal)?);
        if let Some(selected) = selected {
            claims.insert("org_id".to_owned(), selected.to_string().into());
        }
        let definitions = &call.issuer().issuer.details.settings.users.custom_fields;
        Ok(profile::merged(claims, profile::custom(&self.user.details.custom_fields, definitions)))
    }
}
