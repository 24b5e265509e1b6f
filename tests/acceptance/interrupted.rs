//! Callers who hang up, and endpoints that panic.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::error::Refusal;
use authpi_core::store::Reads;
use authpi_core::web::answer::Answer;
use authpi_core::web::call::Call;
use authpi_core::web::endpoint::{Operation, Read};
use authpi_core::web::pipeline::Pipeline;
use authpi_core::web::request::Request;
use authpi_core::web::route::Route;
use authpi_core::web::router::Router;
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, Method};
use tests::log::CapturedLog;
use tests::{App, Driver};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sends a whole request and drops the connection after `patience`.
async fn hang_up(app: &App, path: &str, patience: Duration) {
    let pair = format!("{}:{}", app.key.0, app.key.1);
    let authorization = base64::engine::general_purpose::STANDARD.encode(pair);
    let body = r#"{"name":"interrupted"}"#;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {authorization}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = app.base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let _ = tokio::time::timeout(patience, connection.readable()).await;
    drop(connection);
}

async fn every_interrupted_write_is_whole(driver: Driver) {
    let app = App::start(driver).await;
    let issuer = app.issuer().await;
    let list = format!("{issuer}/organizations");
    for attempt in 0..40 {
        hang_up(&app, &list, Duration::from_micros(attempt * 100)).await;
    }
    // The last word: what the server began before this is finished when this is, since there is one writer.
    app.organization(&issuer).await;
    let page = app.root().get(&format!("{list}?limit=100")).expect(200).await;
    let organizations = page.data().as_array().unwrap().len();
    let query = format!("event_types=organization.created&issuer_id={}", issuer.rsplit('/').next().unwrap());
    assert_eq!(app.event_types(&query).await.len(), organizations);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_a_whole_change_or_none_on_axum() {
    every_interrupted_write_is_whole(Driver::Axum).await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_a_whole_change_or_none_on_actix() {
    every_interrupted_write_is_whole(Driver::Actix).await;
}

struct Panics;

#[async_trait]
impl Read for Panics {
    fn route(&self) -> Route {
        Route::get("/panic").named("panic", "Panics").public()
    }

    async fn answer(&self, _reads: &dyn Reads, _call: &Call) -> Result<Answer, Refusal> {
        panic!("the secret is hunter2")
    }
}

#[tokio::test]
async fn a_panic_in_an_endpoint_is_a_500_that_tells_nothing_and_is_logged_once() {
    let (log, _guard) = CapturedLog::of_thread();
    let app = App::start(Driver::Axum).await;
    let router = Router::new(&[Operation::read(Panics)]).unwrap();
    let pipeline = Pipeline::new(Arc::clone(app.authpi.services()), router);
    for count in 1..=2 {
        let request = Request {
            method: Method::GET,
            path: "/panic".to_owned(),
            host: None,
            query: None,
            headers: HeaderMap::new(),
            peer: None,
            body: Ok(Bytes::new()),
        };
        let answer = pipeline.handle(request).await;
        assert_eq!(answer.status, 500);
        let body: serde_json::Value = serde_json::from_slice(answer.body.bytes()).unwrap();
        assert_eq!(body["error"], "server_error");
        assert!(!body.to_string().contains("hunter2"));
        let reference = body["reference"].as_str().unwrap();
        assert_eq!(answer.headers["x-request-id"], reference);
        let log = log.text();
        assert_eq!(log.lines().filter(|line| line.contains("hunter2")).count(), count, "{log}");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(reference)).collect();
        assert!(lines.len() == 1 && lines[0].contains("a request panicked"), "{lines:?}");
    }
}
