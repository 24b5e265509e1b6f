//! Who acted, and where the action came in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AgentId, ApiKeyId, ClientId, DelegationId, SessionId, TokenId, UserId};

/// Where an action came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// The Core API.
    Api,
    /// The IdP.
    Idp,
    /// A timer.
    Schedule,
    /// The instance itself, or its host in process.
    System,
}

impl Trigger {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Idp => "idp",
            Self::Schedule => "schedule",
            Self::System => "system",
        }
    }
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// A machine with an API key.
    ApiKey {
        /// The key.
        key_id: ApiKeyId,
    },
    /// A client with its own credential.
    Client {
        /// The client.
        client_id: ClientId,
    },
    /// An agent, for itself or for a user.
    Agent {
        /// The agent.
        agent_id: AgentId,
        /// Whom it acts for.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[schema(nullable = false)]
        user_id: Option<UserId>,
        /// By which record it may.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[schema(nullable = false)]
        delegation_id: Option<DelegationId>,
    },
    /// A person who is signed in, or about to.
    User {
        /// The person.
        user_id: UserId,
        /// The session of the access token.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[schema(nullable = false)]
        session_id: Option<SessionId>,
    },
    /// A person with a personal token.
    PersonalToken {
        /// The token.
        token_id: TokenId,
        /// The person.
        user_id: UserId,
    },
    /// The instance itself, or its host in process.
    System,
    /// Nobody known.
    Anonymous,
}

impl Actor {
    /// A person who presents no token.
    pub const fn user(user_id: UserId) -> Self {
        Self::User { user_id, session_id: None }
    }

    /// An agent that works for itself.
    pub const fn agent(agent_id: AgentId) -> Self {
        Self::Agent { agent_id, user_id: None, delegation_id: None }
    }

    /// The user among the acting ids, for the `user_id` filter of event lists.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } | Self::PersonalToken { user_id, .. } => Some(*user_id),
            Self::Agent { user_id, .. } => *user_id,
            _ => None,
        }
    }

    /// Somebody else than the user themselves acts. Nobody is anybody who signs up.
    pub fn is_other_than(&self, user: UserId) -> bool {
        *self != Self::Anonymous && self.user_id() != Some(user)
    }

    /// The client among the acting ids, for the `client_id` filter of event lists.
    pub const fn client_id(&self) -> Option<ClientId> {
        match self {
            Self::Client { client_id } => Some(*client_id),
            _ => None,
        }
    }

    /// How `status_by` names the actor when the caller names nobody.
    pub fn name(&self) -> String {
        match self {
            Self::ApiKey { key_id } => key_id.to_string(),
            Self::Client { client_id } => client_id.to_string(),
            Self::Agent { agent_id, .. } => agent_id.to_string(),
            Self::User { user_id, .. } | Self::PersonalToken { user_id, .. } => user_id.to_string(),
            Self::System => "system".to_owned(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}
