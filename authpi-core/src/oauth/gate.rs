//! The one gate to a token: nothing is signed but for somebody who has passed it, whatever the grant.

use crate::agent::model::Agent;
use crate::client::model::{Client, ClientStatus};
use crate::delegation::model::{Delegation, DelegationState};
use crate::error::Refusal;
use crate::id::SessionId;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::session::model::{SessionStatus, UserSession};
use crate::timestamp::Timestamp;
use crate::user::model::User;

/// Leave to sign the tokens of one subject, to one client or agent, of one session: what says so in the tokens must be
/// the same. Only the functions of this file give it.
#[derive(Debug)]
pub(super) struct Leave {
    sub: String,
    client_id: String,
    sid: Option<SessionId>,
}

impl Leave {
    /// For a client that works for itself.
    ///
    /// # Errors
    /// `unauthorized_client` unless it is active.
    pub(super) fn of_client(client: &Client) -> Result<Self, OAuthError> {
        require_client(client)?;
        let id = client.id.to_string();
        Ok(Self { sub: id.clone(), client_id: id, sid: None })
    }

    /// For an agent that works for itself.
    ///
    /// # Errors
    /// `unauthorized_client` unless it is active.
    pub(super) fn of_agent(agent: &Agent) -> Result<Self, OAuthError> {
        require_agent(agent)?;
        let id = agent.id.to_string();
        Ok(Self { sub: id.clone(), client_id: id, sid: None })
    }

    /// For a user, at a client that has a session, which came from one at the issuer.
    ///
    /// # Errors
    /// `invalid_grant` unless the user may sign in and both sessions go on; [`Refusal::Internal`] when they do not belong
    /// together.
    pub(super) fn of_user(
        user: &User,
        client: &Client,
        (session, op): (&UserSession, &UserSession),
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        require_client(client)?;
        if !user.status.value.may_authenticate() {
            return Err(OAuthError::invalid_grant("The user may not sign in.").into());
        }
        let comes_from = |rp: &crate::session::model::RpSession| rp.client_id == client.id && rp.op_session_id == op.id;
        if !session.kind.rp().is_some_and(comes_from) || [session.user_id, op.user_id] != [user.id; 2] {
            return Err(Refusal::internal("sessions of others"));
        }
        // One that has had no token yet is inactive.
        let goes_on = matches!(session.status_at(now), SessionStatus::Active | SessionStatus::Inactive);
        if !goes_on || op.status_at(now) != SessionStatus::Active {
            return Err(OAuthError::invalid_grant("The session has ended.").into());
        }
        Ok(Self { sub: user.id.to_string(), client_id: client.id.to_string(), sid: Some(session.id) })
    }

    /// For an agent that acts for a user under a delegation; `session` is the one that the user's own token is of.
    ///
    /// # Errors
    /// As [`Leave::of_agent`]; `invalid_grant` unless the user may sign in; `access_denied` unless the delegation is in
    /// force between the two.
    pub(super) fn of_delegation(
        delegation: &Delegation,
        agent: &Agent,
        user: &User,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        require_agent(agent)?;
        if !user.status.value.may_authenticate() {
            return Err(OAuthError::invalid_grant("The user may not sign in."));
        }
        let is_theirs = delegation.agent_id == agent.id && delegation.user_id == user.id;
        if !is_theirs || delegation.state(now) != DelegationState::Active {
            return Err(OAuthError::new(OAuthCode::AccessDenied, "The delegation is not in force."));
        }
        Ok(Self { sub: user.id.to_string(), client_id: agent.id.to_string(), sid: session })
    }

    /// Holds what a token says against whom the leave is for.
    ///
    /// # Errors
    /// [`Refusal::Internal`] for anybody else.
    pub(super) fn covers(&self, sub: &str, client_id: &str, sid: Option<SessionId>) -> Result<(), Refusal> {
        if self.sub == sub && self.client_id == client_id && self.sid == sid {
            return Ok(());
        }
        Err(Refusal::internal("a token for somebody who has not passed the gate"))
    }
}

fn require_client(client: &Client) -> Result<(), OAuthError> {
    match client.status.value {
        ClientStatus::Active => Ok(()),
        ClientStatus::Disabled => Err(OAuthError::new(OAuthCode::UnauthorizedClient, "The client is disabled.")),
    }
}

fn require_agent(agent: &Agent) -> Result<(), OAuthError> {
    if agent.is_active() {
        return Ok(());
    }
    Err(OAuthError::new(OAuthCode::UnauthorizedClient, "The agent is not active."))
}
