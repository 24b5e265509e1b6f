//! Tells those who wait for events that some were committed.

use std::sync::{Arc, OnceLock};

use authpi_core::store::Ring;

/// The ring of a store, if somebody wants to hear it, and whether this unit of work has reason to sound it.
#[derive(Clone, Default)]
pub(crate) struct News {
    ring: Arc<OnceLock<Ring>>,
    added: bool,
}

impl News {
    /// Whom to tell from here on; the first one stays.
    pub(crate) fn on_events(&self, ring: Ring) {
        // A store has one engine.
        let _ = self.ring.set(ring);
    }

    /// The unit of work has added events.
    pub(crate) const fn add(&mut self) {
        self.added = true;
    }

    /// The unit of work is committed.
    pub(crate) fn tell(&self) {
        if let Some(ring) = self.ring.get().filter(|_| self.added) {
            ring();
        }
    }
}
