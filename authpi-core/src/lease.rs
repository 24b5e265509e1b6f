//! Work that processes share: whoever tries it holds a lease on it, so that what a crash cut off is tried again.

use std::time::Duration;

use crate::timestamp::Timestamp;

/// Leases that may run out in a row before that counts as a failed attempt: something in this work ends the process.
pub const LOST_LEASES: u32 = 5;

/// The class of the failure that [`LOST_LEASES`] are.
pub const LEASE_EXPIRED: &str = "lease_expired";

/// How far work has come that is tried until it succeeds or is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Attempts that failed.
    pub attempts: u32,
    /// Leases taken since the last attempt that ended.
    pub taken: u32,
    /// When it is tried next; while somebody tries, when their lease ends.
    pub due_at: Timestamp,
}

impl Lease {
    /// Of what nobody has tried yet.
    pub const fn due(at: Timestamp) -> Self {
        Self { attempts: 0, taken: 0, due_at: at }
    }

    /// As somebody who tries it until `until` holds it. A lease that ran out costs no attempt.
    #[must_use]
    pub const fn leased(self, until: Timestamp) -> Self {
        Self { due_at: until, taken: self.taken.saturating_add(1), ..self }
    }

    /// So many leases ran out that this counts as a failed attempt.
    pub const fn is_lost(self) -> bool {
        self.taken > LOST_LEASES
    }

    /// As it is after another failure, with `pauses` before the second attempt and all that follow; `None` when it is
    /// given up.
    #[must_use]
    pub fn failed(self, pauses: &[Duration], now: Timestamp) -> Option<Self> {
        let pause = pauses.get(usize::try_from(self.attempts).ok()?)?;
        Some(Self { attempts: self.attempts + 1, taken: 0, due_at: now.plus(*pause) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Lease = Lease::due(Timestamp::EPOCH);

    fn later(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn it_is_due_again_after_each_pause_and_given_up_after_the_last() {
        let pauses = [Duration::from_secs(5), Duration::from_secs(30)];
        let first = START.leased(later(60)).failed(&pauses, later(1));
        assert_eq!(first, Some(Lease { attempts: 1, taken: 0, due_at: later(6) }));
        let second = first.and_then(|lease| lease.leased(later(60)).leased(later(90)).failed(&pauses, later(7)));
        assert_eq!(second, Some(Lease { attempts: 2, taken: 0, due_at: later(37) }));
        assert_eq!(second.and_then(|lease| lease.failed(&pauses, later(37))), None);
    }

    #[test]
    fn a_lost_lease_costs_no_attempt_and_a_sixth_counts_as_one() {
        let mut lease = START;
        for taken in 1..=5 {
            lease = lease.leased(later(30));
            assert!(!lease.is_lost());
            assert_eq!(lease, Lease { attempts: 0, taken, due_at: later(30) });
        }
        assert!(lease.leased(later(30)).is_lost());
    }
}
