//! `restrictions.rate_limit` of API keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::error::Refusal;
use authpi_core::event::model::Event;
use authpi_core::store::{EventListener, Reads, Store, StoreError, StoreErrorKind, UnitOfWork};
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::web::services::Options;
use authpi_core::{AuthPi, worker};
use futures_util::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tests::database::{Backend, Database};
use tests::{App, Caller, Reply};

use super::DRIVER;

/// A key of the account with a limit, and who holds it.
async fn limited(app: &App, limit: Value) -> (Reply, Caller) {
    let body = json!({ "name": "limited", "restrictions": { "scopes": ["accounts:read"], "rate_limit": limit } });
    let key = app.root().post(&app.path("/api-keys"), body).expect(201).await;
    let holder = app.with_key(&key.id(), &key.text("secret_plain"));
    (key, holder)
}

async fn accepted(holder: &Caller, times: usize) -> usize {
    let replies = join_all((0..times).map(|_| holder.get("/v1/me").send())).await;
    replies.iter().filter(|reply| reply.status == 200).count()
}

async fn told(app: &App, key: &Reply) -> Vec<(String, Value)> {
    let types = "event_types=api-key.rate-limit.warned,api-key.rate-limit.exceeded";
    let events = app.events(types).await;
    let ours = events.iter().filter(|event| event["subject"]["key_id"] == key.id());
    ours.map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone())).collect()
}

#[tokio::test]
async fn a_limit_reads_back_whole_and_null_removes_it() {
    let app = App::start(DRIVER).await;
    let (key, _) = limited(&app, json!({ "limit": 5, "window_seconds": 60 })).await;
    let whole = json!({ "limit": 5, "window_seconds": 60, "alert_at": 0.8 });
    assert_eq!(key.data()["restrictions"]["rate_limit"], whole);
    let path = app.path(&format!("/api-keys/{}", key.id()));
    app.advance(Duration::from_secs(1));
    let patch =
        async |limit: Value| app.root().patch(&path, json!({ "restrictions": { "rate_limit": limit } })).send().await;
    assert_eq!(patch(whole).await.header("etag"), key.header("etag"), "nothing changes");
    let merged = patch(json!({ "limit": 7 })).await;
    let expected = json!({ "limit": 7, "window_seconds": 60, "alert_at": 0.8 });
    assert_eq!(merged.data()["restrictions"]["rate_limit"], expected);
    let removed = patch(Value::Null).await;
    assert_eq!(removed.data()["restrictions"], json!({ "scopes": ["accounts:read"], "ip_allowlist": [] }));
    let half = patch(json!({ "limit": 7 })).await;
    assert_eq!(half.refusal().1, ["restrictions.rate_limit.window_seconds required"]);
    let events = app.events("event_types=api-key.updated").await;
    assert!(events.iter().all(|event| event["data"]["changes"] == json!(["restrictions"])));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_limit_below_a_hundred_is_exact_under_parallel_calls() {
    let app = App::start(DRIVER).await;
    let (key, holder) = limited(&app, json!({ "limit": 10, "window_seconds": 60 })).await;
    assert_eq!(accepted(&holder, 25).await, 10);
    let warned = ("api-key.rate-limit.warned".to_owned(), json!({ "limit": 10, "window_seconds": 60, "used": 8 }));
    let exceeded = ("api-key.rate-limit.exceeded".to_owned(), json!({ "limit": 10, "window_seconds": 60 }));
    assert_eq!(told(&app, &key).await, [warned, exceeded], "once each");
    let event = &app.events("event_types=api-key.rate-limit.exceeded").await[0];
    assert_eq!(event["subject"]["org_id"], key.data()["org_id"]);
    assert_eq!((&event["auth"]["type"], &event["auth"]["key_id"]), (&json!("api_key"), &json!(key.id())));
    app.advance(Duration::from_mins(1));
    assert_eq!(accepted(&holder, 11).await, 10, "the next window");
    assert_eq!(told(&app, &key).await.len(), 4);
}

#[tokio::test]
async fn over_the_limit_every_call_is_refused_until_the_window_ends() {
    let app = App::start(DRIVER).await;
    app.advance(Duration::from_millis(60_000 - u64::try_from(app.now() % 60_000).unwrap() + 500));
    let (_, holder) = limited(&app, json!({ "limit": 2, "window_seconds": 60 })).await;
    holder.get(&app.path("")).expect(200).await;
    // Not allowed, and used all the same: the key was accepted.
    holder.get(&app.path("/issuers")).expect(403).await;
    for path in ["/v1/me", "/v1/accounts", &app.path("")] {
        let refused = holder.get(path).expect(429).await;
        assert_eq!(refused.refusal(), ("rate_limited".to_owned(), vec![]));
        assert_eq!((refused.header("retry-after"), &refused.body["retry_after"]), ("60", &json!(60)));
        assert_eq!(refused.body["retryable"], true);
    }
    app.advance(Duration::from_secs(59));
    assert_eq!(holder.get("/v1/me").expect(429).await.header("retry-after"), "1");
    app.advance(Duration::from_millis(500));
    holder.get("/v1/me").expect(200).await;
    // A wrong secret uses nothing.
    let thief = app.with_key(&app.key.0, "wrong");
    thief.get("/v1/me").expect(401).await;
    holder.get("/v1/me").expect(200).await;
}

#[tokio::test]
async fn another_limit_begins_another_window() {
    let app = App::start(DRIVER).await;
    let (key, holder) = limited(&app, json!({ "limit": 1, "window_seconds": 3600 })).await;
    assert_eq!(accepted(&holder, 3).await, 1);
    let path = app.path(&format!("/api-keys/{}", key.id()));
    let patch = |limit: Value| app.root().patch(&path, json!({ "restrictions": { "rate_limit": limit } })).expect(200);
    patch(json!({ "limit": 2 })).await;
    assert_eq!(accepted(&holder, 3).await, 2);
    patch(json!({ "window_seconds": 1800 })).await;
    assert_eq!(accepted(&holder, 3).await, 2);
    patch(json!({ "limit": 1, "window_seconds": 3600 })).await;
    assert_eq!(accepted(&holder, 3).await, 0, "going back is no way to use it twice");
    patch(Value::Null).await;
    assert_eq!(accepted(&holder, 5).await, 5);
}

#[tokio::test]
async fn introspection_counts_the_inspected_key_and_tells_what_is_left() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let keys = format!("{}/api-keys", app.organization(&issuer).await);
    let limit = json!({ "limit": 2, "window_seconds": 60 });
    let body = |restrictions: Value| json!({ "name": "tenant", "restrictions": restrictions });
    let key = app.root().post(&keys, body(json!({ "rate_limit": limit }))).expect(201).await;
    let inspect = |key: &Reply, secret: &str| {
        let token = format!("{}:{secret}", key.id());
        app.root().post(&format!("{issuer}/tokens/introspect"), json!({ "token": token }))
    };
    let secret = key.text("secret_plain");
    assert_eq!(inspect(&key, "wrong").expect(200).await.data()["active"], false);
    let reset_at = app.now() - app.now() % 60_000 + 60_000;
    for remaining in [1, 0] {
        let allowance = json!({ "limit": 2, "window_seconds": 60, "remaining": remaining, "reset_at": reset_at });
        assert_eq!(inspect(&key, &secret).expect(200).await.data()["rate_limit"], allowance);
    }
    let refused = inspect(&key, &secret).expect(429).await;
    assert_eq!(refused.refusal(), ("rate_limited".to_owned(), vec!["token rate_limited".to_owned()]));
    assert_eq!(refused.header("retry-after"), refused.body["retry_after"].to_string());
    app.with_key(&key.id(), &secret).get("/v1/me").expect(429).await;
    let free = app.root().post(&keys, body(json!({}))).expect(201).await;
    let unlimited = inspect(&free, &free.text("secret_plain")).expect(200).await;
    assert_eq!((&unlimited.data()["active"], unlimited.data().get("rate_limit")), (&json!(true), None));
}

#[tokio::test]
async fn counts_of_windows_that_are_over_are_swept() {
    let app = App::start(DRIVER).await;
    let (_, holder) = limited(&app, json!({ "limit": 50, "window_seconds": 1 })).await;
    for _ in 0..3 {
        assert_eq!(accepted(&holder, 1).await, 1);
        app.advance(Duration::from_secs(1));
    }
    worker::run_once(app.authpi.services()).await.unwrap();
    let mut unit = app.authpi.services().store.begin(app.authpi.services().now()).await.unwrap();
    assert_eq!(unit.api_keys().purge_uses(100).await.unwrap(), 0);
}

/// A second engine on the database of another.
async fn second_engine(app: &App, store: impl Store + 'static) -> AuthPi {
    AuthPi::builder(store, MasterKey::new([42; 32]), Urls::under(&app.base).unwrap())
        .transport(authpi_transport::tokio().unwrap())
        .clock(Arc::clone(&app.clock))
        .build()
        .await
        .unwrap()
}

async fn accepts(engine: &AuthPi, headers: &HeaderMap) -> bool {
    match engine.caller(headers, None).await {
        Ok(_) => true,
        Err(Refusal::RateLimited { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn two_engines_on_one_database_stay_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = Database::create(Backend::Postgres, folder.path()).await else { return };
    let connect = async || authpi_storage::connect(&database.url).await.unwrap();
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(DRIVER, options, connect().await, folder).await;
    let second = second_engine(&app, connect().await).await;
    for limit in [40_usize, 200] {
        let (key, _) = limited(&app, json!({ "limit": limit, "window_seconds": 60 })).await;
        let basic =
            reqwest::Client::new().get(&app.base).basic_auth(key.id(), Some(key.text("secret_plain"))).build().unwrap();
        let mut headers = HeaderMap::new();
        let credential = basic.headers()["authorization"].to_str().unwrap().to_owned();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&credential).unwrap());
        let uses = join_all((0..3 * limit).map(|number| {
            let engine = if number % 2 == 0 { &app.authpi } else { &second };
            accepts(engine, &headers)
        }));
        let accepted = uses.await.into_iter().filter(|accepted| *accepted).count();
        assert_eq!(accepted, limit, "both together, and nothing is left over when both go on to the end");
    }
    drop((app, second));
    database.remove().await;
}

/// A store that no unit of work can be opened on while it is down.
struct Fragile {
    store: authpi_storage::DatabaseStore,
    down: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Fragile {
    fn reads(&self) -> &dyn Reads {
        self.store.reads()
    }

    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "unit.begin", "of a test"));
        }
        self.store.begin(now).await
    }

    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.store.append(events).await
    }

    fn on_events(&self, listener: Arc<dyn EventListener>) {
        self.store.on_events(listener);
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

#[tokio::test]
async fn without_the_shared_count_only_what_was_taken_before_is_spent() {
    let down = Arc::new(AtomicBool::new(false));
    let store = authpi_storage::connect("sqlite::memory:").await.unwrap();
    let store = Fragile { store, down: Arc::clone(&down) };
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(DRIVER, options, store, tempfile::tempdir().unwrap()).await;
    let (_, holder) = limited(&app, json!({ "limit": 200, "window_seconds": 60 })).await;
    holder.get("/v1/me").expect(200).await;
    down.store(true, Ordering::SeqCst);
    assert_eq!(accepted(&holder, 30).await, 19, "the rest of a slice of a tenth");
    assert_eq!(holder.get("/v1/me").expect(503).await.refusal().0, "temporarily_unavailable");
    down.store(false, Ordering::SeqCst);
    holder.get("/v1/me").expect(200).await;
}
