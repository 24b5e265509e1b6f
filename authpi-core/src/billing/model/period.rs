//! Months of the Gregorian calendar in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp::Timestamp;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// A month, as `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "2026-11")]
pub struct Period(i64);

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month of the form YYYY-MM")]
pub struct NoPeriod;

impl Period {
    /// The month that a moment is in.
    pub fn of(at: Timestamp) -> Self {
        let day = at.as_millis().div_euclid(DAY_MILLIS);
        // 400 years have 146,097 days. The guess is off by less than a month, which the comparison repairs.
        let guess = ((day + DAYS_BEFORE_EPOCH) * 4800).div_euclid(146_097) + 2;
        Self(if first_day(guess + 1) <= day {
            guess + 1
        } else if first_day(guess) > day {
            guess - 1
        } else {
            guess
        })
    }

    /// From [`Period::number`].
    pub const fn from_number(months: i64) -> Self {
        Self(months)
    }

    /// Months since January of the year 0.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The month that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its first moment.
    pub fn starts_at(self) -> Timestamp {
        Timestamp::from_millis(first_day(self.0) * DAY_MILLIS)
    }
}

/// The first day of a month, counted from 1970-01-01. A year is counted from March, so that the leap day is its last.
fn first_day(months: i64) -> i64 {
    let from_march = months - 2;
    let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 - DAYS_BEFORE_EPOCH
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let (year, month) = text.split_once('-').filter(|_| text.len() == 7).ok_or(NoPeriod)?;
        let number = |digits: &str, length: usize| -> Option<i64> {
            let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten()
        };
        let (year, month) = (number(year, 4).ok_or(NoPeriod)?, number(month, 2).ok_or(NoPeriod)?);
        if (1..=12).contains(&month) { Ok(Self(year * 12 + month - 1)) } else { Err(NoPeriod) }
    }
}

impl TryFrom<String> for Period {
    type Error = NoPeriod;

    fn try_from(text: String) -> Result<Self, NoPeriod> {
        text.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        let begins = [("1970-01", 0), ("2000-03", 951_868_800), ("2024-02", 1_706_745_600), ("2027-01", 1_798_761_600)];
        for (text, seconds) in begins {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.starts_at().as_seconds(), seconds, "{text}");
            assert_eq!(period.to_string(), text);
            assert_eq!(Period::of(period.starts_at()), period);
            let before = Timestamp::from_millis(period.starts_at().as_millis() - 1);
            assert_eq!(Period::of(before).next(), period);
        }
    }

    #[test]
    fn other_texts_are_no_month() {
        for text in ["", "2026", "2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "+026-01", "2026/01"] {
            assert_eq!(text.parse::<Period>(), Err(NoPeriod), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_in_its_month(millis in 0_i64..250_000_000_000_000) {
            let at = Timestamp::from_millis(millis);
            let period = Period::of(at);
            prop_assert!(period.starts_at() <= at && at < period.next().starts_at());
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }
}
