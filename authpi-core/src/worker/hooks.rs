//! Calling the host for events (architecture section 6).

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::schedule::Next;
use crate::error::Refusal;
use crate::event::model::Event;
use crate::event::repository::Consumer;
use crate::transport::{HookFailure, Hooks};
use crate::web::services::Services;

/// Events of one look.
const BATCH: u32 = 8;

/// How often events are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the events of one look are this process's: longer than their calls are meant to take.
const LEASE: Duration = Duration::from_mins(5);

/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);

/// The pause after a call that failed.
const PAUSE: Duration = Duration::from_mins(1);

/// Calls the host for the next events, one after the other.
pub(super) async fn call(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(hooks) = services.hooks.clone() else { return Ok(Next::In(LEASE)) };
    // Nobody is kept from writing by a look at an empty outbox.
    if services.store.reads().events().waiting_since(Consumer::Hooks).await?.is_none() {
        return Ok(Next::In(LOOK_EVERY));
    }
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let events = unit.events().lease(Consumer::Hooks, now.plus(LEASE), BATCH).await?;
    unit.commit().await?;
    if events.is_empty() {
        return Ok(Next::In(LOOK_EVERY));
    }
    for event in events {
        let called = called(services, hooks.as_ref(), &event).await;
        let now = services.now();
        let mut unit = services.store.begin(now).await?;
        match called {
            Ok(()) => unit.events().outbox_done(Consumer::Hooks, &[event.id]).await?,
            Err(failure) => {
                metrics::counter!("authpi_hook_failures_total").increment(1);
                tracing::warn!(event = %event.id, kind = %event.kind, %failure, "the host could not be called for an event");
                unit.events().postpone(Consumer::Hooks, event.id, now.plus(PAUSE)).await?;
            }
        }
        unit.commit().await?;
    }
    Ok(Next::Now)
}

/// A panic of the host is a failure of this call alone, and so is a call that does not end.
async fn called(services: &Services, hooks: &dyn Hooks, event: &Event) -> Result<(), HookFailure> {
    let call = AssertUnwindSafe(hooks.on_event(event)).catch_unwind();
    match select(pin!(call), services.transport.executor.sleep(CALL)).await {
        Either::Left((Ok(called), _)) => called,
        Either::Left((Err(_), _)) => Err(HookFailure("it panicked".to_owned())),
        Either::Right(_) => Err(HookFailure("it took too long".to_owned())),
    }
}
