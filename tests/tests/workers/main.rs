//! Background work, as a host starts, stops or calls it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod deliveries;
mod ends;
mod hooks;
mod mail;
mod running;
mod single_run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::AuthPi;
use authpi_core::event::catalogue;
use authpi_core::event::model::Event;
use authpi_core::event::repository::EventFilter;
use authpi_core::id::{AccountId, EventId, MemberId};
use authpi_core::outcome::InsertOutcome;
use authpi_core::page::{Limit, PageRequest};
use authpi_core::store::contract::{START, event, issuer, membership, mint, organization};
use authpi_core::store::{EventListener, Reads, Store, StoreError, StoreErrorKind, UnitOfWork};
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{ManualClock, MasterKey};
use authpi_core::urls::Urls;
use authpi_storage::DatabaseStore;

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

    fn on_events(&self, listener: Arc<dyn EventListener>) {
        self.store.on_events(listener);
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
