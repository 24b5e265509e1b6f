//! Tasks, timers and CPU, as an embedding runtime offers them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::mail::Mailer;
use super::network::{DnsResolver, HttpClient};

/// Runs futures on the runtime the engine was built on, whoever calls.
pub trait Executor: Send + Sync {
    /// Starts `future` as a task of its own; it runs to its end even when nobody waits for it.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Is ready after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Runs CPU-heavy closures on a bounded pool, so that they never hold up the runtime.
pub trait Compute: Send + Sync {
    /// Queues `job` for somebody who waits for it.
    ///
    /// # Errors
    /// [`QueueFull`] when as many jobs wait as the queue holds.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull>;

    /// As many jobs may wait for which somebody waits.
    fn capacity(&self) -> usize;

    /// Queues `job` behind all that somebody waits for.
    ///
    /// # Errors
    /// [`QueueFull`] when as many background jobs wait as their queue holds.
    fn background(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull>;
}

/// The queue of the CPU pool is full: answer 503 and let the caller come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the cpu pool is full")]
pub struct QueueFull;

/// Everything the engine needs of a runtime; `authpi_transport::tokio()` makes one.
#[derive(Clone)]
pub struct Transport {
    /// Tasks and timers.
    pub executor: Arc<dyn Executor>,
    /// CPU-heavy work.
    pub compute: Arc<dyn Compute>,
    /// HTTP requests to the outside.
    pub http: Arc<dyn HttpClient>,
    /// DNS look-ups.
    pub dns: Arc<dyn DnsResolver>,
    /// Mail; without one, mail waits.
    pub mailer: Option<Arc<dyn Mailer>>,
}
