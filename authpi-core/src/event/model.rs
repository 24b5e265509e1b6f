//! The event record (events-webhooks §1, §2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::catalogue::EventType;
use crate::id::{
    AccountId, AgentId, ApiKeyId, AuthMethodId, ClientId, DelegationId, DeviceId, EventId, GroupId, InvitationId,
    IssuerId, MemberId, OrganizationId, SessionId, TokenId, UserId, VerifierId, WebhookId,
};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// Version of the envelope, on the wire in `spec`.
pub const SPEC: &str = "1.0";

/// Default of `source`.
pub const DEFAULT_SOURCE: &str = "com.authpi/v1";

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unique; orders the events of one request.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// Emitting system.
    pub source: String,
    /// Where the action came in.
    pub trigger: Trigger,
    /// Reference of the request.
    pub trace: Option<String>,
    /// Who acted.
    pub actor: Actor,
    /// What it concerns.
    pub subject: Subject,
    /// When the change was made.
    pub timestamp: Timestamp,
    /// Per type; thin, without personal data.
    pub data: Map<String, Value>,
    /// Where the request came from, apart from the rest.
    pub context: ContextRecord,
}

/// What a room says about something that happened; [`Change::emit`](crate::store::Change::emit) adds who, when and
/// where.
#[derive(Clone, Debug)]
pub struct EventDraft {
    /// What happened.
    pub kind: EventType,
    /// What it concerns.
    pub subject: Subject,
    /// Per type; thin, without personal data.
    pub data: Map<String, Value>,
}

impl EventDraft {
    /// An event without data.
    pub fn new(kind: EventType, subject: Subject) -> Self {
        Self { kind, subject, data: Map::new() }
    }

    /// Adds a member to `data`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The sorted names of the changed top-level fields, as `*.updated` events carry them.
    #[must_use]
    pub fn with_changes(self, mut changes: Vec<String>) -> Self {
        changes.sort_unstable();
        changes.dedup();
        self.with("changes", changes)
    }
}

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
    },
    /// A person with an access token.
    User {
        /// The person.
        user_id: UserId,
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
    /// The user among the acting ids, for the `user_id` filter of event lists.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id } | Self::PersonalToken { user_id, .. } => Some(*user_id),
            Self::Agent { user_id, .. } => *user_id,
            _ => None,
        }
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
            Self::User { user_id } | Self::PersonalToken { user_id, .. } => user_id.to_string(),
            Self::System => "system".to_owned(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}

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

/// Where a request came from. Personal data of an acting user: kept apart from the event, sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    // In the order of canonical JSON (RFC 8785), which the salted hash is taken over.
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<String>,
    /// Address of the client.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ip: Option<String>,
    /// `User-Agent` header, at most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
}

impl RequestContext {
    /// Nothing is known.
    pub const fn is_empty(&self) -> bool {
        self.ip.is_none() && self.user_agent.is_none() && self.country.is_none()
    }
}

/// How much of the request context the events of an issuer keep (`settings.security.event_context`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextDetail {
    /// Address, user agent and country as they came.
    #[default]
    Full,
    /// IPv4 /24, IPv6 /48, browser family.
    Truncated,
    /// Nothing.
    None,
}

/// The context as it stands in the row: a salted hash that the chain covers, and the sealed text that can be erased.
#[derive(Clone, Debug)]
pub struct ContextRecord {
    /// HMAC under the event's salt over the canonical JSON of the context; zeros when there is none
    /// (events-webhooks §15).
    pub hash: [u8; 32],
    /// The context and its salt; gone after erasure.
    pub sealed: Option<SealedContext>,
}

impl ContextRecord {
    /// No context is known or wanted.
    pub const NONE: Self = Self { hash: [0; 32], sealed: None };
}

/// A request context under the root key of an issuer.
#[derive(Clone, Debug)]
pub struct SealedContext {
    /// Whose root key seals it.
    pub root: IssuerId,
    /// [`SaltedContext`] as JSON.
    pub sealed: Sealed,
}

/// What [`SealedContext`] holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaltedContext {
    /// 32 random bytes, hex.
    pub salt: String,
    /// The context.
    #[serde(flatten)]
    pub context: RequestContext,
}

/// What a sealed context is bound to.
pub fn context_seal(event: EventId) -> String {
    format!("event-context:{event}")
}

impl RequestContext {
    /// As much of it as an issuer wants to keep.
    #[must_use]
    pub fn reduced(&self, detail: ContextDetail) -> Self {
        match detail {
            ContextDetail::Full => self.clone(),
            ContextDetail::None => Self::default(),
            ContextDetail::Truncated => Self {
                ip: self.ip.as_deref().and_then(network),
                user_agent: self.user_agent.as_deref().map(family),
                country: self.country.clone(),
            },
        }
    }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 address.
fn network(ip: &str) -> Option<String> {
    match ip.parse().ok()? {
        std::net::IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0"))
        }
        std::net::IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string())
        }
    }
}

/// The browser family, or the first product token of other clients.
fn family(user_agent: &str) -> String {
    // Most specific first: nearly every browser also names the ones it descends from.
    const FAMILIES: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let known = FAMILIES.iter().find(|(mark, _)| user_agent.contains(mark));
    known.map_or_else(
        || user_agent.split(['/', ' ']).next().unwrap_or_default().chars().take(64).collect(),
        |(_, name)| (*name).to_owned(),
    )
}
