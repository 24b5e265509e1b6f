//! Secrets that a caller brings along. They are stored as a fast hash, so guessing them must be out of reach.

use std::collections::BTreeMap;

/// Fewest and most characters.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=256;

/// How many different characters there must be.
const DIFFERENT_CHARACTERS: usize = 16;

/// Shannon entropy of the characters, times their number, in bits.
const LEAST_BITS: f64 = 96.0;

/// Shortest text that a secret must not contain: a shorter one is there by chance, and tells nothing.
const TELLING: usize = 4;

/// Why `secret` may not be the secret of a key, in words for the caller; `None` when it may. `known` are texts that
/// others can see, such as the name of the key: it must not contain any of them, in whatever case.
pub fn weakness<'k>(secret: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b':' || byte == b' ';
    if !LENGTH.contains(&secret.len()) || !secret.bytes().all(is_allowed) {
        return Some("must be 32 to 256 printable ASCII characters other than a colon");
    }
    let mut counts = BTreeMap::<u8, u32>::new();
    for byte in secret.bytes() {
        *counts.entry(byte).or_default() += 1;
    }
    if counts.len() < DIFFERENT_CHARACTERS || bits(counts.values().copied()) < LEAST_BITS {
        return Some("is too regular: it must be random");
    }
    let lower = secret.to_ascii_lowercase();
    let contains = |known: &str| known.len() >= TELLING && lower.contains(&known.to_lowercase());
    known.into_iter().any(contains).then_some("contains the name or the id of the key")
}

fn bits(counts: impl Iterator<Item = u32> + Clone) -> f64 {
    let total: f64 = counts.clone().map(f64::from).sum();
    counts.map(f64::from).map(|count| count * (total / count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "kJ8s-2LqPz0vXn5RtYbW7aCdEfGhMuQo";

    fn is_refused(secret: &str) -> bool {
        weakness(secret, []).is_some()
    }

    #[test]
    fn a_random_secret_of_32_to_256_characters_is_taken() {
        assert_eq!(weakness(RANDOM, ["production"]), None);
        assert_eq!(weakness(&RANDOM.repeat(8), []), None);
        assert!(is_refused(&RANDOM[1..]));
        assert!(is_refused(&format!("{}x", RANDOM.repeat(8))));
    }

    #[test]
    fn only_printable_ascii_without_a_colon_is_taken() {
        for odd in [":", "\u{7f}", "\n", "é"] {
            assert!(is_refused(&format!("{RANDOM}{odd}")), "{odd:?}");
        }
    }

    #[test]
    fn regular_secrets_are_refused() {
        assert!(is_refused(&"a".repeat(64)));
        assert!(is_refused(&"abcdefghijklmno".repeat(4)), "15 different characters");
        let lopsided = format!("{}bcdefghijklmnop", "a".repeat(17));
        assert!(is_refused(&lopsided), "16 different characters, below 96 bits");
        assert_eq!(weakness("abcdefghijklmnopabcdefghijklmnop", []), None, "16 characters twice: 128 bits");
    }

    #[test]
    fn what_others_can_see_is_not_part_of_a_secret() {
        assert!(weakness(RANDOM, ["0VXN5"]).is_some());
        assert_eq!(weakness(RANDOM, ["", "0vX"]), None);
    }
}
