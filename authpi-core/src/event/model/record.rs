//! What is kept of something that happened (events-webhooks §1).

use serde_json::{Map, Value};

use super::{Actor, ContextRecord, Subject, Trigger};
use crate::event::catalogue::EventType;
use crate::id::EventId;
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
