//! Points in time as texts of the Gregorian calendar, for the few standards that want them so.

use crate::timestamp::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY_MILLIS: i64 = 86_400_000;

/// RFC 3339 in UTC with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let (days, millis) = (at.as_millis().div_euclid(DAY_MILLIS), at.as_millis().rem_euclid(DAY_MILLIS));
    let (year, month, day) = date(days);
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Date and time to the minute for people, the same in every language (ISO 8601, with a space).
pub fn utc_minutes(at: Timestamp) -> String {
    let (days, millis) = (at.as_millis().div_euclid(DAY_MILLIS), at.as_millis().rem_euclid(DAY_MILLIS));
    let (year, month, day) = date(days);
    let minutes = millis / 60_000;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// The preferred form of dates in HTTP headers, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
pub fn http_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut words = rest.split(' ');
    let day = number(words.next()?, 1..=31)?;
    let name = words.next()?;
    let month = MONTHS.iter().zip(1..).find_map(|(known, number)| (*known == name).then_some(number))?;
    let year = number(words.next()?, 1970..=9999)?;
    let mut clock = words.next()?.split(':');
    let hour = number(clock.next()?, 0..=23)?;
    let minute = number(clock.next()?, 0..=59)?;
    let second = number(clock.next()?, 0..=60)?;
    let is_whole = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    is_whole.then(|| Timestamp::from_millis(seconds * 1000))
}

fn number(digits: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|number| is_plain && range.contains(number))
}

/// Year, month and day of a day counted from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here,
/// so that the leap day comes last.
const fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// The reverse of [`date`].
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_781_222_400_123, "2026-06-12T00:00:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_millis(millis)), text);
        }
        let example = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(example, Some(Timestamp::from_millis(784_111_777_000)));
        for bad in [
            "",
            "120",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_day_has_one_date(day in -1_000_000_i64..3_000_000) {
            let (year, month, day_of_month) = date(day);
            prop_assert_eq!(days(year, month, day_of_month), day);
            prop_assert!((1..=12).contains(&month) && (1..=31).contains(&day_of_month));
        }
    }

    #[test]
    fn times_are_told_in_utc_to_the_minute() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_795_324_800, "2026-11-22 05:20 UTC"),
            (-60, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(utc_minutes(Timestamp::from_millis(seconds * 1000)), text);
        }
    }
}
