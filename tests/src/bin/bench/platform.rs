//! The platform that is measured, in process.

use std::sync::Arc;

use authpi_core::id::{AccountId, IssuerId};
use authpi_core::transport::{Clock, MasterKey, SystemClock};
use authpi_core::urls::Urls;
use authpi_core::web::answer::Answer;
use authpi_core::web::request::Request;
use authpi_core::web::services::Options;
use authpi_core::worker::Workers;
use authpi_core::{AuthPi, Bootstrap};
use authpi_transport::{OutgoingOptions, TokioOptions};
use base64::Engine as _;
use http::{HeaderMap, Method};

/// A bootstrapped engine with an issuer.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) authpi: AuthPi,
    pub(crate) account: AccountId,
    pub(crate) issuer: IssuerId,
    authorization: String,
    _workers: Arc<Workers>,
}

impl Platform {
    /// On the database at `url`, without rate limits.
    pub(crate) async fn start(url: &str) -> Self {
        Self::start_at(url, Arc::new(SystemClock)).await
    }

    /// On the database at `url`, without rate limits, and with a clock of its own.
    pub(crate) async fn start_at(url: &str, clock: Arc<dyn Clock>) -> Self {
        let store = authpi_storage::connect(url).await.unwrap();
        let outgoing = OutgoingOptions { allow_private_network: true, ..OutgoingOptions::default() };
        let transport = authpi_transport::tokio_with(TokioOptions { outgoing, ..TokioOptions::default() }).unwrap();
        let authpi = AuthPi::builder(store, MasterKey::new([1; 32]), Urls::under("https://authpi.example").unwrap())
            .transport(transport)
            .clock(clock)
            .options(Options { rate_limits: false, ..Options::default() })
            .build()
            .await
            .unwrap();
        let Bootstrap::Pending(pending) = authpi.bootstrap("Bench").await.unwrap() else {
            panic!("the database is not empty");
        };
        let first = pending.commit().await.unwrap();
        let pair = format!("{}:{}", first.key_id, first.key_secret.expose());
        let mut platform = Self {
            account: first.account_id,
            issuer: authpi.services().platform().await.unwrap().unwrap().issuer_id,
            authorization: format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)),
            _workers: Arc::new(authpi.start()),
            authpi,
        };
        let made = platform.call(Method::POST, &platform.path("/issuers"), Some(r#"{"name":"bench"}"#)).await;
        let made: serde_json::Value = serde_json::from_slice(made.body.bytes()).unwrap();
        platform.issuer = made["data"]["id"].as_str().unwrap().parse().unwrap();
        platform
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}{rest}", self.account)
    }

    /// A path below the issuer.
    pub(crate) fn below(&self, rest: &str) -> String {
        self.path(&format!("/issuers/{}{rest}", self.issuer))
    }

    /// Whether the key with all rights gets what it asks for, or is told that it is too much.
    pub(crate) async fn answers(&self, path: &str) -> bool {
        let answer = self.authpi.handle(self.request(Method::GET, path, None)).await;
        let text = String::from_utf8_lossy(answer.body.bytes()).into_owned();
        assert!(answer.status.is_success() || text.contains("too many events"), "{} {text}", answer.status);
        answer.status.is_success()
    }

    /// Calls in process, as the key with all rights.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&str>) -> Answer {
        let answer = self.authpi.handle(self.request(method, path, body)).await;
        assert!(answer.status.is_success(), "{} {}", answer.status, String::from_utf8_lossy(answer.body.bytes()));
        answer
    }

    /// A request of the key with all rights.
    fn request(&self, method: Method, path: &str, body: Option<&str>) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", self.authorization.parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query.to_owned())));
        let body = Ok(body.unwrap_or_default().to_owned().into());
        Request { method, path: path.to_owned(), host: None, query, headers, peer: None, body }
    }
}

/// An HTTP client without proxies.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
