//! A database that says nothing.

use std::time::{Duration, Instant};

use authpi_core::web::services::Options;
use serde_json::json;
use tests::caller::Call;
use tests::proxy::Proxy;
use tests::{App, Backend, Database, Driver, Reply};

/// Every answer comes within 20 s (docs/decisions/0008), and a busy machine takes its time.
const DEADLINE: Duration = Duration::from_secs(25);

fn is_unavailable(refused: &Reply) {
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(refused.body["error"], "temporarily_unavailable", "{refused}");
    assert_eq!(refused.body["retryable"], true, "{refused}");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
}

async fn a_database_that_falls_silent_is_a_503_within_the_deadline(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = Database::create(backend, folder.path()).await else { return };
    let mut url = reqwest::Url::parse(&database.url).unwrap();
    let proxy = Proxy::start(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();
    let store = authpi_storage::connect(url.as_str()).await.unwrap();
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(Driver::Axum, options, store, folder).await;
    let (root, issuers) = (app.root(), app.path("/issuers"));
    let made = root.post(&issuers, json!({ "name": "before" })).expect(201).await.id();

    proxy.fall_silent();
    let began = Instant::now();
    let write = || root.post(&issuers, json!({ "name": "silent" })).header("idempotency-key", "one");
    let (read, written, ready) =
        tokio::join!(root.get(&issuers).send(), write().send(), app.anonymous().get("/readyz").send());
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    for refused in [read, written, ready] {
        is_unavailable(&refused);
    }
    root.get("/healthz").expect(200).await;

    proxy.restore();
    recovered(|| root.get("/readyz")).await;
    root.get(&format!("{issuers}/{made}")).expect(200).await;
    // What was refused left nothing, not even its key.
    write().expect(201).await;
    let listed = root.get(&issuers).expect(200).await;
    let silent = listed.data().as_array().unwrap().iter().filter(|issuer| issuer["name"] == "silent");
    assert_eq!(silent.count(), 1);
    database.remove().await;
}

async fn recovered(call: impl Fn() -> Call) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let ready = async {
        while !call().send().await.status.is_success() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("it recovers by itself");
}

#[tokio::test]
async fn a_postgresql_that_falls_silent_is_a_503_within_the_deadline() {
    a_database_that_falls_silent_is_a_503_within_the_deadline(Backend::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_that_falls_silent_is_a_503_within_the_deadline() {
    a_database_that_falls_silent_is_a_503_within_the_deadline(Backend::Mariadb).await;
}
