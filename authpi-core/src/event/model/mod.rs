//! The event record (events-webhooks §1, §2).

mod actor;
mod context;
mod record;
mod subject;

pub use actor::{Actor, Trigger};
pub use context::{ContextDetail, ContextRecord, RequestContext, SaltedContext, SealedContext, context_seal};
pub use record::{DEFAULT_SOURCE, Event, EventDraft, SPEC};
pub use subject::Subject;
