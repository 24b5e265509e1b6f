//! What a note is about, and what it can refer to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::id::{AgentId, ApiKeyId, ClientId, Id, IssuerId, OrganizationId, UserId, WebhookId};
use crate::words::words;

/// Kind of the resource that a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteSubjectType {
    /// A user of an issuer.
    User,
    /// An organization of an issuer.
    Org,
    /// An issuer.
    Issuer,
    /// A client of an issuer.
    Client,
    /// An agent of an issuer.
    Agent,
}

words!(NoteSubjectType: "user" => Self::User, "org" => Self::Org, "issuer" => Self::Issuer, "client" => Self::Client, "agent" => Self::Agent);

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteSubject {
    /// A user.
    User(UserId),
    /// An organization.
    Organization(OrganizationId),
    /// An issuer.
    Issuer(IssuerId),
    /// A client.
    Client(ClientId),
    /// An agent.
    Agent(AgentId),
}

impl NoteSubject {
    /// The resource of this kind with this id; `None` when the text is no id of the kind.
    pub fn parse(kind: NoteSubjectType, id: &str) -> Option<Self> {
        Some(match kind {
            NoteSubjectType::User => Self::User(id.parse().ok()?),
            NoteSubjectType::Org => Self::Organization(id.parse().ok()?),
            NoteSubjectType::Issuer => Self::Issuer(id.parse().ok()?),
            NoteSubjectType::Client => Self::Client(id.parse().ok()?),
            NoteSubjectType::Agent => Self::Agent(id.parse().ok()?),
        })
    }

    /// As storage keeps it.
    pub fn from_uuid(kind: NoteSubjectType, uuid: Uuid) -> Self {
        match kind {
            NoteSubjectType::User => Self::User(Id::from_uuid(uuid)),
            NoteSubjectType::Org => Self::Organization(Id::from_uuid(uuid)),
            NoteSubjectType::Issuer => Self::Issuer(Id::from_uuid(uuid)),
            NoteSubjectType::Client => Self::Client(Id::from_uuid(uuid)),
            NoteSubjectType::Agent => Self::Agent(Id::from_uuid(uuid)),
        }
    }

    /// Its kind.
    pub const fn kind(self) -> NoteSubjectType {
        match self {
            Self::User(_) => NoteSubjectType::User,
            Self::Organization(_) => NoteSubjectType::Org,
            Self::Issuer(_) => NoteSubjectType::Issuer,
            Self::Client(_) => NoteSubjectType::Client,
            Self::Agent(_) => NoteSubjectType::Agent,
        }
    }

    /// Its id without the kind.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Organization(id) => id.uuid(),
            Self::Issuer(id) => id.uuid(),
            Self::Client(id) => id.uuid(),
            Self::Agent(id) => id.uuid(),
        }
    }

    /// Its id on the wire.
    pub fn id(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Organization(id) => id.to_string(),
            Self::Issuer(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
            Self::Agent(id) => id.to_string(),
        }
    }
}

/// Kind of a resource that a note refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteRefType {
    /// A user of an issuer.
    User,
    /// An organization of an issuer.
    Org,
    /// An issuer.
    Issuer,
    /// A client of an issuer.
    Client,
    /// A webhook.
    Webhook,
    /// An API key.
    ApiKey,
}

words!(NoteRefType: "user" => Self::User, "org" => Self::Org, "issuer" => Self::Issuer, "client" => Self::Client, "webhook" => Self::Webhook, "api_key" => Self::ApiKey);

/// Something that a note refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "ref_type", content = "ref_id", rename_all = "snake_case")]
pub enum NoteTarget {
    /// A user.
    User(UserId),
    /// An organization.
    Org(OrganizationId),
    /// An issuer.
    Issuer(IssuerId),
    /// A client.
    Client(ClientId),
    /// A webhook.
    Webhook(WebhookId),
    /// An API key.
    ApiKey(ApiKeyId),
}

impl NoteTarget {
    /// The resource of this kind with this id; `None` when the text is no id of the kind.
    pub fn parse(kind: NoteRefType, id: &str) -> Option<Self> {
        Some(match kind {
            NoteRefType::User => Self::User(id.parse().ok()?),
            NoteRefType::Org => Self::Org(id.parse().ok()?),
            NoteRefType::Issuer => Self::Issuer(id.parse().ok()?),
            NoteRefType::Client => Self::Client(id.parse().ok()?),
            NoteRefType::Webhook => Self::Webhook(id.parse().ok()?),
            NoteRefType::ApiKey => Self::ApiKey(id.parse().ok()?),
        })
    }

    /// Its kind.
    pub const fn kind(self) -> NoteRefType {
        match self {
            Self::User(_) => NoteRefType::User,
            Self::Org(_) => NoteRefType::Org,
            Self::Issuer(_) => NoteRefType::Issuer,
            Self::Client(_) => NoteRefType::Client,
            Self::Webhook(_) => NoteRefType::Webhook,
            Self::ApiKey(_) => NoteRefType::ApiKey,
        }
    }

    /// Its id without the kind.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Org(id) => id.uuid(),
            Self::Issuer(id) => id.uuid(),
            Self::Client(id) => id.uuid(),
            Self::Webhook(id) => id.uuid(),
            Self::ApiKey(id) => id.uuid(),
        }
    }

    /// Its id on the wire.
    pub fn id(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Org(id) => id.to_string(),
            Self::Issuer(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
            Self::Webhook(id) => id.to_string(),
            Self::ApiKey(id) => id.to_string(),
        }
    }
}
