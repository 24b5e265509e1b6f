//! An event as it is delivered (events-webhooks §1, §2, §8). Members that are not known here are kept or passed over, so
//! that a newer sender breaks nobody; members that are promised are demanded.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What came: a CloudEvent of version 1.0, whose data is the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// `1.0`
    pub specversion: String,
    /// Id of the event, the same on every attempt.
    pub id: String,
    /// `com.authpi.webhooks/v1/` and the id of the webhook.
    pub source: String,
    /// Type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The most specific id of what the event is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// When the change was committed (RFC 3339).
    #[serde(default)]
    pub time: Option<String>,
    /// `application/json`
    #[serde(default)]
    pub datacontenttype: Option<String>,
    /// Extension: the account.
    #[serde(default)]
    pub accountid: Option<String>,
    /// Extension: the issuer.
    #[serde(default)]
    pub issuerid: Option<String>,
    /// Extension: the organization.
    #[serde(default)]
    pub orgid: Option<String>,
    /// The event.
    #[serde(rename = "data")]
    pub event: Event,
}

impl Envelope {
    /// Parses a body that is known to be genuine; `None` when it is no event, or says two things about itself.
    pub(crate) fn parse(id: &str, body: &[u8]) -> Option<Self> {
        let envelope: Self = serde_json::from_slice(body).ok()?;
        let event = &envelope.event;
        let agrees = envelope.specversion == "1.0"
            && envelope.id == id
            && event.id == id
            && event.kind == envelope.kind
            && !event.kind.is_empty();
        agrees.then_some(envelope)
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this record: `1.0`.
    pub spec: String,
    /// `evt_…`
    pub id: String,
    /// The request that caused it; all events of one request share it.
    #[serde(deserialize_with = "present")]
    pub trace: Option<String>,
    /// What has happened: one of [`kind`](crate::kind), or a type that is newer than this library.
    #[serde(rename = "type")]
    pub kind: String,
    /// The system that it happened in.
    pub source: String,
    /// How it came about: `api`, `idp`, `portal`, `console`, `schedule` or `system`.
    #[serde(deserialize_with = "present")]
    pub trigger: Option<String>,
    /// Who did it.
    #[serde(deserialize_with = "present")]
    pub auth: Option<Actor>,
    /// What it is about.
    #[serde(deserialize_with = "present_or_empty")]
    pub subject: Subject,
    /// Unix milliseconds of the commit. Deliveries overtake each other: order by it, then by `id`.
    pub timestamp: i64,
    /// What is particular to the type: an object or null.
    #[serde(deserialize_with = "object_or_null")]
    pub data: Value,
}

/// Ids of what an event is about, those that apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// Account.
    pub account_id: Option<String>,
    /// Issuer.
    pub issuer_id: Option<String>,
    /// User.
    pub user_id: Option<String>,
    /// Client.
    pub client_id: Option<String>,
    /// Organization.
    pub org_id: Option<String>,
    /// Agent.
    pub agent_id: Option<String>,
    /// API key.
    pub key_id: Option<String>,
    /// Personal token.
    pub token_id: Option<String>,
    /// Session.
    pub session_id: Option<String>,
    /// Password, passkey, code generator and the like.
    pub verifier_id: Option<String>,
    /// Group of an organization.
    pub group_id: Option<String>,
    /// Invitation.
    pub invitation_id: Option<String>,
    /// Webhook.
    pub webhook_id: Option<String>,
    /// Login method of an issuer.
    pub method_id: Option<String>,
    /// Name of a domain.
    pub domain: Option<String>,
    /// Trusted device.
    pub device_id: Option<String>,
    /// Delegation from a user to an agent.
    pub delegation_id: Option<String>,
    /// Ids of kinds that are not known here.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Who did something, and whence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// `api_key`, `user`, `agent`, `client`, `personal_token`, `system` or `anonymous`.
    #[serde(rename = "type")]
    pub kind: String,
    /// API key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// User; of an agent, the one that it acts for.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Agent.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// Client.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Personal token.
    #[serde(default)]
    pub token_id: Option<String>,
    /// Session.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Delegation under which an agent acts.
    #[serde(default)]
    pub delegation_id: Option<String>,
    /// Address of the caller, as far as the issuer keeps it. Personal: gone after the user's erasure.
    #[serde(default)]
    pub ip: Option<String>,
    /// What called. Personal, as `ip`.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// Country of the caller. Personal, as `ip`.
    #[serde(default)]
    pub country: Option<String>,
    /// What is not known here.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A member that may be null and must be there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(json)
}

fn present_or_empty<'de, D: Deserializer<'de>>(json: D) -> Result<Subject, D::Error> {
    Ok(present(json)?.unwrap_or_default())
}

fn object_or_null<'de, D: Deserializer<'de>>(json: D) -> Result<Value, D::Error> {
    Ok(present::<Map<_, _>, _>(json)?.map_or(Value::Null, Value::Object))
}
