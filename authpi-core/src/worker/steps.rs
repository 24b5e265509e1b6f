//! The list of all steps.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::schedule::Next;
use super::{removal, sweeps};
use crate::error::Refusal;
use crate::web::services::Services;

type Run = for<'s> fn(&'s Arc<Services>) -> BoxFuture<'s, Result<Next, Refusal>>;

/// A piece of background work.
pub(super) struct Step {
    /// Names it in logs and metrics.
    pub(super) name: &'static str,
    /// Waits until no other step runs. What has a deadline does not, nor what only waits for the CPU.
    pub(super) takes_turns: bool,
    /// At most one unit of work.
    pub(super) run: Run,
}

const fn in_turn(name: &'static str, run: Run) -> Step {
    Step { name, takes_turns: true, run }
}

const fn beside(name: &'static str, run: Run) -> Step {
    Step { name, takes_turns: false, run }
}

/// Every step. What removes a parent stands before what removes its children, so that one pass does most.
pub(super) const ALL: &[Step] = &[
    beside("buffered-events", |services| Box::pin(sweeps::buffered_events(services))),
    in_turn("organization-removal", |services| Box::pin(removal::organization(services))),
    in_turn("client-removal", |services| Box::pin(removal::clients(services))),
    in_turn("expired-api-keys", |services| Box::pin(sweeps::expired_api_keys(services))),
    in_turn("idempotency-records", |services| Box::pin(sweeps::idempotency_records(services))),
    in_turn("old-events", |services| Box::pin(sweeps::old_events(services))),
    in_turn("rate-limits", |services| Box::pin(sweeps::rate_limits(services))),
];
