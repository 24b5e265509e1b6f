//! Events of requests that change nothing else, written in batches (events-webhooks §4, end).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Store;
use crate::error::StoreError;
use crate::event::model::Event;

/// Most events of one commit: longer ones would keep other writers waiting.
const BATCH: usize = 1_000;

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
            drop(waiting);
            self.count_dropped(1);
        }
    }

    /// How many events were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes what is buffered. When this returns, everything that was pushed before the call is committed, batches of
    /// other callers included. An event that the store will never take is dropped and counted.
    ///
    /// # Errors
    /// [`StoreError`]; the events that were not written stay buffered.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one_at_a_time = self.flushing.lock().await;
        let events = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut taken = Taken { buffer: self, events };
        while !taken.events.is_empty() {
            let size = taken.events.len().min(BATCH);
            let batch: Vec<Event> = taken.events.iter().take(size).cloned().collect();
            match store.append(batch).await {
                Err(error) if error.kind.is_passing() => return Err(error),
                Err(_) => self.write_one_by_one(store, &mut taken, size).await?,
                Ok(()) => drop(taken.events.drain(..size)),
            }
        }
        Ok(())
    }

    /// Writes a batch that was refused, without the event that it was refused for.
    async fn write_one_by_one(&self, store: &dyn Store, taken: &mut Taken<'_>, size: usize) -> Result<(), StoreError> {
        for _ in 0..size {
            let Some(event) = taken.events.first().cloned() else { break };
            let id = event.id;
            match store.append(vec![event]).await {
                Err(error) if error.kind.is_passing() => return Err(error),
                Err(error) => {
                    tracing::error!(event = %id, %error, "a buffered event was dropped");
                    self.count_dropped(1);
                }
                Ok(()) => {}
            }
            drop(taken.events.drain(..1));
        }
        Ok(())
    }

    fn put_back(&self, events: Vec<Event>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = std::mem::replace(&mut *waiting, events);
        let room = self.capacity.saturating_sub(waiting.len());
        let beyond = newer.len().saturating_sub(room);
        waiting.extend(newer.into_iter().take(room));
        drop(waiting);
        self.count_dropped(beyond);
    }

    fn count_dropped(&self, events: usize) {
        if events > 0 {
            self.dropped.fetch_add(events as u64, Ordering::Relaxed);
            metrics::counter!("authpi_events_dropped_total").increment(events as u64);
        }
    }
}

/// Events on their way to the store. What is left when this is dropped goes back to where it was taken from; appending
/// an event again that was written all the same changes nothing.
struct Taken<'b> {
    buffer: &'b EventBuffer,
    events: Vec<Event>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.events.is_empty() {
            self.buffer.put_back(std::mem::take(&mut self.events));
        }
    }
}
