//! The limit that a customer puts on a key (core-api section 6): fixed windows, aligned to the epoch, whose uses are
//! counted in shared storage and taken from there in slices.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::timestamp::Timestamp;

/// A limit below this is counted use by use.
const EXACT_BELOW: u32 = 100;

/// An instance takes at most this part of what is left.
const SLICES: u32 = 10;

/// How often a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRateLimit)]
pub struct RateLimit {
    /// Uses in a window at most.
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub limit: u32,
    /// Length of a window; windows begin at its multiples since the epoch.
    #[schema(minimum = 1, maximum = 86_400)]
    pub window_seconds: u32,
    /// The share of the limit whose use is worth an alert.
    #[serde(default = "default_share")]
    #[schema(minimum = 0.1, maximum = 1.0)]
    pub alert_at: f64,
}

const fn default_share() -> f64 {
    0.8
}

impl RateLimit {
    /// The window that `now` is in.
    pub fn window(&self, now: Timestamp) -> UseWindow {
        let length = i64::from(self.window_seconds.max(1)) * 1000;
        let starts_at = Timestamp::from_millis(now.as_millis().div_euclid(length) * length);
        UseWindow { limit: self.limit, seconds: self.window_seconds, starts_at }
    }

    /// The number of the use that is worth an alert.
    pub fn alert_use(&self) -> u32 {
        // In millionths: a product of fractions of two is a little more than it looks and would be rounded up.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
        let millionths = (self.alert_at.clamp(0.0, 1.0) * 1e6).round() as u64;
        let uses = (u64::from(self.limit) * millionths).div_ceil(1_000_000);
        u32::try_from(uses).unwrap_or(self.limit).clamp(1, self.limit.max(1))
    }
}

/// A key that has a limit, and what its events name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitedKey {
    /// The key.
    pub id: ApiKeyId,
    /// Account that it belongs to.
    pub account_id: AccountId,
    /// Owning organization.
    pub org_id: OrganizationId,
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// Its limit.
    pub rate_limit: RateLimit,
}

/// One window of one limit. Another limit or another length is another window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseWindow {
    /// Uses at most.
    pub limit: u32,
    /// Length.
    pub seconds: u32,
    /// Begin.
    pub starts_at: Timestamp,
}

impl UseWindow {
    /// The first moment after it.
    pub fn ends_at(&self) -> Timestamp {
        self.starts_at.plus(Duration::from_secs(self.seconds.into()))
    }
}

/// What all instances together have taken of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UseCount {
    /// Uses taken.
    pub taken: u32,
    /// The alert was given.
    pub warned: bool,
    /// The first refusal was told.
    pub exceeded: bool,
}

/// What an instance got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "uses that are not spent are lost"]
pub struct TakenUses {
    /// Uses that are its own now; none when the window is used up.
    pub granted: u32,
    /// Uses that all instances have taken by now.
    pub taken: u32,
    /// It is to give the alert.
    pub warns: bool,
    /// It is to tell of the first refusal.
    pub tells_excess: bool,
}

impl UseCount {
    /// Takes the next slice. One never reaches over the use that is worth an alert, so that the alert comes with it.
    pub fn take(self, window: &UseWindow, alert_use: u32) -> (Self, TakenUses) {
        let left = window.limit.saturating_sub(self.taken);
        let before_alert = alert_use.saturating_sub(1).saturating_sub(self.taken);
        let slice = if window.limit < EXACT_BELOW { left.min(1) } else { (left / SLICES).max(1).min(left) };
        let granted = if before_alert > 0 { slice.min(before_alert) } else { slice };
        let taken = self.taken.saturating_add(granted);
        let warns = !self.warned && granted > 0 && taken >= alert_use;
        let tells_excess = !self.exceeded && granted == 0;
        let after = Self { taken, warned: self.warned || warns, exceeded: self.exceeded || tells_excess };
        (after, TakenUses { granted, taken, warns, tells_excess })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(limit: u32, alert_at: f64) -> RateLimit {
        RateLimit { limit, window_seconds: 60, alert_at }
    }

    #[test]
    fn the_alert_is_a_share_of_the_limit_rounded_up() {
        let uses = [(10, 0.8), (100, 0.55), (3, 0.5), (1, 0.1), (10, 0.7), (10_000_000, 1.0), (7, 0.1)];
        assert_eq!(uses.map(|(most, share)| limit(most, share).alert_use()), [8, 55, 2, 1, 7, 10_000_000, 1]);
    }

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        let window = limit(1, 0.8).window(Timestamp::from_millis(119_999));
        assert_eq!((window.starts_at.as_millis(), window.ends_at().as_millis()), (60_000, 120_000));
        assert_eq!(limit(1, 0.8).window(window.ends_at()).starts_at, window.ends_at());
        assert_ne!(limit(2, 0.8).window(window.starts_at), window);
    }

    #[test]
    fn a_small_limit_is_taken_one_by_one() {
        let window = limit(99, 0.8).window(Timestamp::EPOCH);
        let (_, taken) = UseCount::default().take(&window, 80);
        assert_eq!(taken.granted, 1);
    }

    proptest! {
        #[test]
        fn slices_add_up_to_the_limit_and_each_is_at_most_a_tenth_of_the_rest(most in 1_u32..1_000_000, share in 0.1..1.0_f64) {
            let limit = limit(most, share);
            let window = limit.window(Timestamp::EPOCH);
            let (mut count, mut spent, mut alerts) = (UseCount::default(), 0, Vec::new());
            loop {
                let left = most - count.taken;
                let (after, taken) = count.take(&window, limit.alert_use());
                prop_assert!(taken.granted <= (left / 10).max(1));
                if taken.warns {
                    alerts.push(count.taken + 1);
                }
                spent += taken.granted;
                count = after;
                if taken.granted == 0 {
                    prop_assert!(taken.tells_excess);
                    prop_assert!(!count.take(&window, limit.alert_use()).1.tells_excess, "told once");
                    break;
                }
            }
            prop_assert_eq!(spent, most);
            prop_assert_eq!(alerts, vec![limit.alert_use()]);
        }
    }
}
