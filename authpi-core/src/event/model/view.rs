//! The record on the wire, the same in lists, deliveries and exports (events-webhooks §1, §2).

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Actor, Event, RequestContext, SPEC, Subject, Trigger};
use crate::id::EventId;
use crate::timestamp::Timestamp;

/// An event on the wire: all ten members always, null where there is nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Version of the envelope.
    spec: &'static str,
    id: EventId,
    /// Reference of the request; all events of one request share it.
    trace: Option<String>,
    /// A name of the catalogue.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Emitting system.
    source: String,
    /// Where the action came in.
    trigger: Trigger,
    auth: EventAuth,
    subject: Subject,
    timestamp: Timestamp,
    /// What the type says; thin, without personal data.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
}

/// Who acted, and where the request came from, as far as that is known and not erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventAuth {
    #[serde(flatten)]
    actor: Actor,
    /// Address of the client.
    ip: Option<String>,
    /// `User-Agent` header.
    user_agent: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
}

impl EventView {
    /// The event and its context, as far as it is known and not erased.
    pub fn new(event: Event, context: RequestContext) -> Self {
        let RequestContext { country, ip, user_agent } = context;
        Self {
            spec: SPEC,
            id: event.id,
            trace: event.trace,
            kind: event.kind.as_str(),
            source: event.source,
            trigger: event.trigger,
            auth: EventAuth { actor: event.actor, ip, user_agent, country },
            subject: event.subject,
            timestamp: event.timestamp,
            data: Some(event.data).filter(|data| !data.is_empty()),
        }
    }

    /// Its id.
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// When it happened.
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}
