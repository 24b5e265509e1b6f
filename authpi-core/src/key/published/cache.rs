//! The cache. An entry that was compared with the store less than a second ago counts as true: no instance acts on older state
//! (conventions §15). Changes made in this process are seen at once.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::documents::{Configuration, KeySet};
use crate::id::{Id as _, IssuerId};
use crate::key::model::KeyPair;
use crate::timestamp::Timestamp;

/// How long an entry counts as true without a look at the store.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How many issuers are held, each in at most about 20 KiB.
const CAPACITY: usize = 2_000;

/// An entry that nobody asked for during this time makes room first.
const IDLE: Duration = Duration::from_mins(1);

/// Issuers share counters and locks: a clash costs one look at the store, or a moment of waiting.
const STRIPES: usize = 256;

/// The published documents and ready keys of this process.
pub struct KeyCache {
    sets: Cache<KeySet>,
    configurations: Cache<Configuration>,
    stripes: Vec<Stripe>,
    rsa: Mutex<Vec<KeyPair>>,
}

#[derive(Default)]
struct Stripe {
    changes: AtomicU64,
    making: futures_util::lock::Mutex<()>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self {
            sets: Cache::default(),
            configurations: Cache::default(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            rsa: Mutex::default(),
        }
    }
}

impl KeyCache {
    /// Key sets.
    pub fn sets(&self) -> &Cache<KeySet> {
        &self.sets
    }

    /// Discovery documents.
    pub fn configurations(&self) -> &Cache<Configuration> {
        &self.configurations
    }

    /// Begins a look at the store: taken before anything is read, it says later how old the answer is.
    pub fn look(&self, issuer: IssuerId, now: Timestamp) -> Look {
        Look { changes: self.stripe(issuer).map_or(0, |stripe| stripe.changes.load(Ordering::Acquire)), at: now }
    }

    /// The issuer or its keys were changed by a commit of this process: everything held of it, and every look under
    /// way, is compared with the store before it is used again.
    pub fn forget(&self, issuer: IssuerId) {
        if let Some(stripe) = self.stripe(issuer) {
            stripe.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// Waits until nobody else in this process makes keys of the issuer, so that a burst of first requests makes one
    /// set and not one each. Other processes are kept out by the store.
    pub async fn making(&self, issuer: IssuerId) -> Option<futures_util::lock::MutexGuard<'_, ()>> {
        match self.stripe(issuer) {
            Some(stripe) => Some(stripe.making.lock().await),
            None => None,
        }
    }

    /// An RSA key out of the pool.
    pub fn take_rsa(&self) -> Option<KeyPair> {
        guard(&self.rsa).pop()
    }

    /// Puts an RSA key into the pool; a pool of `limit` keys is full, and drops it.
    pub fn put_rsa(&self, pair: KeyPair, limit: usize) {
        let mut pool = guard(&self.rsa);
        if pool.len() < limit {
            pool.push(pair);
        }
    }

    /// How many RSA keys are ready.
    pub fn ready_rsa(&self) -> usize {
        guard(&self.rsa).len()
    }

    fn stripe(&self, issuer: IssuerId) -> Option<&Stripe> {
        // The last bits of an id are random.
        let [.., last] = issuer.uuid().into_bytes();
        self.stripes.get(usize::from(last))
    }
}

/// A look at the store: when it began, and after how many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    changes: u64,
    /// When it began.
    pub at: Timestamp,
}

/// A bounded map from issuers to what they publish.
pub struct Cache<T>(RwLock<HashMap<IssuerId, Arc<Cached<T>>>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Cache<T> {
    /// What is held of an issuer, true or not.
    pub fn find(&self, issuer: IssuerId) -> Option<Arc<Cached<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&issuer).cloned()
    }

    /// Holds what a look brought.
    pub fn keep(&self, issuer: IssuerId, value: T, look: Look) -> Arc<Cached<T>> {
        let cached = Arc::new(Cached { value, seen: Mutex::new(look) });
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY && !entries.contains_key(&issuer) {
            entries.retain(|_, entry| look.at.since(guard(&entry.seen).at) < IDLE);
            if entries.len() >= CAPACITY {
                entries.clear();
            }
        }
        entries.insert(issuer, Arc::clone(&cached));
        cached
    }

    /// Drops what is held of an issuer that is no more.
    pub fn remove(&self, issuer: IssuerId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&issuer);
    }
}

/// A value, and the last look that found it true.
pub struct Cached<T> {
    value: T,
    seen: Mutex<Look>,
}

impl<T> Cached<T> {
    /// Nothing has changed in this process since the last look, which is less than a second old.
    pub fn is_true_at(&self, look: Look) -> bool {
        let seen = *guard(&self.seen);
        seen.changes == look.changes && seen.at <= look.at && look.at.since(seen.at) < TRUSTED_FOR
    }

    /// A look found it true.
    pub fn confirm(&self, look: Look) {
        *guard(&self.seen) = look;
    }
}

impl<T> Deref for Cached<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::key::model::Algorithm;
    use crate::key::published::Document;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn issuer(number: usize) -> IssuerId {
        IssuerId::from_uuid(Uuid::from_u128(number as u128))
    }

    fn configuration() -> Configuration {
        Configuration::new(NOW, Document::of(&[1]).unwrap())
    }

    #[test]
    fn an_entry_is_trusted_for_a_second_and_until_the_next_change_here() {
        let cache = KeyCache::default();
        let id = issuer(7);
        let cached = cache.configurations().keep(id, configuration(), cache.look(id, NOW));
        let after = |millis| cache.look(id, NOW.plus(Duration::from_millis(millis)));
        assert!(cached.is_true_at(after(999)));
        assert!(!cached.is_true_at(after(1000)));
        assert!(!cached.is_true_at(cache.look(id, NOW.minus(Duration::from_secs(1)))), "the clock was set back");
        let before_the_change = after(10);
        cache.forget(id);
        assert!(!cached.is_true_at(after(10)));
        cached.confirm(before_the_change);
        assert!(!cached.is_true_at(after(10)), "a look that began before the change proves nothing");
        cached.confirm(after(10));
        assert!(cached.is_true_at(after(11)));
    }

    #[test]
    fn the_cache_is_bounded_and_drops_the_idle_first() {
        let cache = KeyCache::default();
        let look = |id, at| cache.look(id, at);
        for number in 0..CAPACITY {
            let at = if number == 0 { NOW.plus(IDLE) } else { NOW };
            cache.configurations().keep(issuer(number), configuration(), look(issuer(number), at));
        }
        let late = NOW.plus(IDLE);
        cache.configurations().keep(issuer(CAPACITY), configuration(), look(issuer(CAPACITY), late));
        assert!(cache.configurations().find(issuer(0)).is_some());
        assert!(cache.configurations().find(issuer(1)).is_none());
        for number in 0..3 * CAPACITY {
            cache.configurations().keep(issuer(number), configuration(), look(issuer(number), late));
        }
        assert!(cache.configurations().0.read().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn the_pool_holds_no_more_than_it_should() {
        let cache = KeyCache::default();
        for _ in 0..3 {
            cache.put_rsa(KeyPair::generate(Algorithm::EdDsa).unwrap(), 2);
        }
        assert_eq!(cache.ready_rsa(), 2);
        assert!(cache.take_rsa().is_some() && cache.take_rsa().is_some() && cache.take_rsa().is_none());
    }
}
