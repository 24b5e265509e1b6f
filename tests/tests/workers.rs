//! Background work, as a host starts, stops or calls it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::AuthPi;
use authpi_core::event::catalogue;
use authpi_core::event::model::{Event, Subject};
use authpi_core::event::repository::{Consumer, EventFilter};
use authpi_core::id::{AccountId, EventId, IssuerId, MemberId};
use authpi_core::outcome::InsertOutcome;
use authpi_core::page::{Limit, PageRequest};
use authpi_core::store::contract::{START, api_key, event, issuer, membership, mint, organization};
use authpi_core::store::{Reads, Store, StoreError, StoreErrorKind, UnitOfWork};
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{Clock, ManualClock, MasterKey};
use authpi_core::urls::Urls;
use authpi_core::worker;
use authpi_storage::DatabaseStore;
use serde_json::json;
use tests::{App, Driver};

const DAY: Duration = Duration::from_hours(24);

/// A store whose units of work, or appends, can be made to fail or to panic.
struct Unsteady {
    store: DatabaseStore,
    panicking: Arc<AtomicBool>,
    failing: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Unsteady {
    fn reads(&self) -> &dyn Reads {
        self.store.reads()
    }

    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError> {
        assert!(!self.panicking.load(Ordering::SeqCst), "of a test");
        self.store.begin(now).await
    }

    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "event.append", "of a test"));
        }
        self.store.append(events).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

struct Ground {
    authpi: AuthPi,
    clock: Arc<ManualClock>,
    panicking: Arc<AtomicBool>,
    failing: Arc<AtomicBool>,
}

async fn ground() -> Ground {
    let (panicking, failing) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let store = authpi_storage::connect("sqlite::memory:").await.unwrap();
    let store = Unsteady { store, panicking: Arc::clone(&panicking), failing: Arc::clone(&failing) };
    let clock = Arc::new(ManualClock::at(START));
    let urls = Urls::under("http://127.0.0.1:1").unwrap();
    let authpi = AuthPi::builder(store, MasterKey::new([42; 32]), urls)
        .transport(authpi_transport::tokio().unwrap())
        .clock(Arc::clone(&clock))
        .build()
        .await
        .unwrap();
    Ground { authpi, clock, panicking, failing }
}

impl Ground {
    fn buffer(&self, account: AccountId) -> EventId {
        let one = event::event(account, catalogue::API_KEY_VERIFIED, START);
        let id = one.id;
        self.authpi.services().buffer.push(one);
        id
    }

    async fn events(&self, account: AccountId) -> usize {
        let page = PageRequest { limit: Limit::default(), after: None };
        let reads = self.authpi.services().store.reads();
        reads.events().list(account, &EventFilter::default(), &page).await.unwrap().items.len()
    }

    /// Leaves an organization whose deletion was accepted.
    async fn deleted_organization(&self) {
        self.deleted_organization_of(0).await;
    }

    /// The same with members.
    async fn deleted_organization_of(&self, members: usize) {
        let services = self.authpi.services();
        let (tenant, methods) = issuer::issuer(mint());
        let one = organization::organization(tenant.id);
        let mut unit = services.store.begin(START).await.unwrap();
        unit.issuers().insert(&tenant, b"wrapped", &methods).await.unwrap();
        unit.organizations().insert(&one).await.unwrap();
        for _ in 0..members {
            let member = membership::membership(&one, MemberId::User(mint()), &["a:read"]);
            assert_eq!(unit.memberships().insert(&member).await.unwrap(), InsertOutcome::Inserted);
        }
        let _ = unit.organizations().begin_delete(one.issuer_id, one.id, START).await.unwrap();
        unit.commit().await.unwrap();
    }

    async fn deleting(&self) -> usize {
        self.authpi.services().store.reads().organizations().deleting(10).await.unwrap().len()
    }
}

async fn pause(millis: u64) {
    #[allow(clippy::disallowed_methods, reason = "what runs beside the test goes by real time")]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test]
async fn buffered_events_are_written_at_the_latest_after_200_ms() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    let account = mint();
    for expected in 1..5 {
        ground.buffer(account);
        pause(200).await;
        assert_eq!(ground.events(account).await, expected);
    }
    workers.stop().await;
}

#[tokio::test]
async fn stopping_writes_what_is_buffered() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    let account = mint();
    pause(20).await;
    for _ in 0..2_500 {
        ground.buffer(account);
    }
    workers.stop().await;
    assert!(ground.authpi.services().buffer.is_empty());
    assert_eq!(ground.authpi.services().buffer.dropped(), 0);
    assert_eq!(ground.events(account).await, 50);
}

#[tokio::test]
async fn workers_go_on_when_their_handle_is_dropped() {
    let ground = ground().await;
    drop(ground.authpi.start());
    let account = mint();
    pause(20).await;
    ground.buffer(account);
    pause(250).await;
    assert_eq!(ground.events(account).await, 1);
}

#[tokio::test]
async fn removal_begins_within_a_second() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    pause(100).await;
    ground.deleted_organization().await;
    pause(1_000).await;
    assert_eq!(ground.deleting().await, 0);
    workers.stop().await;
}

#[tokio::test]
async fn one_run_removes_an_organization_with_all_its_members() {
    let ground = ground().await;
    ground.deleted_organization_of(1_100).await;
    ground.deleted_organization().await;
    worker::run_once(ground.authpi.services()).await.unwrap();
    assert_eq!(ground.deleting().await, 0);
}

#[tokio::test]
async fn a_panicking_step_hinders_no_other_and_is_repeated() {
    let ground = ground().await;
    ground.deleted_organization().await;
    ground.panicking.store(true, Ordering::SeqCst);
    let workers = ground.authpi.start();
    let account = mint();
    ground.buffer(account);
    pause(300).await;
    assert_eq!(ground.events(account).await, 1);
    assert_eq!(ground.deleting().await, 1);
    ground.panicking.store(false, Ordering::SeqCst);
    pause(1_500).await;
    assert_eq!(ground.deleting().await, 0);
    workers.stop().await;
}

#[tokio::test]
async fn events_stay_buffered_while_the_store_fails() {
    let ground = ground().await;
    let account = mint();
    ground.failing.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        ground.buffer(account);
        assert!(worker::run_once(ground.authpi.services()).await.is_err());
    }
    assert_eq!(ground.authpi.services().buffer.len(), 3);
    ground.failing.store(false, Ordering::SeqCst);
    worker::run_once(ground.authpi.services()).await.unwrap();
    assert_eq!(ground.events(account).await, 3);
    assert_eq!(ground.authpi.services().buffer.dropped(), 0);
}

#[tokio::test]
async fn one_failing_step_hinders_no_other_of_a_single_run() {
    let ground = ground().await;
    ground.deleted_organization().await;
    ground.failing.store(true, Ordering::SeqCst);
    ground.buffer(mint());
    assert!(worker::run_once(ground.authpi.services()).await.is_err());
    assert_eq!(ground.deleting().await, 0);
}

#[tokio::test]
async fn what_has_expired_is_gone_after_one_run() {
    let ground = ground().await;
    let services = ground.authpi.services();
    let (account, key): (AccountId, _) = (mint(), [7; 32]);
    let mut unit = services.store.begin(START).await.unwrap();
    let _ = unit.idempotency().claim(account, &key, START.plus(DAY)).await.unwrap();
    let per_request = (0..600).map(|_| event::event(account, catalogue::API_KEY_VERIFIED, START));
    let others = (0..2).map(|_| event::event(account, catalogue::API_KEY_CREATED, START));
    unit.events().append(&per_request.chain(others).collect::<Vec<_>>()).await.unwrap();
    unit.commit().await.unwrap();

    ground.clock.advance(DAY * 30);
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 50, "30 days have not passed yet");
    let mut unit = services.store.begin(services.now()).await.unwrap();
    assert_eq!(unit.idempotency().purge(10).await.unwrap(), 0);
    drop(unit);

    ground.clock.advance(Duration::from_millis(1));
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 2);
    ground.clock.advance(DAY * 60);
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 0);
}

#[tokio::test]
async fn a_deleted_user_leaves_its_organizations_at_once_and_is_erased_after_30_days() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "a@example.com").await;
    for _ in 0..2 {
        let organization = app.organization(&issuer).await;
        app.root()
            .post(&format!("{organization}/members"), json!({ "member_id": user, "scopes": ["owner"] }))
            .expect(201)
            .await;
    }
    app.root().delete(&format!("{issuer}/users/{user}")).expect(204).await;
    worker::run_once(services).await.unwrap();
    let issuer_id = issuer.rsplit('/').next().unwrap().parse().unwrap();
    let member = MemberId::User(user.parse().unwrap());
    let memberships = services.store.reads().memberships();
    assert_eq!(memberships.count_of_member(issuer_id, member).await.unwrap(), 0);
    let kept = async || services.store.reads().users().deleted_before(app.clock.now().plus(DAY), 10).await.unwrap();
    assert_eq!(kept().await.len(), 1);
    app.advance(DAY * 30);
    worker::run_once(services).await.unwrap();
    assert_eq!(kept().await.len(), 1, "30 days have not passed yet");
    app.advance(Duration::from_secs(1));
    worker::run_once(services).await.unwrap();
    assert_eq!(kept().await.len(), 0);
    app.user(&issuer, "a@example.com").await;
}

#[tokio::test]
async fn a_deleted_client_is_listed_as_deleted_for_30_days() {
    let app = App::start(Driver::Axum).await;
    let clients = format!("{}/clients", app.issuer().await);
    let settings = json!({ "openid": { "redirect_uris": ["https://app.example.com/cb"] } });
    let made = app.root().post(&clients, json!({ "name": "Web", "settings": settings })).expect(201).await;
    app.root().delete(&format!("{clients}/{}", made.id())).expect(204).await;
    let listed = async || {
        worker::run_once(app.authpi.services()).await.unwrap();
        let page = app.root().get(&format!("{clients}?status=deleted")).expect(200).await;
        page.data().as_array().unwrap().len()
    };
    assert_eq!(listed().await, 1);
    app.advance(DAY * 30 + Duration::from_secs(1));
    assert_eq!(listed().await, 0);
}

#[tokio::test]
async fn an_issuer_stays_a_minute_longer_than_what_belonged_to_it() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    for number in 0..3 {
        app.user(&issuer, &format!("user-{number}@example.com")).await;
    }
    app.root().delete(&issuer).expect(204).await;
    worker::run_once(services).await.unwrap();
    let deleting = async || services.store.reads().issuers().deleting(10).await.unwrap();
    let id = issuer.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(services.store.reads().issuers().children(id).await.unwrap().users, 0);
    assert_eq!(deleting().await.len(), 1);
    app.advance(Duration::from_secs(61));
    worker::run_once(services).await.unwrap();
    assert_eq!(deleting().await.len(), 0);
    assert!(services.root(id).await.unwrap().is_none(), "its root key is forgotten");
}

#[tokio::test]
async fn an_expired_key_is_announced_once() {
    let app = App::start(Driver::Axum).await;
    let expires = app.now() + 60_000;
    let body = json!({ "name": "k", "restrictions": { "scopes": [] }, "expires_at": expires });
    let key = app.root().post(&app.path("/api-keys"), body).expect(201).await.id();
    worker::run_once(app.authpi.services()).await.unwrap();
    assert_eq!(app.events("event_types=api-key.updated").await.len(), 0);
    app.advance(Duration::from_mins(1));
    for _ in 0..2 {
        worker::run_once(app.authpi.services()).await.unwrap();
    }
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["subject"]["key_id"], key);
    assert_eq!(events[0]["data"]["action"], "expired");
    assert_eq!(events[0]["trigger"], "schedule");
    assert_eq!(events[0]["auth"]["type"], "system");
}

#[tokio::test]
async fn signing_keys_that_are_due_are_rotated_and_the_rsa_pool_is_full() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    let id = issuer.rsplit('/').next().unwrap();
    app.anonymous().get(&format!("/{id}/jwks.json")).expect(200).await;
    let keys = async || services.store.reads().signing_keys().newest(id.parse().unwrap(), 100).await.unwrap().len();
    worker::run_once(services).await.unwrap();
    assert_eq!(keys().await, 3, "nothing is due");
    assert_eq!(services.keys.ready_rsa(), services.options.rsa_pool);
    app.advance(DAY * 32);
    worker::run_once(services).await.unwrap();
    assert_eq!(keys().await, 6);
}

/// An issuer whose root key nothing unwraps.
async fn broken_issuer(app: &App, account: AccountId) -> IssuerId {
    let (broken, methods) = issuer::issuer(account);
    let mut unit = app.authpi.services().store.begin(app.clock.now()).await.unwrap();
    unit.issuers().insert(&broken, &[0; 60], &methods).await.unwrap();
    unit.commit().await.unwrap();
    broken.id
}

#[tokio::test]
async fn an_issuer_without_a_usable_root_key_keeps_no_other_waiting() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let account = mint();
    let broken = broken_issuer(&app, account).await;
    let whole: IssuerId = app.issuer().await.rsplit('/').next().unwrap().parse().unwrap();
    let expired = |issuer_id, millis| {
        let mut key = api_key::key(account);
        key.issuer_id = issuer_id;
        key.details.expires_at = Some(Timestamp::from_millis(millis));
        key
    };
    let mut events = [broken, whole].map(|issuer| Event {
        subject: Subject::issuer(account, issuer).user(mint()),
        ..event::event(account, catalogue::USER_PASSWORD_CHANGED, app.clock.now())
    });
    let mut ids = events.each_ref().map(|event| event.id);
    ids.sort_unstable();
    for (event, id) in events.iter_mut().zip(ids) {
        event.id = id;
    }
    let mut unit = services.store.begin(app.clock.now()).await.unwrap();
    for key in [expired(broken, 1), expired(broken, 2), expired(whole, 3)] {
        unit.api_keys().insert(&key).await.unwrap();
    }
    unit.events().append(&events).await.unwrap();
    unit.commit().await.unwrap();
    worker::run_once(services).await.unwrap();
    let left = services.store.reads().api_keys().expired_unannounced(app.clock.now(), &[], 10).await.unwrap();
    assert_eq!(left.iter().map(|key| key.issuer_id).collect::<Vec<_>>(), [broken, broken]);
    let mut unit = services.store.begin(app.clock.now()).await.unwrap();
    let waiting = unit.events().outbox(Consumer::Notices, None, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|event| event.id).collect::<Vec<_>>(), [ids[0]], "it is tried again");
}
