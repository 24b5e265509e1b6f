//! Breached passwords, looked up at a range service.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authpi_core::transport::{HttpClient, HttpFailure, IncomingAnswer, MasterKey, OutgoingRequest};
use authpi_core::urls::Urls;
use authpi_core::verifier::model::InvalidPassword;
use authpi_core::verifier::screening::{Person, screened};
use authpi_core::web::services::Options;
use authpi_core::{AuthPi, Bootstrap};
use http::HeaderMap;
use url::Url;

/// SHA-1 of "a phrase that leaked".
const LEAKED: (&str, &str) = ("a phrase that leaked", "D8566B4ABAC51A069396D39F05874503F496B2F4");

/// A service that knows one password, and what it was asked.
#[derive(Default)]
struct RangeService {
    asked: Mutex<Vec<String>>,
    failing: Mutex<Option<u16>>,
}

#[async_trait]
impl HttpClient for RangeService {
    async fn send(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        self.asked.lock().unwrap().push(request.url.to_string());
        let failing = *self.failing.lock().unwrap();
        if failing == Some(0) {
            return Err(HttpFailure::Timeout);
        }
        let body = format!("00000000000000000000000000000000000:9\r\n{}:17\r\n", &LEAKED.1[5..]);
        Ok(IncomingAnswer { status: failing.unwrap_or(200), headers: HeaderMap::new(), body: Ok(body.into()) })
    }

    fn check(&self, _: &Url) -> Result<(), &'static str> {
        Ok(())
    }
}

#[tokio::test]
async fn a_range_service_is_told_five_characters_and_its_failure_turns_nobody_away() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let store = authpi_storage::connect(&url).await.unwrap();
    let service = Arc::new(RangeService::default());
    let mut transport = authpi_transport::tokio().unwrap();
    transport.http = Arc::clone(&service) as Arc<dyn HttpClient>;
    let options =
        Options { breach_service: Some("https://range.example/range/".parse().unwrap()), ..Options::default() };
    let urls = Urls::under("http://127.0.0.1:1").unwrap();
    let authpi = AuthPi::builder(store, MasterKey::new([42; 32]), urls)
        .transport(transport)
        .options(options)
        .build()
        .await
        .unwrap();
    let Bootstrap::Pending(pending) = authpi.bootstrap("Main").await.unwrap() else { panic!("a fresh database") };
    let account = pending.commit().await.unwrap().account_id;
    let services = authpi.services();
    let issuer = services.platform().await.unwrap().unwrap().issuer_id;
    let look = async |password: &str| {
        screened(services, (account, issuer), Person::default(), password).await.unwrap().unwrap().map(|_| ())
    };

    assert_eq!(look("short").await, Err(InvalidPassword::TooShort(10)));
    assert_eq!(look("password123").await, Err(InvalidPassword::Breached), "the list at hand knows it");
    assert!(service.asked.lock().unwrap().is_empty(), "nobody had to be asked");
    assert_eq!(look(LEAKED.0).await, Err(InvalidPassword::Breached));
    let asked = format!("https://range.example/range/{}", &LEAKED.1[..5]);
    assert_eq!(*service.asked.lock().unwrap(), [asked]);
    assert_eq!(look("a phrase of my own").await, Ok(()));
    for failure in [0, 429, 503] {
        *service.failing.lock().unwrap() = Some(failure);
        assert_eq!(look(LEAKED.0).await, Ok(()), "{failure}");
    }
    assert!(
        screened(services, (account, authpi_core::store::contract::mint()), Person::default(), "x")
            .await
            .unwrap()
            .is_none()
    );
}
