//! The event record (events-webhooks §1, §2).

mod actor;
mod chain;
mod context;
mod record;
mod subject;
mod view;

pub use actor::{Actor, Trigger};
pub use chain::{EventDigest, Head, Link, content};
pub use context::{ContextDetail, ContextRecord, RequestContext, SaltedContext, SealedContext, context_seal};
pub use record::{DEFAULT_SOURCE, Event, EventDraft, SPEC};
pub use subject::Subject;
pub use view::{EventAuth, EventView};
