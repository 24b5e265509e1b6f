//! A request as every framework can state it.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// Largest body the APIs take, in bytes (conventions §5). Adapters stop reading beyond it.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Largest request line and headers together, in bytes (conventions §5).
pub const HEADER_LIMIT: usize = 16 * 1024;

/// A request, as the adapter found it.
#[derive(Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path below the mount point, still percent-encoded, with its leading slash.
    pub path: String,
    /// Query without the question mark, still percent-encoded.
    pub query: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Address of the peer, when the adapter knows it.
    pub peer: Option<IpAddr>,
    /// The body, read to its end or to its limits.
    pub body: Result<Bytes, BodyError>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than [`BODY_LIMIT`].
    TooLarge,
    /// Not complete in the time that the adapter allows.
    TooSlow,
    /// The connection broke, or the framing is wrong.
    Broken,
}
