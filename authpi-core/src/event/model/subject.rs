//! What an event concerns.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{
    AccountId, AgentId, ApiKeyId, AuthMethodId, ClientId, DelegationId, DeviceId, GroupId, InvitationId, IssuerId,
    MemberId, OrganizationId, SessionId, TokenId, UserId, VerifierId, WebhookId,
};

/// The ids of what an event concerns; always the account, and the issuer when it is below one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// Tenant of the event.
    pub account_id: AccountId,
    /// The issuer it is below.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub issuer_id: Option<IssuerId>,
    /// The organization.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub org_id: Option<OrganizationId>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub user_id: Option<UserId>,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub client_id: Option<ClientId>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// The API key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub key_id: Option<ApiKeyId>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub group_id: Option<GroupId>,
    /// The credential of a user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub verifier_id: Option<VerifierId>,
    /// The personal token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub token_id: Option<TokenId>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub session_id: Option<SessionId>,
    /// The invitation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub invitation_id: Option<InvitationId>,
    /// The webhook.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub webhook_id: Option<WebhookId>,
    /// The login method.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub method_id: Option<AuthMethodId>,
    /// The domain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub domain: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub device_id: Option<DeviceId>,
    /// The delegation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub delegation_id: Option<DelegationId>,
}

impl Subject {
    /// Something of the account itself.
    pub const fn account(account_id: AccountId) -> Self {
        Self {
            account_id,
            issuer_id: None,
            org_id: None,
            user_id: None,
            client_id: None,
            agent_id: None,
            key_id: None,
            group_id: None,
            verifier_id: None,
            token_id: None,
            session_id: None,
            invitation_id: None,
            webhook_id: None,
            method_id: None,
            domain: None,
            device_id: None,
            delegation_id: None,
        }
    }

    /// Something below an issuer of the account.
    pub const fn issuer(account_id: AccountId, issuer_id: IssuerId) -> Self {
        let mut subject = Self::account(account_id);
        subject.issuer_id = Some(issuer_id);
        subject
    }

    /// Names the organization.
    #[must_use]
    pub const fn organization(mut self, id: OrganizationId) -> Self {
        self.org_id = Some(id);
        self
    }

    /// Names the user.
    #[must_use]
    pub const fn user(mut self, id: UserId) -> Self {
        self.user_id = Some(id);
        self
    }

    /// Names the credential of a user.
    #[must_use]
    pub const fn verifier(mut self, id: VerifierId) -> Self {
        self.verifier_id = Some(id);
        self
    }

    /// Names the client.
    #[must_use]
    pub const fn client(mut self, id: ClientId) -> Self {
        self.client_id = Some(id);
        self
    }

    /// Names the API key.
    #[must_use]
    pub const fn api_key(mut self, id: ApiKeyId) -> Self {
        self.key_id = Some(id);
        self
    }

    /// Names the personal token.
    #[must_use]
    pub const fn token(mut self, id: TokenId) -> Self {
        self.token_id = Some(id);
        self
    }

    /// Names the session.
    #[must_use]
    pub const fn session(mut self, id: SessionId) -> Self {
        self.session_id = Some(id);
        self
    }

    /// Names the invitation.
    #[must_use]
    pub const fn invitation(mut self, id: InvitationId) -> Self {
        self.invitation_id = Some(id);
        self
    }

    /// Names the webhook.
    #[must_use]
    pub const fn webhook(mut self, id: WebhookId) -> Self {
        self.webhook_id = Some(id);
        self
    }

    /// Names the login method.
    #[must_use]
    pub const fn auth_method(mut self, id: AuthMethodId) -> Self {
        self.method_id = Some(id);
        self
    }

    /// Names the domain.
    #[must_use]
    pub fn domain(mut self, name: &str) -> Self {
        self.domain = Some(name.to_owned());
        self
    }

    /// Names the device.
    #[must_use]
    pub const fn device(mut self, id: DeviceId) -> Self {
        self.device_id = Some(id);
        self
    }

    /// Names the delegation.
    #[must_use]
    pub const fn delegation(mut self, id: DelegationId) -> Self {
        self.delegation_id = Some(id);
        self
    }

    /// Names the group.
    #[must_use]
    pub const fn group(mut self, id: GroupId) -> Self {
        self.group_id = Some(id);
        self
    }

    /// Names the agent.
    #[must_use]
    pub const fn agent(mut self, id: AgentId) -> Self {
        self.agent_id = Some(id);
        self
    }

    /// Names the user or agent that is a member.
    #[must_use]
    pub const fn member(mut self, id: MemberId) -> Self {
        match id {
            MemberId::User(user) => self.user_id = Some(user),
            MemberId::Agent(agent) => self.agent_id = Some(agent),
        }
        self
    }
}
