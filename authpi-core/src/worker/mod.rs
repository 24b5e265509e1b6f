//! Background work: plain steps that the loop runs one after the other, each saying when it wants to be called next.

use std::sync::Arc;

use crate::web::services::Services;

/// Running workers.
pub struct Workers {
    services: Arc<Services>,
}

impl Workers {
    /// Starts them.
    pub fn start(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Stops them and flushes what is buffered.
    pub async fn stop(self) {
        let _ = self.services.buffer.flush(self.services.store.as_ref()).await;
    }
}
