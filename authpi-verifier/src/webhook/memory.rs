//! Which events were handled, so that a second delivery of one is none.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Handle it: nobody else does until it is kept or given back.
    Granted,
    /// Nothing: it was handled before.
    Handled,
    /// Nothing now: somebody handles it, and may fail.
    Busy,
}

/// The memory does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MemoryError(Box<dyn Error + Send + Sync>);

impl MemoryError {
    /// For whatever reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// Remembers which events were handled. An id is claimed before the event is handled, kept after that, and given back
/// when handling fails: if it counted as seen from the start, the sender's retry would be taken for a duplicate and the
/// event would be lost.
///
/// For receivers that run more than once, or that must know after a restart, put it on a database: a row for each id,
/// with a unique key, the time of the claim and whether it is kept. A claim whose process died must lapse by itself after
/// some minutes. Better still, write the id in the transaction of the work itself, with
/// [`check`](crate::WebhookVerifier::check) and no memory at all.
pub trait Memory: Send + Sync {
    /// Claims an id. Of any number of callers at once, at most one is granted it.
    ///
    /// # Errors
    /// [`MemoryError`].
    fn claim(&self, id: &str) -> impl Future<Output = Result<Claim, MemoryError>> + Send;

    /// The event was handled.
    ///
    /// # Errors
    /// [`MemoryError`].
    fn keep(&self, id: &str) -> impl Future<Output = Result<(), MemoryError>> + Send;

    /// The event was not handled. Does nothing to an id that is kept. Called where nothing can be waited for: a memory
    /// behind a network spawns a task, or lets the claim lapse.
    fn give_back(&self, id: &str);
}

/// The last ids that were handled by this process.
#[derive(Debug)]
pub struct RecentIds {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whether an id is kept; the others are claimed.
    ids: HashMap<Arc<str>, bool>,
    /// Those that are kept, the oldest first.
    kept: VecDeque<Arc<str>>,
}

impl RecentIds {
    /// Remembers `most` ids, and forgets the oldest beyond that. Each takes some hundred bytes.
    pub fn new(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RecentIds {
    /// 65,536 of them.
    fn default() -> Self {
        Self::new(1 << 16)
    }
}

impl Memory for RecentIds {
    async fn claim(&self, id: &str) -> Result<Claim, MemoryError> {
        Ok(match self.known().ids.entry(Arc::from(id)) {
            Entry::Occupied(known) if *known.get() => Claim::Handled,
            Entry::Occupied(_) => Claim::Busy,
            Entry::Vacant(free) => {
                free.insert(false);
                Claim::Granted
            }
        })
    }

    async fn keep(&self, id: &str) -> Result<(), MemoryError> {
        let mut known = self.known();
        let id: Arc<str> = Arc::from(id);
        if known.ids.insert(Arc::clone(&id), true) != Some(true) {
            known.kept.push_back(id);
        }
        while known.kept.len() > self.most {
            if let Some(oldest) = known.kept.pop_front() {
                known.ids.remove(&oldest);
            }
        }
        Ok(())
    }

    fn give_back(&self, id: &str) {
        let mut known = self.known();
        if known.ids.get(id) == Some(&false) {
            known.ids.remove(id);
        }
    }
}
