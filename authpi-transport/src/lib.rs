//! Runtime services for authpi on tokio: tasks, timers and the CPU pool.
//!
//! The domain runs on any executor; this crate brings the usual one.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), authpi_transport::StartError> {
//! let transport = authpi_transport::tokio()?;
//! transport.executor.spawn(Box::pin(async { /* runs here, whoever calls */ }));
//! # Ok(())
//! # }
//! ```

mod compute;
mod dns;
mod executor;
mod http;

use std::sync::Arc;
use std::thread;

use authpi_core::transport::Transport;

use crate::compute::Pool;
use crate::executor::TokioExecutor;

/// Sizes of the services made by [`tokio_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokioOptions {
    /// Threads for CPU-heavy work, at least one. Default: one a core.
    pub compute_threads: usize,
    /// CPU-heavy jobs that may wait, for foreground and background each, at least one. Default: 256. A job beyond that
    /// is refused.
    pub compute_queue: usize,
}

impl Default for TokioOptions {
    fn default() -> Self {
        Self { compute_threads: thread::available_parallelism().map_or(1, usize::from), compute_queue: 256 }
    }
}

/// Builds all runtime services on the tokio runtime of the caller, with the default sizes.
///
/// # Errors
/// As [`tokio_with`].
pub fn tokio() -> Result<Transport, StartError> {
    tokio_with(TokioOptions::default())
}

/// Builds all runtime services on the tokio runtime of the caller. Whoever uses them later, from any thread, their
/// tasks and timers belong to this runtime.
///
/// # Errors
/// [`StartError::NoRuntime`] when called outside of a runtime, [`StartError::NoTimers`] when the runtime was built
/// without its time driver, [`StartError::NoThreads`] when the system refuses the threads for CPU-heavy work.
pub fn tokio_with(options: TokioOptions) -> Result<Transport, StartError> {
    let executor = TokioExecutor::here()?;
    let compute = Pool::start(options.compute_threads, options.compute_queue).map_err(StartError::NoThreads)?;
    Ok(Transport {
        executor: Arc::new(executor),
        compute: Arc::new(compute),
        http: Arc::new(http::GuardedClient),
        dns: Arc::new(dns::Resolver),
        mailer: None,
    })
}

/// Why the runtime services could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The caller is not inside a tokio runtime.
    #[error("not inside a tokio runtime")]
    NoRuntime,
    /// The runtime was built without `enable_time`.
    #[error("the tokio runtime has no time driver; build it with enable_time or enable_all")]
    NoTimers,
    /// The system refused a thread.
    #[error("the threads for CPU-heavy work could not be started")]
    NoThreads(#[source] std::io::Error),
}
