//! Tells those who wait for events that some were committed.

use std::sync::{Arc, OnceLock};

use authpi_core::event::catalogue::EventType;
use authpi_core::event::repository::Consumer;
use authpi_core::store::EventListener;

/// The listener of a store, if there is one, and whether this unit of work has something to tell it.
#[derive(Clone, Default)]
pub(crate) struct News {
    listener: Arc<OnceLock<Arc<dyn EventListener>>>,
    added: bool,
}

impl News {
    /// Whom to tell from here on; the first one stays.
    pub(crate) fn on_events(&self, listener: Arc<dyn EventListener>) {
        // A store has one engine.
        let _ = self.listener.set(listener);
    }

    /// Whether events of this type wait for the consumer.
    pub(crate) fn wants(&self, consumer: Consumer, kind: EventType) -> bool {
        match consumer {
            Consumer::Hooks => self.listener.get().is_some_and(|listener| listener.wants(kind)),
            always => always.wants(kind),
        }
    }

    /// The unit of work has added events.
    pub(crate) const fn add(&mut self) {
        self.added = true;
    }

    /// The unit of work is committed.
    pub(crate) fn tell(&self) {
        if let Some(listener) = self.listener.get().filter(|_| self.added) {
            listener.committed();
        }
    }
}
