//! What came of one attempt (events-webhooks §9).

use std::fmt;
use std::time::Duration;

use crate::calendar::http_date;
use crate::lease::LEASE_EXPIRED;
use crate::timestamp::Timestamp;

/// What the receiver made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// 2xx.
    Delivered {
        /// The status.
        status: u16,
    },
    /// 410: never again.
    Gone,
    /// Anything else.
    Failed {
        /// Its class: no address, no text of the receiver.
        error: String,
        /// The status, where there was an answer.
        status: Option<u16>,
        /// How long the receiver wants to be left alone (429, 503).
        retry_after: Option<Duration>,
    },
}

impl AttemptOutcome {
    /// Of an answer: its status and `Retry-After`.
    pub fn answered(status: u16, retry_after: Option<&str>, now: Timestamp) -> Self {
        match status {
            200..300 => Self::Delivered { status },
            410 => Self::Gone,
            _ => Self::Failed {
                error: format!("http_{status}"),
                status: Some(status),
                retry_after: retry_after.filter(|_| matches!(status, 429 | 503)).and_then(|value| wait(value, now)),
            },
        }
    }

    /// Without an answer: the class of what went wrong.
    pub fn unanswered(class: impl fmt::Display) -> Self {
        Self::Failed { error: class.to_string(), status: None, retry_after: None }
    }

    /// A lease that ran out too often: nobody knows whether anything was sent.
    pub fn lease_expired() -> Self {
        Self::unanswered(LEASE_EXPIRED)
    }

    /// It arrived.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    /// `last_error` of the delivery.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Delivered { .. } => None,
            Self::Gone => Some("http_410".to_owned()),
            Self::Failed { error, .. } => Some(error.clone()),
        }
    }

    /// `last_response_status` of the delivery.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered { status } => Some(*status),
            Self::Gone => Some(410),
            Self::Failed { status, .. } => *status,
        }
    }
}

fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| http_date(value).map(|at| at.since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_747_000);

    fn outcome(status: u16, retry_after: Option<&str>) -> AttemptOutcome {
        AttemptOutcome::answered(status, retry_after, NOW)
    }

    #[test]
    fn answers_are_told_apart_by_their_status() {
        assert_eq!(outcome(204, None), AttemptOutcome::Delivered { status: 204 });
        assert_eq!(outcome(410, None), AttemptOutcome::Gone);
        for status in [199, 301, 400, 404, 500] {
            let error = format!("http_{status}");
            let failed = AttemptOutcome::Failed { error, status: Some(status), retry_after: None };
            assert_eq!(outcome(status, Some("60")), failed);
        }
    }

    #[test]
    fn an_overloaded_receiver_says_when_to_come_back() {
        let wait = |status, value| match outcome(status, Some(value)) {
            AttemptOutcome::Failed { retry_after, .. } => retry_after,
            _ => None,
        };
        assert_eq!(wait(429, "120"), Some(Duration::from_mins(2)));
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait(503, "soon"), None);
    }
}
