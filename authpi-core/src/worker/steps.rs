//! The list of all steps.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::schedule::Next;
use super::{removal, sweeps};
use crate::error::Refusal;
use crate::web::services::Services;

/// A piece of background work.
pub(super) struct Step {
    /// Names it in logs and metrics.
    pub(super) name: &'static str,
    /// Waits until no other step runs. What has a deadline does not, nor what hardly does anything.
    pub(super) takes_turns: bool,
    /// At most one unit of work.
    pub(super) run: for<'s> fn(&'s Arc<Services>) -> BoxFuture<'s, Result<Next, Refusal>>,
}

const fn step(name: &'static str, run: for<'s> fn(&'s Arc<Services>) -> BoxFuture<'s, Result<Next, Refusal>>) -> Step {
    Step { name, takes_turns: true, run }
}

/// Every step. What removes a parent stands before what removes its children, so that one pass does most.
pub(super) const ALL: &[Step] = &[
    Step { takes_turns: false, ..step("buffered-events", |services| Box::pin(sweeps::buffered_events(services))) },
    step("organization-removal", |services| Box::pin(removal::organization(services))),
    step("idempotency-records", |services| Box::pin(sweeps::idempotency_records(services))),
    step("old-events", |services| Box::pin(sweeps::old_events(services))),
    step("rate-limits", |services| Box::pin(sweeps::rate_limits(services))),
];
