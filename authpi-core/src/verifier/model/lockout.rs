//! What failed attempts lead to (`settings.security.lockout`).

use std::time::Duration;

use crate::timestamp::Timestamp;

/// When a credential is locked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Failures that lock it.
    pub max_attempts: u32,
    /// How long it stays locked.
    pub duration: Duration,
}

/// What was presented for a credential in vain since it was last accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many times.
    pub failed: u32,
    /// Nothing is accepted before this.
    pub locked_until: Option<Timestamp>,
}

impl Attempts {
    /// As they count at `now`: the end of a lock begins a new count.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if self.locked_until.is_some_and(|until| until <= now) { Self::default() } else { self }
    }

    /// Nothing is accepted before this, if anything is locked at `now`.
    pub fn locked_at(self, now: Timestamp) -> Option<Timestamp> {
        self.at(now).locked_until
    }

    /// After one more failure at `now`.
    #[must_use]
    pub fn failed_at(self, now: Timestamp, lockout: Lockout) -> Self {
        let before = self.at(now);
        let failed = before.failed.saturating_add(1);
        let locks = failed >= lockout.max_attempts;
        let locked_until = before.locked_until.or_else(|| locks.then(|| now.plus(lockout.duration)));
        Self { failed, locked_until }
    }

    /// How many more there may be at `now`.
    pub fn left_at(self, now: Timestamp, lockout: Lockout) -> u32 {
        let counted = self.at(now);
        if counted.locked_until.is_some() { 0 } else { lockout.max_attempts.saturating_sub(counted.failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Lockout = Lockout { max_attempts: 5, duration: Duration::from_mins(15) };

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn the_fifth_failure_locks_for_a_quarter_of_an_hour_and_the_count_begins_anew() {
        let mut attempts = Attempts::default();
        for failure in 1..=4 {
            attempts = attempts.failed_at(minute(0), FIVE);
            assert_eq!((attempts.locked_at(minute(0)), attempts.left_at(minute(0), FIVE)), (None, 5 - failure));
        }
        attempts = attempts.failed_at(minute(1), FIVE);
        assert_eq!((attempts.locked_at(minute(1)), attempts.left_at(minute(1), FIVE)), (Some(minute(16)), 0));
        assert_eq!(attempts.failed_at(minute(2), FIVE).locked_until, Some(minute(16)), "a lock does not grow");
        assert_eq!((attempts.locked_at(minute(16)), attempts.left_at(minute(16), FIVE)), (None, 5));
        assert_eq!(attempts.failed_at(minute(16), FIVE), Attempts { failed: 1, locked_until: None });
    }

    #[test]
    fn a_lower_limit_counts_what_failed_before_it() {
        let three = Attempts { failed: 3, locked_until: None };
        let strict = Lockout { max_attempts: 2, ..FIVE };
        assert_eq!(three.left_at(minute(0), strict), 0);
        assert_eq!(three.failed_at(minute(0), strict).locked_until, Some(minute(15)));
    }
}
