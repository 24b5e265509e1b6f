//! The circuit breaker: a receiver that fails is left alone for a while (events-webhooks §10).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp::Timestamp;

/// Longest cooldown.
const LONGEST_COOLDOWN: Duration = Duration::from_hours(1);

/// Open for this long without one success: given up.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// When deliveries pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Deliveries pause at all.
    #[schema(default = true)]
    pub enabled: bool,
    /// Failed attempts in a row, over all deliveries, that open the circuit.
    #[schema(minimum = 1, maximum = 100, default = 10)]
    pub failure_threshold: u32,
    /// Before the first probe; doubles with each one that fails, up to an hour.
    #[schema(minimum = 10, maximum = 3600, default = 300)]
    pub cooldown_seconds: u32,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { enabled: true, failure_threshold: 10, cooldown_seconds: 300 }
    }
}

/// What is known of the receiver's health. Derived data: no part of the webhook's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Failed attempts in a row.
    pub failures: u32,
    /// Open; `None` is closed.
    pub open: Option<OpenCircuit>,
}

/// A circuit that is open, or half-open from `probe_at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    /// Since when nothing succeeded.
    pub since: Timestamp,
    /// From here on one probe may be sent.
    pub probe_at: Timestamp,
    /// Probes that have failed.
    pub probes: u32,
}

/// What an attempt did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitChange {
    /// Nothing that anybody is told.
    None,
    /// Deliveries pause.
    Opened,
    /// Deliveries go on.
    Closed,
    /// The receiver is given up.
    Exhausted,
}

impl Circuit {
    /// Nothing has failed.
    pub const CLOSED: Self = Self { failures: 0, open: None };

    /// When the next attempt may be made; `None` for at any time.
    pub fn blocked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.open.map(|open| open.probe_at).filter(|probe_at| *probe_at > now)
    }

    /// When the receiver is given up, unless an attempt succeeds before; `None` while the circuit is closed.
    pub fn given_up_at(&self) -> Option<Timestamp> {
        self.open.map(|open| open.since.plus(PATIENCE))
    }

    /// An attempt succeeded.
    pub const fn after_success(self) -> (Self, CircuitChange) {
        let change = if self.open.is_some() { CircuitChange::Closed } else { CircuitChange::None };
        (Self::CLOSED, change)
    }

    /// Half-open, and the probe is being made until `until`: others wait for what comes of it.
    #[must_use]
    pub fn probing(self, until: Timestamp) -> Self {
        Self { open: self.open.map(|open| OpenCircuit { probe_at: until, ..open }), ..self }
    }

    /// An attempt failed. One that was no probe says nothing of an open circuit: it was under way when that opened.
    pub fn after_failure(self, policy: &CircuitBreaker, is_probe: bool, now: Timestamp) -> (Self, CircuitChange) {
        let failures = self.failures.saturating_add(1);
        let Some(open) = self.open else {
            if !policy.enabled || failures < policy.failure_threshold {
                return (Self { failures, open: None }, CircuitChange::None);
            }
            let open = OpenCircuit { since: now, probe_at: now.plus(cooldown(policy, 0)), probes: 0 };
            return (Self { failures, open: Some(open) }, CircuitChange::Opened);
        };
        if !is_probe {
            return (Self { failures, open: Some(open) }, CircuitChange::None);
        }
        if now.since(open.since) >= PATIENCE {
            return (Self { failures, open: Some(open) }, CircuitChange::Exhausted);
        }
        let probes = open.probes.saturating_add(1);
        let open = OpenCircuit { probe_at: now.plus(cooldown(policy, probes)), probes, ..open };
        (Self { failures, open: Some(open) }, CircuitChange::None)
    }
}

fn cooldown(policy: &CircuitBreaker, probes: u32) -> Duration {
    let seconds = u64::from(policy.cooldown_seconds).saturating_mul(2_u64.saturating_pow(probes));
    Duration::from_secs(seconds).min(LONGEST_COOLDOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000);

    fn failed(circuit: Circuit, times: u32, now: Timestamp) -> (Circuit, Vec<CircuitChange>) {
        let policy = CircuitBreaker::default();
        let mut changes = Vec::new();
        let mut circuit = circuit;
        for _ in 0..times {
            let (after, change) = circuit.after_failure(&policy, true, now);
            circuit = after;
            changes.push(change);
        }
        (circuit, changes)
    }

    #[test]
    fn ten_failures_in_a_row_open_and_a_success_between_starts_anew() {
        let (nine, changes) = failed(Circuit::CLOSED, 9, START);
        assert!(changes.iter().all(|change| *change == CircuitChange::None));
        let (reset, change) = nine.after_success();
        assert_eq!((reset, change), (Circuit::CLOSED, CircuitChange::None));
        let (open, changes) = failed(nine, 1, START);
        assert_eq!(changes, [CircuitChange::Opened]);
        assert_eq!(open.blocked_until(START), Some(START.plus(Duration::from_mins(5))));
        assert_eq!(open.blocked_until(START.plus(Duration::from_mins(5))), None, "half-open");
        assert_eq!(open.after_success(), (Circuit::CLOSED, CircuitChange::Closed));
    }

    #[test]
    fn the_cooldown_doubles_up_to_an_hour_and_five_days_exhaust_it() {
        let (mut circuit, _) = failed(Circuit::CLOSED, 10, START);
        let mut minutes = Vec::new();
        let mut now = circuit.blocked_until(START).unwrap_or_default();
        for _ in 0..6 {
            let (after, changes) = failed(circuit, 1, now);
            assert_eq!(changes, [CircuitChange::None], "the pause was told already");
            circuit = after;
            let probe_at = after.blocked_until(now).unwrap_or_default();
            minutes.push(probe_at.since(now).as_secs() / 60);
            now = probe_at;
        }
        assert_eq!(minutes, [10, 20, 40, 60, 60, 60]);
        let (_, changes) = failed(circuit, 1, START.plus(Duration::from_hours(5 * 24)));
        assert_eq!(changes, [CircuitChange::Exhausted]);
    }

    #[test]
    fn attempts_that_were_under_way_when_it_opened_are_no_probes() {
        let (open, _) = failed(Circuit::CLOSED, 10, START);
        let late = START.plus(Duration::from_hours(1));
        let (still, change) = open.after_failure(&CircuitBreaker::default(), false, late);
        assert_eq!((still.open, still.failures, change), (open.open, 11, CircuitChange::None));
    }

    #[test]
    fn others_wait_for_a_probe_that_is_being_made() {
        let (open, _) = failed(Circuit::CLOSED, 10, START);
        let half_open = START.plus(Duration::from_mins(5));
        let until = half_open.plus(Duration::from_secs(45));
        let probing = open.probing(until);
        assert_eq!(probing.blocked_until(half_open), Some(until));
        assert_eq!(Circuit::CLOSED.probing(until), Circuit::CLOSED);
        let (after, _) = probing.after_failure(&CircuitBreaker::default(), true, half_open);
        assert_eq!(after.blocked_until(half_open), Some(half_open.plus(Duration::from_mins(10))));
    }

    #[test]
    fn a_breaker_that_is_off_never_opens() {
        let off = CircuitBreaker { enabled: false, ..CircuitBreaker::default() };
        let circuit = Circuit { failures: 1_000, open: None };
        assert_eq!(circuit.after_failure(&off, false, START).1, CircuitChange::None);
    }
}
