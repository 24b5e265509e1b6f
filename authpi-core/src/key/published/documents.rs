//! What is published, as it is sent, and the keys behind it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::hostname::Hostname;
use crate::key::model::{self, Algorithm, JwkSet, KeyPair, SigningKey, VerifyingKey};
use crate::secret::hex;
use crate::timestamp::Timestamp;

/// JSON as it is sent, with the entity tag of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The JSON text.
    pub body: Bytes,
    /// A strong entity tag, quotes included: the same for the same bytes, on every instance.
    pub etag: String,
}

impl Document {
    /// Serializes a value.
    ///
    /// # Errors
    /// [`serde_json::Error`].
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        let digest = Sha256::digest(&body);
        let etag = format!("\"{}\"", hex(digest.get(..16).unwrap_or_default()));
        Ok(Self { body: body.into(), etag })
    }
}

/// Domains of an issuer whose documents are held; of more, the oldest makes room.
const SITES: usize = 16;

/// The discovery document of an issuer, as it is at the base and at its domains.
pub struct Configuration {
    /// The version of the issuer that it describes.
    pub issuer_updated_at: Timestamp,
    /// What is sent at the base.
    pub document: Document,
    at_sites: Mutex<VecDeque<(Hostname, Document)>>,
}

impl Configuration {
    /// With the document at the base.
    pub fn new(issuer_updated_at: Timestamp, document: Document) -> Self {
        Self { issuer_updated_at, document, at_sites: Mutex::default() }
    }

    /// What is sent at a domain, once it was made.
    pub fn at(&self, site: &Hostname) -> Option<Document> {
        let known = self.at_sites.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(host, _)| host == site).map(|(_, document)| document.clone())
    }

    /// Holds what is sent at a domain.
    pub fn keep_at(&self, site: Hostname, document: Document) {
        let mut known = self.at_sites.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(host, _)| *host != site);
        if known.len() >= SITES {
            known.pop_front();
        }
        known.push_back((site, document));
    }
}

/// The keys of an issuer that are published, the serialized set of them, and those that have signed in this process.
pub struct KeySet {
    keys: Vec<SigningKey>,
    /// Beside [`Self::keys`], each parsed at its first use.
    parsed: Vec<OnceLock<Option<VerifyingKey>>>,
    newest_generation: Option<u32>,
    /// When the next of them leaves the set.
    changes_at: Option<Timestamp>,
    document: Document,
    ready: Mutex<Vec<Arc<ReadyKey>>>,
}

impl KeySet {
    /// The set at `now`, from the newest keys of an issuer.
    ///
    /// # Errors
    /// [`serde_json::Error`].
    pub fn new(newest: &[SigningKey], now: Timestamp) -> Result<Self, serde_json::Error> {
        let mut keys: Vec<_> = model::published(newest, now).into_iter().cloned().collect();
        // The order means nothing, but the bytes and so the entity tag are to be the same everywhere.
        keys.sort_unstable_by_key(|key| (std::cmp::Reverse(key.generation), key.algorithm, key.kid));
        let jwks = JwkSet { keys: keys.iter().map(|key| key.public.clone()).collect() };
        Ok(Self {
            newest_generation: keys.iter().map(|key| key.generation).max(),
            changes_at: model::next_withdrawal(newest, now),
            parsed: keys.iter().map(|_| OnceLock::new()).collect(),
            keys,
            document: Document::of(&jwks)?,
            ready: Mutex::default(),
        })
    }

    /// The published keys, newest first.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The published key of this name, ready to verify.
    pub fn verifying(&self, kid: Uuid) -> Option<&VerifyingKey> {
        let (key, parsed) = self.keys.iter().zip(&self.parsed).find(|(key, _)| key.kid == kid)?;
        parsed.get_or_init(|| VerifyingKey::new(&key.public).ok()).as_ref()
    }

    /// The serialized set.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Still what is to be published at `now`, where the newest generation in the store is this one: no rotation is
    /// due, and no key is to be withdrawn.
    pub fn is_current(&self, newest_generation: Option<u32>, now: Timestamp) -> bool {
        self.newest_generation == newest_generation
            && model::next_generation(&self.keys, now).is_none()
            && self.changes_at.is_none_or(|instant| now < instant)
    }

    /// There is a key for every algorithm.
    pub fn is_complete(&self) -> bool {
        Algorithm::ALL.into_iter().all(|algorithm| self.keys.iter().any(|key| key.algorithm == algorithm))
    }

    /// The key that signs with `algorithm`.
    pub fn signer(&self, algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        // The clocks of two nodes differ: seen from here the first key of an issuer may begin in a moment.
        let first = || self.keys.iter().filter(|key| key.algorithm == algorithm).min_by_key(|key| key.activates_at);
        model::signer(&self.keys, algorithm, now).or_else(first)
    }

    /// A key that has signed before.
    pub fn ready(&self, kid: Uuid) -> Option<Arc<ReadyKey>> {
        self.ready_keys().iter().find(|ready| ready.kid == kid).cloned()
    }

    /// Holds a key that is ready; of two that made it so at once the first is kept.
    pub fn keep_ready(&self, key: ReadyKey) -> Arc<ReadyKey> {
        let mut ready = self.ready_keys();
        if let Some(known) = ready.iter().find(|known| known.kid == key.kid) {
            return Arc::clone(known);
        }
        let key = Arc::new(key);
        ready.push(Arc::clone(&key));
        key
    }

    fn ready_keys(&self) -> MutexGuard<'_, Vec<Arc<ReadyKey>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A private key, ready to sign.
#[derive(Debug)]
pub struct ReadyKey {
    /// The `kid` of its signatures.
    pub kid: Uuid,
    /// Signs.
    pub pair: KeyPair,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_a_strong_tag_of_its_bytes() {
        let (one, two) = (Document::of(&["a"]).unwrap(), Document::of(&["b"]).unwrap());
        assert_eq!(one, Document::of(&["a"]).unwrap());
        assert_ne!(one.etag, two.etag);
        assert!(one.etag.starts_with('"') && one.etag.ends_with('"') && one.etag.len() == 34);
    }
}
