//! Secrets in memory, and their keyed hashes at rest (conventions §14).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How many characters of a secret its hint shows.
const HINT_CHARS: usize = 8;

/// A secret text in clear: erased on drop, and without any way to print, compare, copy or serialize it by accident.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a text that is secret from here on.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// A generated secret: 256 random bits as 43 characters of base64url without padding (RFC 4648 §5).
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The text.
    ///
    /// # Security
    /// Only for the one place that must have it: a hash, a comparison in constant time, the answer that shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last 8 characters, by which people recognize the secret later.
    ///
    /// # Security
    /// Not secret any more. Meant for secrets long enough to spare these characters.
    pub fn hint(&self) -> String {
        let hidden = self.0.chars().count().saturating_sub(HINT_CHARS);
        self.0.chars().skip(hidden).collect()
    }
}

/// Names one of the keys of the instance, so that stored values say which one they need. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyTag(u32);

impl KeyTag {
    /// The key with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number of the key.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A key for hashing secrets; lives outside the database and is erased on drop.
pub struct Pepper {
    tag: KeyTag,
    key: Zeroizing<[u8; 32]>,
}

impl Pepper {
    /// 256 random bits under a tag that no other pepper of the instance has ever had.
    pub fn new(tag: KeyTag, key: [u8; 32]) -> Self {
        Self { tag, key: Zeroizing::new(key) }
    }
}

/// The peppers of the instance: one that hashes, and older ones that still verify.
///
/// Every use states its purpose, so that a hash made for one use is worth nothing in another.
pub struct Peppers {
    current: Pepper,
    older: Vec<Pepper>,
}

impl Peppers {
    /// `current` hashes; hashes made under any of the `older` peppers stay valid.
    pub fn new(current: Pepper, older: Vec<Pepper>) -> Self {
        Self { current, older }
    }

    /// The hash to store for a secret: HMAC-SHA-256 (RFC 2104) under the current pepper, over the length-prefixed
    /// purpose and the value.
    ///
    /// # Security
    /// Fast on purpose: for generated secrets only, never for passwords that people choose.
    pub fn hash(&self, purpose: &'static str, value: &[u8]) -> SecretHash {
        SecretHash { tag: self.current.tag, mac: secret_mac(&self.current, purpose, value) }
    }

    /// Whether `value` is the secret that was hashed for this purpose. False when the pepper of the hash is unknown.
    ///
    /// # Security
    /// Compares in constant time, and does the same work whether or not the pepper is known.
    pub fn verify(&self, purpose: &'static str, value: &[u8], hash: &SecretHash) -> bool {
        let named = std::iter::once(&self.current).chain(&self.older).find(|pepper| pepper.tag == hash.tag);
        let mac = secret_mac(named.unwrap_or(&self.current), purpose, value);
        bool::from(mac.ct_eq(&hash.mac)) && named.is_some()
    }

    /// A hash that no value matches, to [`verify`](Self::verify) against when the presented identifier is unknown, so
    /// that this takes as long as a wrong secret does.
    pub fn dummy(&self) -> SecretHash {
        SecretHash { tag: self.current.tag, mac: [0; 32] }
    }

    /// A keyed fingerprint to look things up by: HMAC-SHA-256 under the current pepper, over the purpose and each part,
    /// all length-prefixed, so that moving bytes between parts changes it.
    ///
    /// It names no pepper: fingerprints made before the current pepper was replaced no longer match.
    pub fn digest(&self, purpose: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = hmac(&self.current.key);
        update_prefixed(&mut mac, purpose.as_bytes());
        for part in parts {
            update_prefixed(&mut mac, part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The stored form of a secret that only has to be recognized: a MAC, and the pepper it was made with.
///
/// Comparing two of them is not offered; see [`Peppers::verify`].
#[derive(Clone)]
pub struct SecretHash {
    tag: KeyTag,
    mac: [u8; 32],
}

impl SecretHash {
    /// For storage: the tag as 4 bytes, big endian, then the MAC.
    pub fn to_bytes(&self) -> [u8; 36] {
        let mut bytes = [0; 36];
        let stored = self.tag.get().to_be_bytes().into_iter().chain(self.mac);
        for (slot, byte) in bytes.iter_mut().zip(stored) {
            *slot = byte;
        }
        bytes
    }

    /// From storage; `None` unless it is 36 bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, mac) = bytes.split_first_chunk()?;
        Some(Self { tag: KeyTag::new(u32::from_be_bytes(*tag)), mac: mac.try_into().ok()? })
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// Lower-case hexadecimal, two characters a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

/// HMAC-SHA-256 (RFC 2104) over the concatenation of `parts`, which the caller has made unambiguous.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// An HMAC that has taken its key. RFC 2104 §2 pads a short key with zeros to the 64 bytes of a block; doing that here
/// leaves no key length that could be refused.
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0_u8; 64]);
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    let block: &[u8; 64] = &block;
    Hmac::new(block.into())
}

fn secret_mac(pepper: &Pepper, purpose: &'static str, value: &[u8]) -> [u8; 32] {
    let mut mac = hmac(&pepper.key);
    update_prefixed(&mut mac, purpose.as_bytes());
    mac.update(value);
    mac.finalize().into_bytes().into()
}

/// Eight bytes of length, big endian, then the bytes.
fn update_prefixed(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    mac.update(&(bytes.len() as u64).to_be_bytes());
    mac.update(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

    use proptest::prelude::*;

    use super::*;

    fn pepper(number: u32) -> Pepper {
        Pepper::new(KeyTag::new(number), [u8::try_from(number).unwrap(); 32])
    }

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        // Test case 2; its 4-byte key padded with zeros is the same key (RFC 2104 §2).
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn hash_is_over_prefixed_purpose_and_value() {
        let peppers = Peppers::new(pepper(7), vec![]);
        let mac = hmac_sha256(&[7; 32], &[&[0, 0, 0, 0, 0, 0, 0, 3], b"key", b"value"]);
        let expected = [[0, 0, 0, 7].as_slice(), &mac].concat();
        assert_eq!(peppers.hash("key", b"value").to_bytes().as_slice(), expected);
    }

    #[test]
    fn hashes_outlive_their_pepper_until_it_is_gone() {
        let hash = Peppers::new(pepper(1), vec![]).hash("key", b"value");
        assert!(Peppers::new(pepper(2), vec![pepper(1)]).verify("key", b"value", &hash));
        let same_key_renamed = Pepper::new(KeyTag::new(2), [1; 32]);
        assert!(!Peppers::new(same_key_renamed, vec![]).verify("key", b"value", &hash));
    }

    #[test]
    fn another_key_under_the_same_tag_does_not_verify() {
        let hash = Peppers::new(pepper(1), vec![]).hash("key", b"value");
        let other = Peppers::new(Pepper::new(KeyTag::new(1), [9; 32]), vec![]);
        assert!(!other.verify("key", b"value", &hash));
    }

    #[test]
    fn stored_hash_has_one_length() {
        for length in [0, 4, 35, 37] {
            assert!(SecretHash::from_bytes(&vec![0; length]).is_none());
        }
    }

    #[test]
    fn debug_output_shows_no_bytes() {
        assert_eq!(format!("{:?}", Peppers::new(pepper(1), vec![]).dummy()), "SecretHash(..)");
    }

    #[test]
    fn generated_secret_is_43_characters_and_its_hint_the_last_8() {
        let secret = Secret::from_random(&[0xff; 32]);
        assert_eq!(secret.expose(), format!("{}8", "_".repeat(42)));
        assert_eq!(secret.hint(), "_______8");
        assert_eq!(Secret::new("aäöüßéèêç").hint(), "äöüßéèêç");
        assert_eq!(Secret::new("").hint(), "");
    }

    proptest! {
        #[test]
        fn only_purpose_and_value_together_verify(value: Vec<u8>, other: Vec<u8>) {
            let peppers = Peppers::new(pepper(2), vec![pepper(1)]);
            let hash = SecretHash::from_bytes(&peppers.hash("key", &value).to_bytes()).unwrap();
            prop_assert!(peppers.verify("key", &value, &hash));
            prop_assert!(!peppers.verify("code", &value, &hash));
            prop_assert_eq!(peppers.verify("key", &other, &hash), value == other);
            prop_assert!(!peppers.verify("key", &value, &peppers.dummy()));
        }

        #[test]
        fn digest_depends_on_where_parts_end(text: Vec<u8>, cut: prop::sample::Index) {
            let peppers = Peppers::new(pepper(1), vec![]);
            let (left, right) = text.split_at(cut.index(text.len() + 1));
            let parted = peppers.digest("lookup", &[left, right]);
            prop_assert_eq!(parted, peppers.digest("lookup", &[left, right]));
            prop_assert_ne!(parted, peppers.digest("lookup", &[&text]));
            prop_assert_ne!(parted, peppers.digest("other", &[left, right]));
            prop_assert_eq!(parted == peppers.digest("lookup", &[right, left]), left == right);
        }

        #[test]
        fn hex_writes_two_digits_a_byte(bytes: Vec<u8>) {
            let text = hex(&bytes);
            let pairs = (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16));
            prop_assert_eq!(pairs.collect::<Result<Vec<_>, _>>().unwrap(), bytes);
            prop_assert!(!text.contains(|char: char| char.is_ascii_uppercase()));
        }
    }
}
