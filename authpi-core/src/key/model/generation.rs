//! What the next keys of an issuer are.

use crate::key::model::{Algorithm, SigningKey, activation, is_rotation_due};
use crate::timestamp::Timestamp;

/// Keys that are to be made now, together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextGeneration {
    /// Their generation.
    pub number: u32,
    /// What each signs with, and from when on.
    pub keys: Vec<(Algorithm, Timestamp)>,
}

/// What an issuer with `keys` lacks at `now`: all algorithms at the start, those whose rotation is due later. An
/// algorithm that got its newest key out of turn is not rotated again before its time.
pub fn next_generation(keys: &[SigningKey], now: Timestamp) -> Option<NextGeneration> {
    let wanted: Vec<_> = Algorithm::ALL.into_iter().filter_map(|algorithm| wanted(keys, algorithm, now)).collect();
    let newest = keys.iter().map(|key| key.generation).max().unwrap_or_default();
    (!wanted.is_empty()).then_some(NextGeneration { number: newest.saturating_add(1), keys: wanted })
}

fn wanted(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Option<(Algorithm, Timestamp)> {
    let ours = || keys.iter().filter(|key| key.algorithm == algorithm);
    let newest = ours().max_by_key(|key| key.generation);
    if newest.is_some_and(|key| !is_rotation_due(key.created_at, now)) {
        return None;
    }
    let signs_already = ours().any(|key| key.activates_at <= now);
    Some((algorithm, activation(now, signs_already)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::id::{Id as _, IssuerId};
    use crate::key::model::{PUBLISHED_AHEAD, PublicJwk, PublicMaterial, next_generation_at, published};
    use crate::seal::Sealed;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// The keys that a plan makes.
    fn made(plan: &NextGeneration, now: Timestamp) -> Vec<SigningKey> {
        let key = |&(algorithm, activates_at): &(Algorithm, Timestamp)| {
            let kid = Uuid::from_u128(u128::from(plan.number) * 10 + algorithm as u128);
            SigningKey {
                kid,
                issuer_id: IssuerId::from_uuid(Uuid::nil()),
                algorithm,
                public: PublicJwk::new(kid, PublicMaterial::Ed25519 { x: [0; 32] }),
                sealed: Sealed::from_bytes(Vec::new()),
                created_at: now,
                activates_at,
                generation: plan.number,
                compromised_at: None,
            }
        };
        plan.keys.iter().map(key).collect()
    }

    #[test]
    fn the_first_keys_sign_at_once_with_all_algorithms() {
        let first = next_generation(&[], START).unwrap();
        assert_eq!(first.number, 1);
        assert_eq!(first.keys, Algorithm::ALL.map(|algorithm| (algorithm, START)));
        assert_eq!(next_generation(&made(&first, START), START), None);
    }

    #[test]
    fn a_rotated_set_publishes_both_generations_and_signs_with_the_old_one_for_a_day() {
        let mut keys = made(&next_generation(&[], START).unwrap(), START);
        let due = next_generation_at(START);
        assert_eq!(next_generation(&keys, due.minus(Duration::from_millis(1))), None);
        let second = next_generation(&keys, due).unwrap();
        assert_eq!(second.number, 2);
        assert_eq!(second.keys, Algorithm::ALL.map(|algorithm| (algorithm, due.plus(PUBLISHED_AHEAD))));
        keys.extend(made(&second, due));
        assert_eq!(published(&keys, due).len(), 6);
        assert_eq!(next_generation(&keys, due), None);
    }

    #[test]
    fn only_what_is_missing_or_due_is_made() {
        let mut keys = made(&next_generation(&[], START).unwrap(), START);
        keys.retain(|key| key.algorithm != Algorithm::Rs256);
        let completed = next_generation(&keys, START).unwrap();
        assert_eq!(completed, NextGeneration { number: 2, keys: vec![(Algorithm::Rs256, START)] });
    }
}
