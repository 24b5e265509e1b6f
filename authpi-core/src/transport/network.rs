//! The way out: HTTP requests and DNS look-ups, both bounded, both guarded against reaching inside.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::time::Duration;
use url::Url;

/// One request to a URL that a tenant may have supplied.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers besides those that the client sets.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// For all of it: connecting, sending, reading the answer. It cuts a body off whose head has come.
    pub timeout: Duration,
    /// Most bytes of the answer's body that are read; the rest is dropped.
    pub answer_limit: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct IncomingAnswer {
    /// Status; redirects are not followed, so it may be one.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most as long as was asked for; or why it did not come, when the head had: whoever needs the status alone
    /// has it.
    pub body: Result<Bytes, HttpFailure>,
}

impl IncomingAnswer {
    /// Status and body, for whom an answer that breaks off is none.
    ///
    /// # Errors
    /// [`HttpFailure`] of the body.
    pub fn whole(self) -> Result<(u16, Bytes), HttpFailure> {
        self.body.map(|body| (self.status, body))
    }
}

/// Why nothing came back. Says a class only: addresses and texts of strangers stay out of answers and logs
/// (events-webhooks section 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpFailure {
    /// The URL or an address behind its name is not public.
    #[error("blocked_address")]
    Blocked,
    /// The name does not resolve.
    #[error("dns")]
    Dns,
    /// No connection, or it broke.
    #[error("connect")]
    Connect,
    /// The TLS handshake failed.
    #[error("tls")]
    Tls,
    /// Not done in time.
    #[error("timeout")]
    Timeout,
}

/// Sends requests through the guard of events-webhooks section 11: public addresses only, connected to the address that
/// was checked, no redirects, no proxy, no cookies.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// [`HttpFailure`], until the head of the answer is there; what fails after that, [`IncomingAnswer::body`] tells.
    async fn send(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure>;

    /// Whether a URL may be stored as one to call later: scheme, host and port by the rules for writing, without a
    /// look-up.
    ///
    /// # Errors
    /// What is wrong with it, in words for the caller.
    fn check(&self, url: &Url) -> Result<(), &'static str>;
}

/// Why a name could not be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name servers did not answer")]
pub struct DnsFailure;

/// Asks the DNS.
#[async_trait]
pub trait DnsResolver: Send + Sync {
    /// The TXT records of a name, each with its strings joined; none when there is no such name or record. Bounded in
    /// time and number.
    ///
    /// # Errors
    /// [`DnsFailure`] when the question could not be answered.
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsFailure>;
}

/// No way out: for deployments that must not reach anything, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn send(&self, _: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        Err(HttpFailure::Connect)
    }

    fn check(&self, _: &Url) -> Result<(), &'static str> {
        Err("this deployment calls no other servers")
    }
}

#[async_trait]
impl DnsResolver for NoNetwork {
    async fn txt(&self, _: &str) -> Result<Vec<String>, DnsFailure> {
        Err(DnsFailure)
    }
}
