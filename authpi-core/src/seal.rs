//! Sealing: authenticated encryption of secrets that the server must use again (conventions §14), and the root key.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, MAX_TAG_LEN, NONCE_LEN, Nonce, RandomizedNonceKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret::{KeyTag, hmac_sha256};

/// The first byte of everything sealed: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D §8.2.2).
const VERSION: u8 = 1;

/// Version and key tag, in bytes.
const HEADER_LEN: usize = 1 + 4;

/// What the root key's own sealing key is derived for.
const SEAL_PURPOSE: &str = "seal";

/// Why something could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// Not something sealed, or of a later version.
    #[error("sealed value is malformed")]
    Malformed,
    /// Sealed with a key that this instance does not have.
    #[error("sealed value needs an unknown key")]
    UnknownKey,
    /// Changed, moved to another context, or sealed with another key under the same tag.
    #[error("sealed value is not authentic")]
    Forged,
    /// The cryptographic library refused to work.
    #[error("encryption failed")]
    Failed,
}

/// A key for AES-256-GCM; lives outside the database and is erased on drop.
pub struct SealKey {
    tag: KeyTag,
    key: Zeroizing<[u8; 32]>,
}

impl SealKey {
    /// 256 random bits under a tag that no other sealing key of the instance has ever had.
    ///
    /// # Security
    /// Nonces are random: replace the key before it has sealed 2³² values (NIST SP 800-38D §8.3).
    pub fn new(tag: KeyTag, key: [u8; 32]) -> Self {
        Self { tag, key: Zeroizing::new(key) }
    }

    fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let header = header(self.tag);
        // Encrypted in place: with room for the tag from the start the clear text is in no other allocation.
        let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + MAX_TAG_LEN));
        body.extend_from_slice(plain);
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(Aad::from(associated_data(header, context)), &mut *body)
            .map_err(|_| SealError::Failed)?;
        Ok(Sealed([header.as_slice(), nonce.as_ref(), body.as_slice()].concat()))
    }

    fn open(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let parts = sealed.parts().ok_or(SealError::Malformed)?;
        let mut body = Zeroizing::new(parts.body.to_vec());
        let length = self
            .cipher()?
            .open_in_place(
                Nonce::assume_unique_for_key(*parts.nonce),
                Aad::from(associated_data(header(parts.tag), context)),
                &mut body,
            )
            .map_err(|_| SealError::Forged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.key.as_slice()).map_err(|_| SealError::Failed)
    }
}

/// The sealing keys of the instance: one that seals, and older ones that still open.
pub struct SealKeys {
    current: SealKey,
    older: Vec<SealKey>,
}

impl SealKeys {
    /// `current` seals; what any of the `older` keys sealed can still be opened.
    pub fn new(current: SealKey, older: Vec<SealKey>) -> Self {
        Self { current, older }
    }

    /// Encrypts `plain`, bound to `context`: the place it is stored in, such as `webhook:wh_…:secret`. Sealed values do
    /// not open in another context, so that rows cannot be swapped.
    ///
    /// # Errors
    /// [`SealError::Failed`] when the cryptographic library refuses.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        self.current.seal(context, plain)
    }

    /// Decrypts what was sealed for this `context`.
    ///
    /// # Errors
    /// [`SealError::Malformed`], [`SealError::UnknownKey`] when the key is gone, [`SealError::Forged`] when value or
    /// context differ from what was sealed.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let tag = sealed.tag().ok_or(SealError::Malformed)?;
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.tag == tag)
            .ok_or(SealError::UnknownKey)?
            .open(context, sealed)
    }
}

/// A sealed value as it is stored: version (1 byte), key tag (4 bytes, big endian), nonce (12 bytes), cipher text with
/// its 16-byte authentication tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// From storage. Whether it is well-formed shows when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For storage.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The key it was sealed with, by which values under an old key are found and sealed anew; `None` if malformed.
    pub fn tag(&self) -> Option<KeyTag> {
        self.parts().map(|parts| parts.tag)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let (&version, rest) = self.0.split_first()?;
        let (&tag, rest) = rest.split_first_chunk()?;
        let (nonce, body) = rest.split_first_chunk()?;
        let tag = KeyTag::new(u32::from_be_bytes(tag));
        (version == VERSION && body.len() >= MAX_TAG_LEN).then_some(Parts { tag, nonce, body })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

struct Parts<'a> {
    tag: KeyTag,
    nonce: &'a [u8; NONCE_LEN],
    body: &'a [u8],
}

/// The one secret an instance is started with; all that must survive a loss of memory derives from it.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// 256 random bits.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key for one purpose: HKDF-SHA-256 (RFC 5869) without salt, the purpose as `info`. No derived key tells
    /// anything about the root or another one.
    ///
    /// `"seal"` belongs to [`RootKey::seal`].
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        // RFC 5869 §2.2: an absent salt is one hash length of zeros. §2.3: the first block is the whole 32-byte output.
        let pseudorandom_key = Zeroizing::new(hmac_sha256(&[0; 32], &[self.0.as_slice()]));
        Zeroizing::new(hmac_sha256(&pseudorandom_key, &[purpose.as_bytes(), &[1]]))
    }

    /// HMAC-SHA-256 (RFC 2104) of `value` under the key derived for `purpose`.
    pub fn mac(&self, purpose: &str, value: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.derive(purpose), &[value])
    }

    /// Seals like [`SealKeys::seal`], under the derived key for `"seal"` and tag 0.
    ///
    /// # Errors
    /// As [`SealKeys::seal`].
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        self.seal_keys().seal(context, plain)
    }

    /// Opens what [`RootKey::seal`] sealed.
    ///
    /// # Errors
    /// As [`SealKeys::open`].
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.seal_keys().open(context, sealed)
    }

    /// The key itself.
    ///
    /// # Security
    /// Only for writing it to the place the instance is started from.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn seal_keys(&self) -> SealKeys {
        let key = SealKey { tag: KeyTag::new(0), key: self.derive(SEAL_PURPOSE) };
        SealKeys::new(key, Vec::new())
    }
}

fn header(tag: KeyTag) -> [u8; HEADER_LEN] {
    let [t0, t1, t2, t3] = tag.get().to_be_bytes();
    [VERSION, t0, t1, t2, t3]
}

/// The header has a fixed length, so header and context cannot run into each other.
fn associated_data(header: [u8; HEADER_LEN], context: &str) -> Vec<u8> {
    [header.as_slice(), context.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

    use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
    use proptest::prelude::*;

    use super::*;

    fn key(number: u32) -> SealKey {
        SealKey::new(KeyTag::new(number), [u8::try_from(number).unwrap(); 32])
    }

    #[test]
    fn layout_is_version_tag_nonce_cipher_text() {
        let keys = SealKeys::new(key(7), vec![]);
        let sealed = keys.seal("a", b"plain").unwrap();
        assert_eq!(sealed.as_bytes()[..5], [1, 0, 0, 0, 7]);
        assert_eq!(sealed.as_bytes().len(), 5 + 12 + 5 + 16);
        assert_eq!(sealed.tag(), Some(KeyTag::new(7)));
        assert_eq!(format!("{sealed:?}"), "Sealed(38 bytes)");
        assert_ne!(sealed.into_bytes(), keys.seal("a", b"plain").unwrap().into_bytes());
    }

    #[test]
    fn older_keys_open_until_they_are_gone() {
        let sealed = SealKeys::new(key(1), vec![]).seal("a", b"plain").unwrap();
        assert_eq!(*SealKeys::new(key(2), vec![key(1)]).open("a", &sealed).unwrap(), b"plain");
        assert_eq!(SealKeys::new(key(2), vec![]).open("a", &sealed).unwrap_err(), SealError::UnknownKey);
        let impostor = SealKeys::new(SealKey::new(KeyTag::new(1), [9; 32]), vec![]);
        assert_eq!(impostor.open("a", &sealed).unwrap_err(), SealError::Forged);
    }

    #[test]
    fn tag_is_authenticated() {
        let mut bytes = SealKeys::new(key(1), vec![]).seal("a", b"plain").unwrap().into_bytes();
        bytes[4] = 2;
        let same_key_renamed = SealKeys::new(SealKey::new(KeyTag::new(2), [1; 32]), vec![]);
        assert_eq!(same_key_renamed.open("a", &Sealed::from_bytes(bytes)).unwrap_err(), SealError::Forged);
    }

    #[test]
    fn short_values_and_later_versions_are_malformed() {
        let keys = SealKeys::new(key(1), vec![]);
        let bytes = keys.seal("a", b"").unwrap().into_bytes();
        assert!(keys.open("a", &Sealed::from_bytes(bytes.clone())).unwrap().is_empty());
        for length in 0..bytes.len() {
            let sealed = Sealed::from_bytes(bytes[..length].to_vec());
            assert_eq!((sealed.tag(), keys.open("a", &sealed).unwrap_err()), (None, SealError::Malformed));
        }
        let later = Sealed::from_bytes([&[2], &bytes[1..]].concat());
        assert_eq!(keys.open("a", &later).unwrap_err(), SealError::Malformed);
    }

    #[test]
    fn root_key_seals_under_tag_zero() {
        let root = RootKey::new([3; 32]);
        let sealed = root.seal("a", b"plain").unwrap();
        assert_eq!(sealed.tag(), Some(KeyTag::new(0)));
        assert_eq!(*root.open("a", &sealed).unwrap(), b"plain");
        assert_eq!(root.open("b", &sealed).unwrap_err(), SealError::Forged);
        assert_eq!(RootKey::new([4; 32]).open("a", &sealed).unwrap_err(), SealError::Forged);
        assert_eq!(root.expose(), &[3; 32]);
    }

    proptest! {
        #[test]
        fn opens_only_in_its_own_context(plain: Vec<u8>, context: String, other: String) {
            let keys = SealKeys::new(key(1), vec![]);
            let sealed = keys.seal(&context, &plain).unwrap();
            prop_assert_eq!(&*keys.open(&context, &sealed).unwrap(), &plain);
            prop_assert_eq!(keys.open(&other, &sealed).is_ok(), context == other);
        }

        #[test]
        fn no_changed_bit_opens(plain: Vec<u8>, place: prop::sample::Index, bit in 0_u32..8) {
            let keys = SealKeys::new(key(1), vec![]);
            let mut bytes = keys.seal("a", &plain).unwrap().into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
            prop_assert!(keys.open("a", &Sealed::from_bytes(bytes)).is_err());
        }

        #[test]
        fn derivation_is_hkdf(root: [u8; 32], purpose: String) {
            let mut expected = [0; 32];
            let info = [purpose.as_bytes()];
            let pseudorandom_key = Salt::new(HKDF_SHA256, &[]).extract(&root);
            pseudorandom_key.expand(&info, HKDF_SHA256).unwrap().fill(&mut expected).unwrap();
            let root = RootKey::new(root);
            prop_assert_eq!(*root.derive(&purpose), expected);
            prop_assert_eq!(root.mac(&purpose, b"value"), hmac_sha256(&expected, &[b"value"]));
        }
    }
}
