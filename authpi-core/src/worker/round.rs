//! A look at several parents in a row: one whose work fails keeps none of the others waiting.

use std::fmt::Display;
use std::time::Duration;

use super::schedule::Next;
use crate::error::Refusal;
use crate::store::{StoreError, StoreErrorKind};

/// Parents that one look tries at most.
pub(super) const PARENTS: u32 = 20;

/// How long a step rests at least after a failure that it passed over.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What became of the parents of one look.
pub(super) struct Round {
    step: &'static str,
    failed: bool,
}

impl Round {
    /// Begins a look of a step.
    pub(super) const fn of(step: &'static str) -> Self {
        Self { step, failed: false }
    }

    /// What the work on one parent asks for. Its failure is logged and the next parent's turn; only when the database
    /// does not answer, there is nothing to hope for from the others.
    pub(super) fn outcome<T>(
        &mut self,
        parent: impl Display,
        outcome: Result<Option<T>, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        match outcome {
            Err(Refusal::Store(StoreError { kind: StoreErrorKind::Unavailable, .. })) | Ok(_) => outcome,
            Err(refusal) => {
                self.failed = true;
                metrics::counter!("authpi_worker_failures_total", "step" => self.step).increment(1);
                if refusal.is_retryable() {
                    tracing::info!(step = self.step, %parent, %refusal, "work was overtaken and will be repeated");
                } else {
                    tracing::error!(step = self.step, %parent, %refusal, "work failed, is passed over, and will be repeated");
                }
                Ok(None)
            }
        }
    }

    /// A parent was passed over.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// When a step comes back that found nothing it could do.
    pub(super) fn rest(&self, pause: Duration) -> Next {
        Next::In(if self.failed { pause.max(AFTER_FAILURE) } else { pause })
    }
}
