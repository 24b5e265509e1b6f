//! Background work: plain steps, each a bounded piece of work that says when it wants to be called next. What has a
//! deadline runs beside the others, and what calls others from outside does so in tasks of its own; the rest takes turns.
//! A host with a scheduler of its own calls [`run_once`].
//!
//! Every step looks for what is left, may run in several processes at once, and repeats what a crash cut off.

mod billing;
mod chain;
mod deliveries;
mod fan_out;
mod gauges;
mod hooks;
mod keys;
mod letter;
mod logouts;
mod mail;
mod notices;
mod parting;
mod passed;
mod queue;
mod removal;
mod round;
mod schedule;
mod scout;
mod sessions;
mod steps;
mod sweeps;
mod unattended;
mod under_way;

use std::sync::Arc;

use futures_channel::oneshot;

use crate::error::Refusal;
use crate::web::services::Services;

/// Running workers. Dropping this leaves them running until the runtime ends, with nobody to flush what is buffered.
#[must_use = "stop the workers before the process ends"]
pub struct Workers {
    services: Arc<Services>,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Workers {
    /// Starts them on the runtime of the engine.
    pub fn start(services: Arc<Services>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let inside = Arc::clone(&services);
        services.transport.executor.spawn(Box::pin(async move {
            schedule::run(&inside, stopped).await;
            // The handle was dropped: nobody waits.
            let _ = end.send(());
        }));
        Self { services, stop, ended }
    }

    /// Stops them: the running steps end, no other begins, attempts under way are waited for, 30 s at most, and what is
    /// buffered is written.
    pub async fn stop(self) {
        // The loop is gone already when its runtime has ended.
        let _ = self.stop.send(());
        let _ = self.ended.await;
        if let Err(error) = self.services.buffer.flush(self.services.store.as_ref()).await {
            let lost = self.services.buffer.len();
            tracing::error!(%error, lost, "buffered events could not be written at the end");
        }
    }
}

/// Runs every step until there is nothing left to do now. What waits for a time to come is left alone.
///
/// # Errors
/// The first failure; the other steps ran all the same.
pub async fn run_once(services: &Arc<Services>) -> Result<(), Refusal> {
    schedule::run_until_idle(services, steps::ALL).await
}
