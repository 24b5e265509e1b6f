//! Events of requests that change nothing else, written in batches (events-webhooks §4, end).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Store;
use crate::error::StoreError;
use crate::event::model::Event;

/// A bounded buffer of per-request events. A crash loses at most what has not been flushed.
pub struct EventBuffer {
    waiting: Mutex<Vec<Event>>,
    flushing: futures_util::lock::Mutex<()>,
    dropped: AtomicU64,
    capacity: usize,
}

impl EventBuffer {
    /// Holds at most `capacity` events.
    pub fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            flushing: futures_util::lock::Mutex::new(()),
            dropped: AtomicU64::new(0),
            capacity,
        }
    }

    /// Takes an event; when the buffer is full it is dropped and counted.
    pub fn push(&self, event: Event) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < self.capacity {
            waiting.push(event);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is buffered. When this returns, everything that was pushed before the call is committed, batches of
    /// other callers included.
    ///
    /// # Errors
    /// [`StoreError`]; the events stay buffered.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one_at_a_time = self.flushing.lock().await;
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return Ok(());
        }
        let written = store.append(batch.clone()).await;
        if written.is_err() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let newer = std::mem::replace(&mut *waiting, batch);
            let room = self.capacity.saturating_sub(waiting.len());
            self.dropped.fetch_add(newer.len().saturating_sub(room) as u64, Ordering::Relaxed);
            waiting.extend(newer.into_iter().take(room));
        }
        written
    }
}
