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

mod address;
#[cfg(test)]
mod certified;
mod compute;
mod dns;
mod executor;
mod http;
mod mail;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use authpi_core::network::Network;
use authpi_core::transport::Transport;

use crate::compute::Pool;
use crate::dns::Resolver;
use crate::executor::TokioExecutor;
use crate::http::GuardedClient;

pub use mail::{MailFolder, MailSetupError, SmtpMailer};

/// How the services made by [`tokio_with`] work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokioOptions {
    /// Threads for CPU-heavy work, at least one. Default: one a core.
    pub compute_threads: usize,
    /// CPU-heavy jobs that may wait, for foreground and background each, at least one. Default: 256. A job beyond that
    /// is refused.
    pub compute_queue: usize,
    /// Which addresses outgoing requests may reach. Default: public ones.
    pub outgoing: OutgoingOptions,
    /// Name servers to ask. Default: none, which means those that the system is configured with.
    pub name_servers: Vec<SocketAddr>,
}

/// Exceptions from the guard around outgoing requests; see events-webhooks section 11. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingOptions {
    /// Plain http, private addresses, names and ports are allowed.
    ///
    /// # Security
    /// For development: with it, tenants reach whatever this machine reaches.
    pub allow_private_network: bool,
    /// Networks that count as public, such as that of a receiver in one's own data centre.
    pub allowed_networks: Vec<Network>,
    /// Certificates in PEM, one or several, that count beside those of the system: of a private authority.
    pub trusted_certificates: String,
}

impl Default for TokioOptions {
    fn default() -> Self {
        Self {
            compute_threads: thread::available_parallelism().map_or(1, usize::from),
            compute_queue: 256,
            outgoing: OutgoingOptions::default(),
            name_servers: Vec::new(),
        }
    }
}

/// Builds all runtime services on the tokio runtime of the caller, with the default options.
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
/// without its time driver, [`StartError::NoThreads`] when the system refuses the threads for CPU-heavy work,
/// [`StartError::NoTls`] when no certificates to check others against can be loaded, [`StartError::NoCertificate`] when
/// [`OutgoingOptions::trusted_certificates`] has none.
pub fn tokio_with(options: TokioOptions) -> Result<Transport, StartError> {
    let executor = TokioExecutor::here()?;
    let compute = Pool::start(options.compute_threads, options.compute_queue).map_err(StartError::NoThreads)?;
    let resolver = Resolver::new(&options.name_servers);
    let http = GuardedClient::new(options.outgoing, resolver.clone())?;
    Ok(Transport {
        executor: Arc::new(executor),
        compute: Arc::new(compute),
        http: Arc::new(http),
        dns: Arc::new(resolver),
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
    /// TLS cannot be used.
    #[error("the client for outgoing requests could not be built")]
    NoTls(#[source] reqwest::Error),
    /// What is to be trusted is no certificate.
    #[error("the trusted certificates are not in PEM")]
    NoCertificate,
}
