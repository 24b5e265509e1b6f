//! Points in time, to the millisecond.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Unix time in milliseconds, as stored and as written in API resources (conventions §4). The clock is a trait of
/// `transport`; this type never asks for the time.
///
/// Arithmetic saturates at the ends of the range and drops what a [`Duration`] has below a millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = 1_781_222_400_000_i64, description = "Unix time in milliseconds.")]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Unix seconds, rounded down, as JWT claims hold them (RFC 7519 §2, NumericDate).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The point `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// The point `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }

    /// The time that has passed since `earlier`; zero if that is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        if self > earlier { Duration::from_millis(self.0.abs_diff(earlier.0)) } else { Duration::ZERO }
    }

    /// The `updated_at` that follows this one in a change made at `now`: strictly later, so that two writes within one
    /// millisecond get different ETags (conventions §9).
    #[must_use]
    pub fn next_version(self, now: Self) -> Self {
        now.max(Self(self.0.saturating_add(1)))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const END: Timestamp = Timestamp::from_millis(i64::MAX);

    #[test]
    fn seconds_round_down() {
        let seconds = [-1001, -1000, -1, 0, 999, 1000].map(|millis| Timestamp::from_millis(millis).as_seconds());
        assert_eq!(seconds, [-2, -1, -1, 0, 0, 1]);
    }

    #[test]
    fn arithmetic_saturates() {
        let start = Timestamp::from_millis(i64::MIN);
        assert_eq!(Timestamp::from_millis(1).plus(Duration::MAX), END);
        assert_eq!(Timestamp::from_millis(-2).minus(Duration::MAX), start);
        assert_eq!(END.next_version(Timestamp::EPOCH), END);
        assert_eq!(END.since(start), Duration::from_millis(u64::MAX));
    }

    #[test]
    fn parts_of_a_millisecond_are_cut_off() {
        assert_eq!(Timestamp::EPOCH.plus(Duration::from_micros(1999)), Timestamp::from_millis(1));
    }

    #[test]
    fn json_is_an_integer() {
        assert_eq!(serde_json::to_value(Timestamp::from_millis(7)).ok(), Some(json!(7)));
        assert_eq!(serde_json::from_value(json!(-7)).ok(), Some(Timestamp::from_millis(-7)));
        assert!(serde_json::from_value::<Timestamp>(json!("7")).is_err());
        let schema = serde_json::to_value(<Timestamp as utoipa::PartialSchema>::schema()).ok();
        assert!(schema.is_some_and(|schema| schema.get("format") == Some(&json!("int64"))));
    }

    proptest! {
        #[test]
        fn since_undoes_plus(start in -1_i64 << 50..1 << 50, millis in 0_u64..1 << 50) {
            let (start, passed) = (Timestamp::from_millis(start), Duration::from_millis(millis));
            prop_assert_eq!(start.plus(passed).since(start), passed);
            prop_assert_eq!(start.plus(passed).minus(passed), start);
            prop_assert_eq!(start.since(start.plus(passed)), Duration::ZERO);
        }

        #[test]
        fn next_version_is_later_and_not_before_now(version in ..i64::MAX, now: i64) {
            let (version, now) = (Timestamp::from_millis(version), Timestamp::from_millis(now));
            prop_assert!(version.next_version(now) > version);
            prop_assert!(version.next_version(now) >= now);
        }
    }
}
