//! When a failed delivery is tried again (events-webhooks §9).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts at one delivery, the first one included.
    #[schema(minimum = 1, maximum = 15, default = 10)]
    pub max_attempts: u32,
    /// Before the second attempt.
    #[schema(minimum = 1, maximum = 3600, default = 30)]
    pub initial_delay_seconds: u32,
    /// By which each delay is longer than the last.
    #[schema(minimum = 1, maximum = 10, default = 4)]
    pub multiplier: u32,
    /// Longest delay; not less than the first.
    #[schema(minimum = 1, maximum = 86400, default = 43200)]
    pub max_delay_seconds: u32,
    /// For one attempt: connecting, sending, reading the answer.
    #[schema(minimum = 1, maximum = 30, default = 15)]
    pub timeout_seconds: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            initial_delay_seconds: 30,
            multiplier: 4,
            max_delay_seconds: 43_200,
            timeout_seconds: 15,
        }
    }
}

impl RetryPolicy {
    /// For one attempt.
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds as u64)
    }

    /// Longest delay.
    pub const fn max_delay(&self) -> Duration {
        Duration::from_secs(self.max_delay_seconds as u64)
    }

    /// How long to wait after the `attempts`th attempt. `jitter`, evenly distributed over its range, becomes ±20 %, so
    /// that what failed together is not tried together.
    pub fn delay(&self, attempts: u32, jitter: u16) -> Duration {
        let exponent = attempts.saturating_sub(1);
        let grown = u64::from(self.initial_delay_seconds)
            .saturating_mul(u64::from(self.multiplier).saturating_pow(exponent))
            .min(u64::from(self.max_delay_seconds));
        // 80 % and up to 40 % more.
        let millis = grown * 800 + grown * 400 * u64::from(jitter) / u64::from(u16::MAX);
        Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u16 = u16::MAX / 2 + 1;

    #[test]
    fn delays_grow_as_documented() {
        let policy = RetryPolicy::default();
        let delays: Vec<_> = (1..=9).map(|attempt| policy.delay(attempt, MIDDLE).as_secs()).collect();
        assert_eq!(delays, [30, 120, 480, 1920, 7680, 30720, 43200, 43200, 43200]);
        assert_eq!(policy.delay(u32::MAX, MIDDLE).as_secs(), 43_200);
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, 0), Duration::from_secs(24));
        assert_eq!(policy.delay(1, u16::MAX), Duration::from_secs(36));
    }
}
