//! Outgoing requests in a network that is up to no good (events-webhooks §11). The guard stands as it does in production:
//! https only, and of all loopback only one address and one network are allowed. Beside the receiver lies a trap, at the
//! same port of an address that is forbidden.

mod answers;
mod certificates;
mod environment;
mod names;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use authpi_core::transport::{HttpClient, IncomingAnswer, OutgoingRequest};
use authpi_transport::{OutgoingOptions, TokioOptions, tokio_with};
use bytes::Bytes;
use http::{HeaderMap, Method};
use tests::wire::{hear, say};
use tests::{Authority, Dns, Wire};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The name that the receiver's certificate is for.
const NAME: &str = "hook.example";

/// Its address.
const ALLOWED: &str = "127.0.0.2";

/// More addresses where a connection may be tried.
const ALLOWED_NETWORK: &str = "127.0.1.0/24";

/// The address of the trap.
const FORBIDDEN: &str = "127.0.0.3";

/// Most bytes of an answer that are asked for.
const LIMIT: usize = 1_000;

struct Scene {
    dns: Dns,
    receiver: Wire,
    trap: Wire,
    client: Arc<dyn HttpClient>,
}

impl Scene {
    /// A receiver that speaks when it has heard a request.
    async fn new<S, F>(speak: S) -> Self
    where
        S: Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let authority = Authority::new();
        let receiver = Wire::start_tls(&format!("{ALLOWED}:0"), authority.server(NAME), speak).await;
        Self::with(receiver, authority.pem()).await
    }

    /// With a receiver, and an authority that is trusted.
    async fn with(receiver: Wire, trusted_certificates: String) -> Self {
        let dns = Dns::start().await;
        dns.address_of(NAME, ALLOWED.parse().unwrap());
        let trap = Wire::trap(&format!("{FORBIDDEN}:{}", receiver.address.port())).await;
        let allowed_networks = [ALLOWED, ALLOWED_NETWORK].map(|network| network.parse().unwrap()).to_vec();
        let outgoing = OutgoingOptions { allowed_networks, trusted_certificates, ..OutgoingOptions::default() };
        let options = TokioOptions { outgoing, name_servers: vec![dns.address], ..TokioOptions::default() };
        Self { dns, receiver, trap, client: tokio_with(options).unwrap().http }
    }

    /// A receiver that answers everything with 200 and keeps its connections.
    async fn friendly() -> Self {
        Self::new(|mut stream| async move {
            while !hear(&mut stream).await.is_empty() {
                say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        })
        .await
    }

    fn url(&self, name: &str) -> String {
        format!("https://{name}:{}/in", self.receiver.address.port())
    }

    /// What a delivery would note of an attempt, and, behind a comma, what befell a body that did not come.
    async fn post(&self, url: &str) -> String {
        self.post_within(url, Duration::from_secs(20)).await
    }

    async fn post_within(&self, url: &str, timeout: Duration) -> String {
        match self.client.send(request(url, timeout)).await {
            Ok(IncomingAnswer { status, body: Ok(body), .. }) => {
                assert!(body.len() <= LIMIT, "{} bytes", body.len());
                format!("http_{status}")
            }
            Ok(IncomingAnswer { status, body: Err(failure), .. }) => format!("http_{status}, {failure}"),
            Err(failure) => failure.to_string(),
        }
    }

    /// Nobody has come to the trap.
    async fn trap_is_untouched(&self) {
        assert!(self.trap.is_untouched().await, "a forbidden address was connected to");
    }
}

fn request(url: &str, timeout: Duration) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::POST,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeout,
        answer_limit: LIMIT,
    }
}
