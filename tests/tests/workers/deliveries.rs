//! Deliveries to receivers that take their time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::event::catalogue;
use authpi_core::event::repository::Consumer;
use authpi_core::store::contract::event::event;
use authpi_core::transport::{HttpClient, HttpFailure, IncomingAnswer, OutgoingRequest, Transport};
use authpi_core::web::services::Options;
use authpi_core::webhook::model::DeliveryStatus;
use authpi_core::worker::run_once;
use bytes::Bytes;
use futures_util::future::{join, join_all};
use http::HeaderMap;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::json;
use tests::{App, Caller, Driver};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;

/// Longer than anything takes that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Take every request at once, except below `slow.example`: there it waits until it is let go.
struct Receivers {
    tell: UnboundedSender<(String, String)>,
    gate: Semaphore,
    waiting: AtomicUsize,
}

#[async_trait]
impl HttpClient for Receivers {
    async fn send(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        let host = request.url.host_str().unwrap().to_owned();
        let is_slow = host.ends_with("slow.example");
        self.tell.send((host, request.headers["webhook-id"].to_str().unwrap().to_owned())).unwrap();
        if is_slow {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let let_go = self.gate.acquire().await;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            let_go.map_err(|_| HttpFailure::Connect)?.forget();
        }
        Ok(IncomingAnswer { status: 204, headers: HeaderMap::new(), body: Ok(Bytes::new()) })
    }

    fn check(&self, _url: &Url) -> Result<(), &'static str> {
        Ok(())
    }
}

struct Ground {
    app: App,
    receivers: Arc<Receivers>,
    seen: UnboundedReceiver<(String, String)>,
}

impl Ground {
    async fn start() -> Self {
        let (tell, seen) = unbounded_channel();
        let receivers = Arc::new(Receivers { tell, gate: Semaphore::new(0), waiting: AtomicUsize::new(0) });
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let options = Options { rate_limits: false, ..Options::default() };
        let transport = Transport { http: Arc::clone(&receivers) as _, ..authpi_transport::tokio().unwrap() };
        let app = App::start_in(Driver::Axum, options, store, folder, transport).await;
        Self { app, receivers, seen }
    }

    /// Events that arrive at `host`, `count` of them, whatever arrives elsewhere.
    async fn sees(&mut self, host: &str, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        while events.len() < count {
            let Ok(Some((to, event))) = tokio::time::timeout(PATIENCE, self.seen.recv()).await else {
                panic!("{} of {count} arrived at {host}", events.len());
            };
            if to == host {
                events.push(event);
            }
        }
        events
    }

    /// How many deliveries are reserved now, or on their way.
    async fn reserved(&self) -> i64 {
        let url = format!("sqlite://{}", self.app.folder.path().join("authpi.db").display());
        let database = sea_orm::Database::connect(&url).await.unwrap();
        let sql = "SELECT count(*) FROM authpi_webhook_delivery WHERE leased_until IS NOT NULL";
        let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// So many events of the account happen at once.
    async fn very_many(&self, count: usize) {
        let (services, account) = (self.app.authpi.services(), self.app.account.parse().unwrap());
        let mut unit = services.store.begin(services.now()).await.unwrap();
        for _ in 0..count.div_ceil(500) {
            let events: Vec<_> =
                (0..500).map(|_| event(account, catalogue::ORGANIZATION_CREATED, services.now())).collect();
            unit.events().append(&events).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    /// What has arrived at `host` meanwhile.
    fn seen(&mut self, host: &str) -> Vec<String> {
        let mut events = Vec::new();
        while let Ok((to, event)) = self.seen.try_recv() {
            if to == host {
                events.push(event);
            }
        }
        events
    }
}

/// Looks until something has come about.
async fn until(holds: impl AsyncFn() -> bool) {
    let looks = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.unwrap();
}

/// Of an account: its webhooks, and where something happens.
struct Tenant {
    caller: Caller,
    webhooks: String,
    organizations: String,
}

impl Tenant {
    async fn new((caller, account): (Caller, String)) -> Self {
        let issuers = format!("/v1/accounts/{account}/issuers");
        let issuer = caller.post(&issuers, json!({ "name": "acme" })).expect(201).await.id();
        let organizations = format!("{issuers}/{issuer}/organizations");
        Self { caller, webhooks: format!("/v1/accounts/{account}/webhooks"), organizations }
    }

    async fn webhook(&self, host: &str) -> String {
        let body = json!({
            "url": format!("https://{host}/"),
            "auth": { "type": "none" },
            "events": ["organization.created"],
            "retry": { "timeout_seconds": 30 },
        });
        self.caller.post(&self.webhooks, body).expect(201).await.id()
    }

    async fn happens(&self, times: usize) {
        for number in 0..times {
            self.caller.post(&self.organizations, json!({ "name": format!("n{number}") })).expect(201).await;
        }
    }

    /// Deliveries of events to a webhook that have failed.
    async fn failed(&self, app: &App, webhook: &str, times: usize) -> Vec<String> {
        self.happens(times).await;
        let account = self.webhooks.split('/').nth(3).unwrap();
        let events = format!("/v1/accounts/{account}/events?event_types=organization.created&limit={times}");
        let events = self.caller.get(&events).expect(200).await;
        let mut deliveries = Vec::new();
        for event in events.data().as_array().unwrap() {
            let event = event["id"].as_str().unwrap();
            deliveries.push(app.deliver(account, webhook, event, DeliveryStatus::Failed).await);
        }
        deliveries
    }

    /// Delivers anew, and waits for how that goes.
    async fn redelivered(&self, webhook: &str, delivery: &str) -> bool {
        let path = format!("{}/{webhook}/deliveries/{delivery}/redeliver", self.webhooks);
        self.caller.act(&path).expect(200).await.data()["success"] == json!(true)
    }

    /// How many deliveries to a webhook are in this status.
    async fn count(&self, webhook: &str, status: &str) -> usize {
        let path = format!("{}/{webhook}/deliveries?status={status}&limit=100", self.webhooks);
        self.caller.get(&path).expect(200).await.data().as_array().map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn stopping_waits_for_attempts_and_gives_back_what_none_has_begun_at() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let webhook = ours.webhook("slow.example").await;
    ours.happens(7).await;
    let workers = ground.app.authpi.start();
    let mut sent = ground.sees("slow.example", 4).await;
    let mut stopping = Box::pin(workers.stop());
    let early = tokio::time::timeout(Duration::from_secs(11), &mut stopping).await;
    assert!(early.is_err(), "they would be made once more");
    ground.receivers.gate.add_permits(4);
    stopping.await;
    assert_eq!((ours.count(&webhook, "delivered").await, ours.count(&webhook, "pending").await), (4, 3));
    ground.receivers.gate.add_permits(3);
    run_once(ground.app.authpi.services()).await.unwrap();
    sent.extend(ground.seen("slow.example"));
    assert_eq!(ours.count(&webhook, "delivered").await, 7, "no lease has to run out first");
    assert_eq!((sent.len(), sent.iter().collect::<std::collections::HashSet<_>>().len()), (7, 7), "each once");
}

#[tokio::test]
async fn receivers_that_hang_delay_no_other_of_their_account_or_of_another() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let theirs = Tenant::new(ground.app.another_account().await).await;
    for number in 0..19 {
        ours.webhook(&format!("{number}.slow.example")).await;
    }
    ours.webhook("good.example").await;
    theirs.webhook("theirs.example").await;
    let workers = ground.app.authpi.start();
    ours.happens(6).await;
    ground.sees("good.example", 6).await;
    theirs.happens(6).await;
    ground.sees("theirs.example", 6).await;
    ours.happens(6).await;
    ground.sees("good.example", 6).await;
    assert_eq!(ground.receivers.waiting.load(Ordering::SeqCst), 19 * 4, "all that hang have four each");
    ground.receivers.gate.add_permits(1_000);
    workers.stop().await;
}

#[tokio::test]
async fn webhooks_of_one_host_share_its_four_places_and_each_gets_its_events() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let mut webhooks = Vec::new();
    for _ in 0..12 {
        webhooks.push(ours.webhook("slow.example").await);
    }
    ours.webhook("good.example").await;
    let workers = ground.app.authpi.start();
    ours.happens(3).await;
    ground.sees("good.example", 3).await;
    ground.receivers.gate.add_permits(36);
    until(async || {
        assert!(ground.receivers.waiting.load(Ordering::SeqCst) <= 4);
        ground.receivers.gate.available_permits() == 0
    })
    .await;
    workers.stop().await;
    for webhook in webhooks {
        assert_eq!(ours.count(&webhook, "delivered").await, 3);
    }
}

#[tokio::test]
async fn callers_wait_for_four_attempts_of_their_account_at_a_time_and_for_none_of_others() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let theirs = Tenant::new(ground.app.another_account().await).await;
    let (slow, good) = (ours.webhook("slow.example").await, theirs.webhook("good.example").await);
    let deliveries = ours.failed(&ground.app, &slow, 6).await;
    let other = theirs.failed(&ground.app, &good, 1).await;
    let asked = join_all(deliveries.iter().map(|delivery| ours.redelivered(&slow, delivery)));
    let meanwhile = async {
        ground.sees("slow.example", 4).await;
        assert!(theirs.redelivered(&good, &other[0]).await);
        assert_eq!(ground.receivers.waiting.load(Ordering::SeqCst), 4);
        ground.receivers.gate.add_permits(6);
    };
    let (outcomes, ()) = join(asked, meanwhile).await;
    assert_eq!(outcomes, [true; 6], "the other two had their turn");
}

#[tokio::test]
async fn who_waits_too_long_for_attempts_of_their_own_account_is_told_to_come_again() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let slow = ours.webhook("slow.example").await;
    let deliveries = ours.failed(&ground.app, &slow, 5).await;
    let asked = join_all(deliveries[..4].iter().map(|delivery| ours.redelivered(&slow, delivery)));
    let meanwhile = async {
        ground.sees("slow.example", 4).await;
        let path = format!("{}/{slow}/deliveries/{}/redeliver", ours.webhooks, deliveries[4]);
        let refused = ours.caller.act(&path).expect(429).await;
        assert_eq!((refused.refusal().0.as_str(), refused.header("retry-after")), ("rate_limited", "10"));
        ground.receivers.gate.add_permits(4);
    };
    assert_eq!(join(asked, meanwhile).await.0, [true; 4]);
    assert_eq!(ours.count(&slow, "failed").await, 1, "nothing has become of it");
}

#[tokio::test]
async fn of_very_many_deliveries_few_are_held_in_memory_when_a_receiver_hangs_or_stops_answering() {
    let mut ground = Ground::start().await;
    let ours = Tenant::new((ground.app.root(), ground.app.account.clone())).await;
    let services = Arc::clone(ground.app.authpi.services());
    // What is on its way when the webhook is made is not for it.
    run_once(&services).await.unwrap();
    ours.webhook("slow.example").await;
    ground.very_many(4_000).await;
    let workers = ground.app.authpi.start();
    ground.sees("slow.example", 4).await;
    until(async || services.store.reads().events().waiting_since(Consumer::Webhooks).await.unwrap().is_none()).await;
    assert_eq!(ground.reserved().await, 4, "all others wait in the store");
    ground.receivers.gate.add_permits(1_500);
    ground.sees("slow.example", 1_500).await;
    let most = ground.reserved().await;
    assert!((5..=1_024 + 4).contains(&most), "as many as it answers in a while: {most}");
    // The clock stands still unless it is told: nothing has ended for a second.
    until(async || {
        ground.app.advance(Duration::from_secs(1));
        ground.reserved().await <= 4
    })
    .await;
    ground.receivers.gate.add_permits(10_000);
    ground.sees("slow.example", 2_496).await;
    workers.stop().await;
    assert_eq!(ground.reserved().await, 0);
}
