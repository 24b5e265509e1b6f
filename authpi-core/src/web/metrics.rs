//! What every request counts: how many, with which outcome, how long.

use http::StatusCode;

use crate::timestamp::Timestamp;

/// The name under which requests are counted that match no operation.
const UNKNOWN: &str = "unknown";

/// A request on its way.
pub(super) struct Measured {
    operation: &'static str,
    began: Timestamp,
}

impl Measured {
    /// Of the operation with this id, if the request matches one.
    pub(super) fn begin(operation: Option<&'static str>, now: Timestamp) -> Self {
        Self { operation: operation.unwrap_or(UNKNOWN), began: now }
    }

    /// The answer is ready. Its status is counted by class: a number each would multiply the time series.
    pub(super) fn finish(self, status: StatusCode, now: Timestamp) {
        let class = class(status);
        metrics::counter!("authpi_requests_total", "operation" => self.operation, "status" => class).increment(1);
        metrics::histogram!("authpi_request_duration_seconds", "operation" => self.operation)
            .record(now.since(self.began).as_secs_f64());
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}
