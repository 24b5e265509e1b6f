//! The first account of an empty store, made by engines over it: each stands for a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::{Ground, RACERS, mint, race};
use crate::AuthPi;
use crate::bootstrap::{Bootstrap, BootstrapCredentials};
use crate::event::model::Event;
use crate::event::repository::EventFilter;
use crate::page::{Limit, PageRequest};
use crate::store::{EventListener, Reads, Store, StoreError, UnitOfWork};
use crate::timestamp::Timestamp;
use crate::transport::{Compute, Executor, MasterKey, NoNetwork, QueueFull, Transport};
use crate::urls::Urls;
use crate::web::request::Request;

/// A store that several engines share.
struct Shared(Arc<dyn Store>);

#[async_trait]
impl Store for Shared {
    fn reads(&self) -> &dyn Reads {
        self.0.reads()
    }

    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.0.begin(now).await
    }

    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.0.append(events).await
    }

    fn on_events(&self, listener: Arc<dyn EventListener>) {
        self.0.on_events(listener);
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }
}

/// The runtime of the backend's harness.
struct Runtime(Ground);

impl Executor for Runtime {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        drop(self.0.spawn(future));
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        // Nothing here waits for time to pass.
        Box::pin(std::future::pending())
    }
}

impl Compute for Runtime {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        job();
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    fn background(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        self.run(job)
    }
}

async fn engine(ground: &Ground) -> AuthPi {
    let runtime = Arc::new(Runtime(Arc::clone(ground)));
    let urls = Urls::under("https://example.com/identity").unwrap();
    AuthPi::builder(Shared(ground.store()), MasterKey::new([9; 32]), urls)
        .transport(Transport {
            executor: Arc::clone(&runtime) as _,
            compute: runtime,
            http: Arc::new(NoNetwork),
            dns: Arc::new(NoNetwork),
            mailer: None,
        })
        .build()
        .await
        .unwrap()
}

async fn first_account(engine: &AuthPi) -> BootstrapCredentials {
    match engine.bootstrap("Acme").await.unwrap() {
        Bootstrap::Pending(pending) => pending.commit().await.unwrap(),
        Bootstrap::Already => panic!("the store was not empty"),
    }
}

pub async fn of_processes_that_start_together_one_makes_the_first_account(ground: Ground) {
    let mut engines = Vec::new();
    for _ in 0..RACERS {
        engines.push(engine(&ground).await);
    }
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (engine, wins) = (engines[number].clone(), Arc::clone(&wins));
        async move {
            match engine.bootstrap("Acme").await.unwrap() {
                Bootstrap::Pending(pending) => {
                    let credentials = pending.commit().await.unwrap();
                    assert!(engine.knows_api_key(credentials.key_id).await.unwrap());
                    wins.fetch_add(1, Ordering::SeqCst);
                }
                // Whoever is told so may use the account at once.
                Bootstrap::Already => {
                    assert!(engine.services().platform().await.unwrap().is_some());
                }
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_bootstrap_that_was_not_committed_leaves_nothing(ground: Ground) {
    let engine = engine(&ground).await;
    let Bootstrap::Pending(given_up) = engine.bootstrap("Acme").await.unwrap() else { panic!("the store is empty") };
    let key = given_up.credentials().key_id;
    drop(given_up);
    assert!(!engine.knows_api_key(key).await.unwrap());
    let credentials = first_account(&engine).await;
    assert_ne!(credentials.key_id, key);
    assert!(engine.knows_api_key(credentials.key_id).await.unwrap());
    assert!(!engine.knows_api_key(mint()).await.unwrap());
    assert!(matches!(engine.bootstrap("Acme").await.unwrap(), Bootstrap::Already));
}

async fn get(engine: &AuthPi, credentials: &BootstrapCredentials, path: &str) -> Value {
    let basic = STANDARD.encode(format!("{}:{}", credentials.key_id, credentials.key_secret.expose()));
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Basic {basic}").parse().unwrap());
    let request = Request {
        method: Method::GET,
        path: path.to_owned(),
        host: None,
        query: None,
        headers,
        peer: None,
        body: Ok(bytes::Bytes::new()),
    };
    let answer = engine.handle(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    serde_json::from_slice(answer.body.bytes()).unwrap()
}

pub async fn the_first_account_is_complete_and_its_key_opens_it(ground: Ground) {
    let engine = engine(&ground).await;
    let credentials = first_account(&engine).await;
    assert_eq!(credentials.core_url, "https://example.com/identity");
    let account = credentials.account_id;

    let shown = get(&engine, &credentials, &format!("/v1/accounts/{account}")).await;
    assert_eq!(shown["data"]["organization"]["id"], account.organization().to_string());
    assert_eq!(shown["data"]["organization"]["name"], "Acme");
    let issuers = get(&engine, &credentials, &format!("/v1/accounts/{account}/issuers")).await;
    let platform = engine.services().platform().await.unwrap().unwrap();
    assert_eq!(issuers["data"][0]["id"], platform.issuer_id.to_string());
    assert_eq!(issuers["data"][0]["readiness"], "ready");
    assert_eq!(shown["data"]["organization"]["issuer_id"], issuers["data"][0]["id"]);

    let page = PageRequest { limit: Limit::default(), after: None };
    let store = ground.store();
    let events = store.reads().events().list(account, &EventFilter::default(), &page).await.unwrap();
    let kinds: Vec<_> = events.items.iter().rev().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["account.created", "organization.created", "issuer.created", "api-key.created"]);
}
