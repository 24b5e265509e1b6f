//! What is counted of deliveries and attempts (docs/monitoring.md).

use std::time::Duration;

use super::model::{AttemptOutcome, Delivery, DeliveryStatus};
use crate::timestamp::Timestamp;

/// So many deliveries have come to this status.
pub(crate) fn came_to(status: DeliveryStatus, count: u64) {
    metrics::counter!("authpi_webhook_deliveries_total", "status" => status.as_str()).increment(count);
}

/// An attempt at `delivery` was made, which `took` that long until `now`.
pub(crate) fn attempted(delivery: &Delivery, outcome: &AttemptOutcome, took: Duration, now: Timestamp) {
    let word = match outcome {
        AttemptOutcome::Delivered { .. } => "delivered",
        AttemptOutcome::Gone => "gone",
        AttemptOutcome::Failed { .. } => "failed",
    };
    metrics::counter!("authpi_webhook_attempts_total", "outcome" => word).increment(1);
    metrics::histogram!("authpi_webhook_attempt_seconds").record(took);
    if delivery.first_attempted_at.is_none() {
        metrics::counter!("authpi_webhook_first_attempts_total", "outcome" => word).increment(1);
    }
    // What was queued anew, or is sent once more, was late long before.
    if outcome.is_success() && !delivery.status.is_final() && delivery.enqueued_at == delivery.created_at {
        metrics::histogram!("authpi_webhook_delay_seconds").record(now.since(delivery.created_at));
    }
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
