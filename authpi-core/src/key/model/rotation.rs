//! When signing keys are made, used and withdrawn.
//!
//! A rotation is due on the last day of each month at 01:00 UTC. Its keys are made and published 24 h earlier, so that
//! every cache knows them when they begin to sign. All functions take the instant they judge; none reads a clock.

use std::time::Duration;

use crate::key::model::{Algorithm, SigningKey};
use crate::timestamp::Timestamp;

/// How long a new key is published before it signs.
pub const PUBLISHED_AHEAD: Duration = Duration::from_hours(24);

/// No key is withdrawn younger than this.
pub const MINIMUM_AGE: Duration = Duration::from_hours(45 * 24);

/// How long a key stays published after it last could sign: the longest life of a token, 21 days, and a day of margin.
pub const OVERLAP: Duration = Duration::from_hours(22 * 24);

/// How long a key is kept after it last could sign. What it signed can be shown until then: a personal token lives for
/// 366 days at most. An older ID token is no hint any more.
pub const KEPT: Duration = Duration::from_hours(400 * 24);

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
const DUE_HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// The first rotation after `after` (never `after` itself): a last day of a month, 01:00 UTC.
pub fn rotation_due_at(after: Timestamp) -> Timestamp {
    let (year, month) = month_of(after.as_millis().div_euclid(DAY_MILLIS));
    let this_month = due_in(year, month);
    if this_month > after { this_month } else { due_in(year, month + 1) }
}

/// When the generation after one made at `newest_created_at` is to be made: 24 h before the rotation it serves. Keys
/// made within the last 24 h before a rotation, or late, already are its generation.
pub fn next_generation_at(newest_created_at: Timestamp) -> Timestamp {
    rotation_due_at(newest_created_at.plus(PUBLISHED_AHEAD)).minus(PUBLISHED_AHEAD)
}

/// Whether the next generation is to be made now, in time or late. However many rotations were missed, one makes up
/// for all of them.
pub fn is_rotation_due(newest_created_at: Timestamp, now: Timestamp) -> bool {
    now >= next_generation_at(newest_created_at)
}

/// When a key made `now` begins to sign: 24 h later, or at once where no older key of its algorithm may sign: the first
/// key of an issuer, and the successor of a compromised one.
pub fn activation(now: Timestamp, has_active_older_key: bool) -> Timestamp {
    if has_active_older_key { now.plus(PUBLISHED_AHEAD) } else { now }
}

/// The key that signs with `algorithm`: the newest of those activated by `now` that are in nobody else's hands.
pub fn signer(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
    let may_sign = |key: &&SigningKey| key.algorithm == algorithm && key.activates_at <= now;
    keys.iter().filter(may_sign).filter(|key| key.compromised_at.is_none()).max_by_key(|key| seniority(key))
}

/// The keys an issuer shows to the world, in the order given. `keys` must hold all, those in wrong hands too: what one of
/// them had succeeded is not trusted anew because it is gone.
///
/// A key is left out from the first rotation on at which it is [`MINIMUM_AGE`] old and [`OVERLAP`] has passed since a
/// newer key of its algorithm took over. Until then a token it signed may be alive. So a set normally holds two
/// generations, and three in the 24 h before a rotation.
pub fn published(keys: &[SigningKey], now: Timestamp) -> Vec<&SigningKey> {
    let is_trusted = |key: &&SigningKey| key.compromised_at.is_none();
    keys.iter().filter(is_trusted).filter(|key| withdrawn_at(keys, key).is_none_or(|instant| now < instant)).collect()
}

/// When the next of the keys that are published `now` leaves the set.
pub fn next_withdrawal(keys: &[SigningKey], now: Timestamp) -> Option<Timestamp> {
    published(keys, now).into_iter().filter_map(|key| withdrawn_at(keys, key)).min()
}

/// When `key` leaves the published set; `None` while nothing succeeds it.
fn withdrawn_at(keys: &[SigningKey], key: &SigningKey) -> Option<Timestamp> {
    let succeeded_at = keys
        .iter()
        .filter(|other| other.algorithm == key.algorithm && seniority(other) > seniority(key))
        .map(|other| other.activates_at)
        .min()?;
    let safe_at = succeeded_at.plus(OVERLAP).max(key.created_at.plus(MINIMUM_AGE));
    Some(rotation_due_at(safe_at.minus(Duration::from_millis(1))))
}

/// Orders keys from the oldest to the newest. The generation decides, because clocks of several nodes differ; the name
/// only makes the order total.
fn seniority(key: &SigningKey) -> (u32, Timestamp, uuid::Uuid) {
    (key.generation, key.created_at, key.kid)
}

/// The rotation within a month; month 13 is the January that follows.
fn due_in(year: i64, month: i64) -> Timestamp {
    let last_day = first_day(year, month + 1) - 1;
    Timestamp::from_millis(last_day.saturating_mul(DAY_MILLIS).saturating_add(DUE_HOUR_MILLIS))
}

/// Days from 1970-01-01 to the first of a month of the Gregorian calendar. Months over 12 run into the next year.
///
/// A year is counted from March, so that the leap day is its last and the lengths of the months before it follow one
/// line, 30.6 days each.
fn first_day(year: i64, month: i64) -> i64 {
    let months = year * 12 + month - 3;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 - DAYS_BEFORE_EPOCH
}

/// From 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// Year and month (1 to 12) of a day counted from 1970-01-01.
fn month_of(day: i64) -> (i64, i64) {
    // 400 years have 146,097 days. The guess is off by less than a month, which the comparison repairs.
    let months = ((day + DAYS_BEFORE_EPOCH) * 4800).div_euclid(146_097) + 2;
    let split = |months: i64| (months.div_euclid(12), months.rem_euclid(12) + 1);
    let begins_by = |months: &i64| {
        let (year, month) = split(*months);
        first_day(year, month) <= day
    };
    split([months + 1, months, months - 1].into_iter().find(begins_by).unwrap_or(months - 2))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::{Id as _, IssuerId};
    use crate::key::model::{PublicJwk, PublicMaterial};
    use crate::seal::Sealed;

    const HOUR: Duration = Duration::from_hours(1);
    const MILLISECOND: Duration = Duration::from_millis(1);

    /// An instant by its calendar date, through another formula than the one under test.
    fn at(year: i64, month: i64, day: i64, hour: i64) -> Timestamp {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut days: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
        let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        days += lengths.iter().take(usize::try_from(month - 1).unwrap()).sum::<i64>() + day - 1;
        Timestamp::from_millis((days * 24 + hour) * 3_600_000)
    }

    fn key(algorithm: Algorithm, generation: u32, created_at: Timestamp, activates_at: Timestamp) -> SigningKey {
        let kid = Uuid::from_u128(u128::from(generation) + 1);
        SigningKey {
            kid,
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            algorithm,
            public: PublicJwk::new(kid, PublicMaterial::Ed25519 { x: [0; 32] }),
            sealed: Sealed::from_bytes(Vec::new()),
            created_at,
            activates_at,
            generation,
            compromised_at: None,
        }
    }

    fn generations(keys: &[&SigningKey]) -> Vec<u32> {
        keys.iter().map(|key| key.generation).collect()
    }

    #[test]
    fn rotation_is_due_on_the_last_day_of_the_month_at_one() {
        let cases = [
            (at(1970, 1, 1, 0), at(1970, 1, 31, 1)),
            (at(2026, 1, 10, 5), at(2026, 1, 31, 1)),
            (at(2026, 1, 31, 0), at(2026, 1, 31, 1)),
            (at(2026, 1, 31, 1), at(2026, 2, 28, 1)),
            (at(2026, 1, 31, 23), at(2026, 2, 28, 1)),
            (at(2024, 2, 28, 12), at(2024, 2, 29, 1)),
            (at(2024, 2, 29, 1), at(2024, 3, 31, 1)),
            (at(2000, 2, 1, 0), at(2000, 2, 29, 1)),
            (at(2100, 2, 1, 0), at(2100, 2, 28, 1)),
            (at(2026, 12, 31, 1), at(2027, 1, 31, 1)),
            (at(2026, 11, 30, 2), at(2026, 12, 31, 1)),
        ];
        for (after, due) in cases {
            assert_eq!(rotation_due_at(after), due, "{after:?}");
        }
        assert_eq!(rotation_due_at(at(2026, 1, 31, 1).minus(MILLISECOND)), at(2026, 1, 31, 1));
        // `date -u -d '2026-11-30 01:00' +%s`
        assert_eq!(rotation_due_at(at(2026, 11, 22, 0)), Timestamp::from_millis(1_796_000_400_000));
    }

    #[test]
    fn the_calendar_holds_for_every_day_of_eight_centuries() {
        let mut day = 0;
        for year in 1970..2770 {
            for month in 1..=12 {
                let first = at(year, month, 1, 0).as_millis() / DAY_MILLIS;
                assert_eq!(first_day(year, month), first, "{year}-{month}");
                let next = first_day(year, month + 1);
                while day < next {
                    assert_eq!(month_of(day), (year, month), "day {day}");
                    day += 1;
                }
            }
        }
        for (before, month) in [(-1, (1969, 12)), (-31, (1969, 12)), (-32, (1969, 11)), (-719_528, (0, 1))] {
            assert_eq!(month_of(before), month);
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for millis in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let instant = Timestamp::from_millis(millis);
            let due = rotation_due_at(instant);
            assert!(due > instant || millis >= i64::MAX - 1);
            let _ = (next_generation_at(instant), is_rotation_due(instant, instant), activation(instant, true));
        }
    }

    #[test]
    fn the_next_generation_is_made_a_day_before_the_rotation() {
        let created = at(2026, 1, 10, 0);
        assert_eq!(next_generation_at(created), at(2026, 1, 30, 1));
        assert!(!is_rotation_due(created, at(2026, 1, 30, 1).minus(MILLISECOND)));
        assert!(is_rotation_due(created, at(2026, 1, 30, 1)));
        assert!(is_rotation_due(created, at(2026, 1, 31, 1)));
    }

    #[test]
    fn a_rotation_happens_once() {
        for made in [at(2026, 1, 30, 1), at(2026, 1, 30, 20), at(2026, 1, 31, 1), at(2026, 2, 2, 0)] {
            assert!(!is_rotation_due(made, made), "{made:?}");
            assert_eq!(next_generation_at(made), at(2026, 2, 27, 1), "{made:?}");
        }
    }

    #[test]
    fn missed_rotations_are_made_up_for_by_one() {
        let created = at(2026, 1, 10, 0);
        let late = at(2026, 5, 3, 12);
        assert!(is_rotation_due(created, late));
        assert!(!is_rotation_due(late, late));
        assert_eq!(next_generation_at(late), at(2026, 5, 30, 1));
    }

    #[test]
    fn a_new_key_waits_a_day_unless_nothing_else_may_sign() {
        let now = at(2026, 1, 30, 1);
        assert_eq!(activation(now, true), at(2026, 1, 31, 1));
        assert_eq!(activation(now, false), now);
    }

    #[test]
    fn the_newest_activated_key_signs() {
        let first = at(2026, 1, 10, 0);
        let keys = [
            key(Algorithm::Es256, 2, at(2026, 1, 30, 1), at(2026, 1, 31, 1)),
            key(Algorithm::Es256, 1, first, first),
            key(Algorithm::EdDsa, 3, first, first),
        ];
        let signs = |algorithm, now| signer(&keys, algorithm, now).map(|key| key.generation);
        assert_eq!(signs(Algorithm::Es256, first.minus(MILLISECOND)), None);
        assert_eq!(signs(Algorithm::Es256, first), Some(1));
        assert_eq!(signs(Algorithm::Es256, at(2026, 1, 31, 1).minus(MILLISECOND)), Some(1));
        assert_eq!(signs(Algorithm::Es256, at(2026, 1, 31, 1)), Some(2));
        assert_eq!(signs(Algorithm::EdDsa, at(2026, 3, 1, 0)), Some(3));
        assert_eq!(signs(Algorithm::Rs256, at(2026, 3, 1, 0)), None);
    }

    #[test]
    fn an_emergency_key_is_not_displaced_by_an_older_one_that_activates_later() {
        let emergency = at(2026, 1, 30, 12);
        let keys = [
            key(Algorithm::Es256, 2, at(2026, 1, 30, 1), at(2026, 1, 31, 1)),
            key(Algorithm::Es256, 3, emergency, emergency),
        ];
        assert_eq!(signer(&keys, Algorithm::Es256, at(2026, 2, 5, 0)).map(|key| key.generation), Some(3));
    }

    #[test]
    fn a_key_is_published_at_once_and_withdrawn_at_the_first_rotation_after_45_days() {
        let keys = [
            key(Algorithm::Es256, 1, at(2026, 1, 30, 1), at(2026, 1, 31, 1)),
            key(Algorithm::Es256, 2, at(2026, 2, 27, 1), at(2026, 2, 28, 1)),
            key(Algorithm::Es256, 3, at(2026, 3, 30, 1), at(2026, 3, 31, 1)),
        ];
        assert_eq!(generations(&published(&keys[..1], at(2026, 1, 30, 1))), [1]);
        assert_eq!(generations(&published(&keys[..2], at(2026, 2, 27, 1))), [1, 2]);
        // 45 days old on 16 March, 22 days out of use on 22 March
        assert_eq!(generations(&published(&keys[..2], at(2026, 3, 30, 0))), [1, 2]);
        assert_eq!(generations(&published(&keys, at(2026, 3, 31, 1).minus(MILLISECOND))), [1, 2, 3]);
        assert_eq!(generations(&published(&keys, at(2026, 3, 31, 1))), [2, 3]);
    }

    #[test]
    fn a_late_rotation_keeps_the_old_key_for_22_days_more() {
        let (created, late) = (at(2026, 1, 10, 0), at(2026, 6, 20, 0));
        let keys = [key(Algorithm::Rs256, 1, created, created), key(Algorithm::Rs256, 2, late, activation(late, true))];
        // it signs until 21 June, so its last token lives until 12 July
        assert_eq!(generations(&published(&keys, at(2026, 6, 30, 1))), [1, 2]);
        assert_eq!(generations(&published(&keys, at(2026, 7, 13, 0))), [1, 2]);
        assert_eq!(generations(&published(&keys, at(2026, 7, 31, 1))), [2]);
    }

    #[test]
    fn a_key_does_not_come_back_when_the_one_after_it_is_withdrawn() {
        let mut keys = vec![
            key(Algorithm::Es256, 1, at(2026, 1, 30, 1), at(2026, 1, 31, 1)),
            key(Algorithm::Es256, 2, at(2026, 2, 27, 1), at(2026, 2, 28, 1)),
        ];
        let (lost_at, retired) = (at(2026, 4, 15, 0), at(2026, 3, 31, 1));
        assert_eq!(next_withdrawal(&keys, retired.minus(MILLISECOND)), Some(retired));
        assert_eq!(generations(&published(&keys, retired)), [2]);
        keys[1].compromised_at = Some(lost_at);
        keys.push(key(Algorithm::Es256, 3, lost_at, lost_at));
        assert_eq!(generations(&published(&keys, lost_at)), [3]);
        assert_eq!(next_withdrawal(&keys, lost_at), None);
        assert_eq!(signer(&keys[..2], Algorithm::Es256, lost_at).map(|key| key.generation), Some(1));
        assert_eq!(signer(&keys, Algorithm::Es256, lost_at).map(|key| key.generation), Some(3));
    }

    #[test]
    fn a_key_that_became_old_enough_exactly_at_a_rotation_leaves_there() {
        let rotation = at(2026, 7, 31, 1);
        let old = key(Algorithm::Es256, 1, at(2026, 1, 1, 0), at(2026, 1, 1, 0));
        let withdrawn = |succeeded_at: Timestamp| {
            let keys = [old.clone(), key(Algorithm::Es256, 2, succeeded_at, succeeded_at)];
            withdrawn_at(&keys, &old)
        };
        assert_eq!(withdrawn(rotation.minus(OVERLAP)), Some(rotation));
        assert_eq!(withdrawn(rotation.minus(OVERLAP).plus(MILLISECOND)), Some(at(2026, 8, 31, 1)));

        let born = rotation.minus(MINIMUM_AGE);
        for (created, leaves) in [(born, rotation), (born.plus(MILLISECOND), at(2026, 8, 31, 1))] {
            let young = key(Algorithm::Es256, 1, created, created);
            let keys = [young.clone(), key(Algorithm::Es256, 2, created.plus(HOUR), created.plus(HOUR))];
            assert_eq!(withdrawn_at(&keys, &young), Some(leaves));
        }
    }

    #[test]
    fn a_key_without_an_active_successor_of_its_algorithm_stays() {
        let long_ago = at(2025, 1, 10, 0);
        let now = at(2026, 6, 20, 0);
        let keys = [
            key(Algorithm::Es256, 1, long_ago, long_ago),
            key(Algorithm::EdDsa, 2, at(2025, 6, 1, 0), at(2025, 6, 1, 0)),
            key(Algorithm::Es256, 3, now, now.plus(PUBLISHED_AHEAD)),
        ];
        assert_eq!(generations(&published(&keys, now)), [1, 2, 3]);
        assert!(published(&[], now).is_empty());
    }
}
