//! Who acts, and for whom: what an exchange presents.

use super::{ACCESS_TOKEN, DELEGATION, UNCOVERED};
use crate::agent::model::Agent;
use crate::client::model::{Client, OrganizationRestriction};
use crate::delegation::model::Delegation;
use crate::error::Refusal;
use crate::id::{AgentId, DelegationId, OrganizationId, SessionId, UserId, VerifierId};
use crate::membership::repository::EffectiveMembership;
use crate::oauth::bearer::{actors_live, genuine, is_denied};
use crate::oauth::client_authentication::Requester;
use crate::oauth::model::{AccessClaims, Actor, Dat};
use crate::oauth::token::refresh::active_op;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::scope::Scopes;
use crate::session::model::{SessionStatus, UserSession};
use crate::user::model::User;
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;
use crate::web::strength::Strength;

/// Whatever is wrong with the subject token (RFC 8693 §2.2.2).
const WRONG_SUBJECT: OAuthError = OAuthError::invalid_request("The subject token is not one that can be exchanged.");

/// Whatever is wrong with the actor token.
const WRONG_ACTOR: OAuthError = OAuthError::invalid_request("The actor token is not the agent's own for this issuer.");

/// The agent that will act.
pub(super) struct ActingAgent {
    /// It.
    pub agent: Agent,
    /// By which of its secrets it has called, if it has.
    pub verifier: Option<VerifierId>,
    /// The client that calls with its token, if one does.
    pub client: Option<Box<Client>>,
}

/// The agent that calls, or whose own token a client presents.
///
/// # Errors
/// `invalid_request` for an actor token that is no agent's own; `invalid_client` when the agent is not active.
pub(super) async fn acting_agent(
    call: &IssuerCall,
    form: &Parameters,
    requester: Requester,
) -> Result<ActingAgent, Refusal> {
    let named = match (form.get("actor_token"), form.get("actor_token_type")) {
        (None, None) => None,
        (Some(token), Some(ACCESS_TOKEN)) => Some(agent_of(call, token).await?),
        _ => return Err(OAuthError::invalid_request("actor_token_type does not fit actor_token.").into()),
    };
    match (requester, named) {
        (Requester::Agent(agent, verifier), named) => {
            if named.is_some_and(|named| named != agent.id) {
                return Err(WRONG_ACTOR.into());
            }
            Ok(ActingAgent { agent: *agent, verifier: Some(verifier), client: None })
        }
        (Requester::Client(client), Some(named)) => {
            const GONE: OAuthError = OAuthError::new(OAuthCode::InvalidClient, "The agent is not active.");
            let found = call.services().store.reads().agents().find(call.issuer_id(), named).await?;
            let agent = found.filter(Agent::is_active).ok_or(GONE)?;
            Ok(ActingAgent { agent, verifier: None, client: Some(client) })
        }
        (Requester::Client(_), None) => Err(OAuthError::invalid_request("actor_token is missing.").into()),
    }
}

/// The agent whose own token it is, for nobody but itself or the issuer: an API that was sent the token cannot pass it on.
async fn agent_of(call: &IssuerCall, token: &str) -> Result<AgentId, Refusal> {
    let claims = genuine(call, token).await?.ok_or(WRONG_ACTOR)?;
    let is_plain = claims.dat == Some(Dat::Agent) && claims.act.is_none() && claims.client_id == claims.sub;
    let is_kept = claims.aud.names_only(&[&claims.sub, &claims.iss, &call.iss()]);
    if !is_plain || !is_kept || is_denied(call, &claims).await? {
        return Err(WRONG_ACTOR.into());
    }
    Ok(claims.sub.parse().map_err(|_| WRONG_ACTOR)?)
}

/// For whom the agent will act.
pub(super) enum Subject {
    /// Whose token is presented.
    Token(Box<SubjectToken>),
    /// Whoever has given this record.
    Standing(DelegationId),
}

/// A token of a user, or one with which another agent acts for them.
pub(super) struct SubjectToken {
    /// What it says.
    pub claims: AccessClaims,
    /// Whose it is.
    pub user: User,
    session: Option<UserSession>,
    /// Of the client that the session belongs to.
    restriction: Option<OrganizationRestriction>,
}

/// For whom the agent will act.
///
/// # Errors
/// `invalid_request` for what cannot be exchanged; `invalid_grant` when session or user is not active.
pub(super) async fn subject(call: &IssuerCall, form: &Parameters) -> Result<Subject, Refusal> {
    let text = form.require("subject_token", "subject_token is missing.")?;
    match form.require("subject_token_type", "subject_token_type is missing.")? {
        ACCESS_TOKEN => Ok(Subject::Token(Box::new(token(call, text).await?))),
        DELEGATION => Ok(Subject::Standing(text.parse().map_err(|_| WRONG_SUBJECT)?)),
        _ => Err(OAuthError::invalid_request("subject_token_type is not supported.").into()),
    }
}

async fn token(call: &IssuerCall, text: &str) -> Result<SubjectToken, Refusal> {
    let claims = genuine(call, text).await?.ok_or(WRONG_SUBJECT)?;
    let is_users = claims.dat == Some(Dat::Identity) && claims.act.is_none() && claims.sid.is_some();
    let is_agents = claims.dat == Some(Dat::Agent) && claims.act.is_some();
    if !(is_users || is_agents) || is_denied(call, &claims).await? {
        return Err(WRONG_SUBJECT.into());
    }
    let user = active_user(call, claims.sub.parse().map_err(|_| WRONG_SUBJECT)?).await?;
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let session = match claims.sid {
        Some(id) => Some(active_session(call, id, user.id).await?),
        None => None,
    };
    if !actors_live(call, &claims).await? {
        return Err(if is_agents { UNCOVERED } else { WRONG_SUBJECT }.into());
    }
    // Of a chain, too, the client of the session is the one that may show organizations or not.
    let client = match session.as_ref().and_then(|session| session.kind.rp()) {
        Some(rp) => reads.clients().find(issuer, rp.client_id).await?,
        None => None,
    };
    let restriction = client.map(|client| client.details.settings.organizations);
    Ok(SubjectToken { claims, user, session, restriction })
}

async fn active_user(call: &IssuerCall, id: UserId) -> Result<User, Refusal> {
    const INACTIVE: OAuthError = OAuthError::invalid_grant("The user is not active.");
    let found = call.services().store.reads().users().find(call.issuer_id(), id).await?;
    Ok(found.filter(|user| user.status.value.may_authenticate()).ok_or(INACTIVE)?)
}

async fn active_session(call: &IssuerCall, id: SessionId, user: UserId) -> Result<UserSession, Refusal> {
    const ENDED: OAuthError = OAuthError::invalid_grant("The session behind the subject token is not active.");
    let found = call.services().store.reads().sessions().find(call.issuer_id(), id).await?;
    let session = found.filter(|found| found.user_id == user && found.status_at(call.now()) == SessionStatus::Active);
    let session = session.ok_or(ENDED)?;
    if active_op(call, &session).await?.is_some() { Ok(session) } else { Err(ENDED.into()) }
}

impl Subject {
    fn token(&self) -> Option<&SubjectToken> {
        match self {
            Self::Token(token) => Some(token),
            Self::Standing(_) => None,
        }
    }

    /// The user, who is active.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub(super) async fn user(&self, call: &IssuerCall, delegation: &Delegation) -> Result<User, Refusal> {
        match self {
            Self::Token(token) => Ok(token.user.clone()),
            Self::Standing(_) => active_user(call, delegation.user_id).await,
        }
    }

    /// Who acts already.
    pub(super) fn actor(&self) -> Option<&Actor> {
        self.token()?.claims.act.as_ref()
    }

    /// The organization that the token is selected to.
    pub(super) fn organization(&self) -> Option<OrganizationId> {
        self.token()?.claims.org_id
    }

    /// The session that the token belongs to.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.token()?.claims.sid
    }

    /// What the next agent cannot get beyond. A token of the user does not limit: all it says is looked up anew.
    pub(super) fn bound(&self) -> Option<Scopes> {
        let claims = &self.token().filter(|token| token.claims.act.is_some())?.claims;
        Some(claims.scope.split(' ').filter_map(|scope| scope.parse().ok()).collect())
    }

    /// Client and login let the agent see the membership. A standing grant comes from no login: it gives nothing where
    /// the organization asks for more than one factor, or for its own provider (D182).
    pub(super) fn shows(&self, held: &EffectiveMembership) -> bool {
        let session = self.token().and_then(|token| token.session.as_ref());
        let strength = session.map_or(Strength::OF_NO_LOGIN, Strength::of);
        let is_shown = |token: &SubjectToken| {
            let Some(restriction) = &token.restriction else { return true };
            // Of a client that works in all of them at once, the token limits nothing.
            let selected = if restriction.selects() { token.claims.org_id } else { None };
            restriction.shows(selected, held.org_id)
        };
        strength.satisfies(held) && self.token().is_none_or(is_shown)
    }
}
