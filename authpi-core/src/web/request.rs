//! A request as every framework can state it.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
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
    /// The host that it names, see [`named_host`]; nothing is believed because of it.
    pub host: Option<String>,
    /// Query without the question mark, still percent-encoded.
    pub query: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Address of the peer, when the adapter knows it.
    pub peer: Option<IpAddr>,
    /// The body, read to its end or to its limits.
    pub body: Result<Bytes, BodyError>,
}

/// The host that a request names, without its port: that of its target where it has one, else of its `Host` header
/// (RFC 9112 §3.2.2).
pub fn named_host(of_target: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let named = of_target.or_else(|| headers.get(HOST).and_then(|value| value.to_str().ok()))?;
    let authority: Authority = named.trim().parse().ok()?;
    Some(authority.host().to_owned())
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
