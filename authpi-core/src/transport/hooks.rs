//! What a host wants to be called for.

use async_trait::async_trait;

use crate::event::catalogue::EventType;
use crate::event::model::Event;

/// Calls from the engine into its host. By default there are none.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Whether [`Hooks::on_event`] is called for events of this type. The answer must not change while the process runs,
    /// and has to be the same in all processes of a deployment: an event waits for its call from the commit on, if the
    /// process that commits it wants it.
    fn wants(&self, kind: EventType) -> bool {
        let _ = kind;
        false
    }

    /// Something has happened: its change is committed. Called at least once for each event that is wanted, normally
    /// within a second and in the order of ids, never inside a unit of work; a crash of the process
    /// repeats it, and a call of more than 30 seconds is dropped and has failed. Those behind a call that fails do not wait for it.
    ///
    /// # Errors
    /// Whatever went wrong: the call is repeated after a minute, until it succeeds or the event is no longer kept.
    async fn on_event(&self, event: &Event) -> Result<(), HookFailure>;
}

/// A call into the host failed. The text is logged; it must not name people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookFailure(pub String);
