//! What is counted of deliveries and attempts (docs/monitoring.md).

use std::time::Duration;

use super::model::{AttemptOutcome, DeliveryStatus};

/// So many deliveries have come to this status.
pub(crate) fn came_to(status: DeliveryStatus, count: u64) {
    metrics::counter!("authpi_webhook_deliveries_total", "status" => status.as_str()).increment(count);
}

/// An attempt was made, and `took` that long.
pub(crate) fn attempted(outcome: &AttemptOutcome, took: Duration) {
    let outcome = match outcome {
        AttemptOutcome::Delivered { .. } => "delivered",
        AttemptOutcome::Gone => "gone",
        AttemptOutcome::Failed { .. } => "failed",
    };
    metrics::counter!("authpi_webhook_attempts_total", "outcome" => outcome).increment(1);
    metrics::histogram!("authpi_webhook_attempt_seconds").record(took);
}

/// So many deliveries were given up together, as nobody could attempt them in time.
pub(crate) fn gave_up(count: u64) {
    came_to(DeliveryStatus::Failed, count);
    expired(count);
}

/// So many deliveries were given up without a further attempt.
pub(crate) fn expired(count: u64) {
    metrics::counter!("authpi_webhook_attempts_total", "outcome" => "expired").increment(count);
}
