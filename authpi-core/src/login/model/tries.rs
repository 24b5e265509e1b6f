//! What was presented in vain, and what that leads to (D160). Strangers and browsers that are known for the user are
//! counted apart, and names that nobody has are counted like any other.

use std::time::Duration;

use crate::seal::RootKey;
use crate::timestamp::Timestamp;

/// Failures in a row after which strangers are let try no more (NIST SP 800-63B-4 §3.2.2).
pub const MOST_IN_A_ROW: u32 = 100;

/// How long a count is kept after its last failure.
pub const TRIES_KEPT: Duration = Duration::from_hours(30 * 24);

/// What the key of counters is derived for.
const KEY_PURPOSE: &str = "login-tries";

/// Names a counter: nobody can tell from it whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriesKey([u8; 32]);

impl TriesKey {
    /// The counter of a name, for one method. `set_at` is when the credential was set: another one begins anew. `browser`
    /// stands for a browser that is known for the user; `None` are all others.
    pub fn of(root: &RootKey, name: &[u8; 32], method: &str, set_at: i64, browser: Option<&[u8; 32]>) -> Self {
        let set_at = set_at.to_be_bytes();
        let parts = [name.as_slice(), &set_at, browser.map_or(&[], <[u8; 32]>::as_slice), method.as_bytes()];
        Self(root.mac(KEY_PURPOSE, &parts.concat()))
    }

    /// From storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What failed since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// Since the last lock ended.
    pub failed: u32,
    /// In all.
    pub in_a_row: u32,
    /// Nothing is accepted before this.
    pub locked_until: Option<Timestamp>,
}

impl Tries {
    /// As they count at `now`: the end of a lock begins a new count.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.locked_until {
            Some(until) if until <= now => Self { failed: 0, locked_until: None, ..self },
            _ => self,
        }
    }

    /// After one more failure at `now`.
    #[must_use]
    pub fn failed_at(self, now: Timestamp, most: u32, lock: Duration) -> Self {
        let before = self.at(now);
        let failed = before.failed.saturating_add(1);
        let locks = failed >= most;
        Self {
            failed,
            in_a_row: before.in_a_row.saturating_add(1),
            locked_until: before.locked_until.or_else(|| locks.then(|| now.plus(lock))),
        }
    }

    /// Strangers have failed too often in a row.
    pub const fn is_exhausted(&self) -> bool {
        self.in_a_row >= MOST_IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: Duration = Duration::from_mins(15);

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn locks_come_and_go_and_a_hundred_failures_in_a_row_stay() {
        let mut tries = Tries::default();
        for round in 0..20 {
            for _ in 0..5 {
                assert!(tries.at(minute(round * 15)).locked_until.is_none());
                tries = tries.failed_at(minute(round * 15), 5, LOCK);
            }
            assert_eq!(tries.locked_until, Some(minute(round * 15 + 15)));
        }
        let later = tries.at(minute(1000));
        assert_eq!((later.failed, later.in_a_row, later.is_exhausted()), (0, 100, true));
    }

    #[test]
    fn counters_are_told_apart() {
        let root = RootKey::new([1; 32]);
        let key = |name: u8, method: &str, set_at: i64, browser: Option<u8>| {
            *TriesKey::of(&root, &[name; 32], method, set_at, browser.map(|byte| [byte; 32]).as_ref()).as_bytes()
        };
        let keys = [
            key(1, "password", 0, None),
            key(2, "password", 0, None),
            key(1, "email-otp", 0, None),
            key(1, "password", 1, None),
            key(1, "password", 0, Some(1)),
            key(1, "password", 0, Some(2)),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
