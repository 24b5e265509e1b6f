//! Outgoing HTTP to addresses that tenants supply, behind the guard of events-webhooks §11.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::transport::{HttpClient, HttpFailure, IncomingAnswer, OutgoingRequest};
use bytes::{Bytes, BytesMut};
use reqwest::Certificate;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::address::is_global;
use crate::dns::Resolver;
use crate::{OutgoingOptions, StartError};

/// Inside the time of the whole request.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an idle connection, which is bound to the address that was checked, may be used again.
const IDLE: Duration = Duration::from_secs(30);

/// Addresses of one name that are tried. A name with thousands of them would make a request knock at as many doors.
const MOST_ADDRESSES: usize = 8;

/// Names that mean the machine or the network it stands in.
const INTERNAL_NAMES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Sends requests to public addresses only.
pub(crate) struct GuardedClient {
    client: reqwest::Client,
    guard: Guard,
}

impl GuardedClient {
    /// # Errors
    /// [`StartError::NoTls`], [`StartError::NoCertificate`].
    pub(crate) fn new(options: OutgoingOptions, resolver: Resolver) -> Result<Self, StartError> {
        let trusted =
            Certificate::from_pem_bundle(options.trusted_certificates.as_bytes()).map_err(StartError::NoTls)?;
        if trusted.is_empty() && !options.trusted_certificates.is_empty() {
            return Err(StartError::NoCertificate);
        }
        let guard = Guard(Arc::new(options));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tls_certs_merge(trusted)
            .dns_resolver(CheckedResolver { guard: guard.clone(), resolver })
            .build()
            .map_err(StartError::NoTls)?;
        Ok(Self { client, guard })
    }

    /// Head and body have one time between them. A body that breaks off or takes too long is dropped, and its connection
    /// with it.
    async fn answer(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        let deadline = Instant::now() + request.timeout;
        let mut sent = self.client.request(request.method, request.url).headers(request.headers);
        if !request.body.is_empty() {
            sent = sent.body(request.body);
        }
        let sent = timeout_at(deadline, sent.send()).await.map_err(|_| HttpFailure::Timeout)?;
        let mut response = sent.map_err(|error| class(&error))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let body = timeout_at(deadline, limited(response, request.answer_limit)).await;
        Ok(IncomingAnswer { status, headers, body: body.unwrap_or(Err(HttpFailure::Timeout)) })
    }
}

#[async_trait]
impl HttpClient for GuardedClient {
    async fn send(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        // An address in the URL never reaches the resolver.
        self.guard.check(&request.url).map_err(|_| HttpFailure::Blocked)?;
        self.answer(request).await
    }

    fn check(&self, url: &Url) -> Result<(), &'static str> {
        self.guard.check(url)
    }
}

/// The first `limit` bytes of a body; the connection is given up for the rest.
async fn limited(mut response: reqwest::Response, limit: usize) -> Result<Bytes, HttpFailure> {
    let mut body = BytesMut::new();
    while body.len() < limit {
        let Some(chunk) = response.chunk().await.map_err(|error| class(&error))? else { break };
        let room = limit - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok(body.freeze())
}

/// What may be asked for, and what connected to.
#[derive(Clone)]
struct Guard(Arc<OutgoingOptions>);

impl Guard {
    fn check(&self, url: &Url) -> Result<(), &'static str> {
        let development = self.0.allow_private_network;
        match url.scheme() {
            "https" => {}
            "http" if development => {}
            _ => return Err("must be an https URL"),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must not have user information or a fragment");
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !development && port != 443 && port < 1024 {
            return Err("must use port 443 or a port from 1024 on");
        }
        match url.host() {
            Some(Host::Domain(name)) if development || is_public_name(name) => Ok(()),
            Some(Host::Ipv4(address)) if self.allows(IpAddr::V4(address)) => Ok(()),
            Some(Host::Ipv6(address)) if self.allows(IpAddr::V6(address)) => Ok(()),
            _ => Err("must name a public host"),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let options = &self.0;
        options.allow_private_network
            || is_global(address)
            || options.allowed_networks.iter().any(|network| network.contains(address))
    }
}

fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let is_internal =
        |suffix: &&str| name.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.contains('.') && !INTERNAL_NAMES.iter().any(is_internal)
}

/// Gives a name's addresses only when all of them may be connected to; what is connected to is what was checked.
struct CheckedResolver {
    guard: Guard,
    resolver: Resolver,
}

/// Why no address was given.
#[derive(Debug, thiserror::Error)]
enum NoAddress {
    #[error("an address of the name is not public")]
    Blocked,
    #[error("the name does not resolve")]
    Unresolved,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, resolver) = (self.guard.clone(), self.resolver.clone());
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await.map_err(|_| NoAddress::Unresolved)?;
            if !addresses.iter().all(|address| guard.allows(*address)) {
                return Err(NoAddress::Blocked.into());
            }
            // Port 0 is replaced by that of the URL.
            let addresses: Addrs = Box::new(tried(addresses).into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// The addresses of a name that are tried, of both families in turn: a host may have a way out for one of them only.
fn tried(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let turns = std::iter::from_fn(|| Some([six.next(), four.next()]).filter(|turn| turn.iter().any(Option::is_some)));
    turns.flatten().flatten().take(MOST_ADDRESSES).collect()
}

/// The class of a failure, found in what it was caused by.
fn class(error: &reqwest::Error) -> HttpFailure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(reason) = inner.downcast_ref::<NoAddress>() {
            return match reason {
                NoAddress::Blocked => HttpFailure::Blocked,
                NoAddress::Unresolved => HttpFailure::Dns,
            };
        }
        if error.is_connect() && inner.downcast_ref::<io::Error>().is_some_and(is_of_handshake) {
            return HttpFailure::Tls;
        }
        cause = inner.source();
    }
    if error.is_timeout() { HttpFailure::Timeout } else { HttpFailure::Connect }
}

/// The peer broke off the handshake, or it failed: what TLS says about it lies in errors of connections, in as many of
/// them as libraries wrapped around it. A reset or a refusal is none of it.
fn is_of_handshake(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return true;
    }
    let Some(inner) = error.get_ref() else { return false };
    inner.is::<rustls::Error>() || inner.downcast_ref::<io::Error>().is_some_and(is_of_handshake)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
