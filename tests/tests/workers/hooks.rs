//! The host as one who is called for events.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use authpi_core::event::catalogue::EventType;
use authpi_core::event::repository::Consumer;
use authpi_core::transport::{HookFailure, Hooks};
use authpi_core::worker::run_once;

use super::*;

/// Wants events of organizations; the first `failures` calls fail, every second of them by a panic.
#[derive(Default)]
struct Host {
    seen: Mutex<Vec<EventId>>,
    failures: AtomicUsize,
}

struct Shared(Arc<Host>);

#[async_trait]
impl Hooks for Shared {
    fn wants(&self, kind: EventType) -> bool {
        kind == catalogue::ORGANIZATION_CREATED
    }

    async fn on_event(&self, event: &Event) -> Result<(), HookFailure> {
        let left = self.0.failures.load(Ordering::SeqCst);
        if left > 0 {
            self.0.failures.store(left - 1, Ordering::SeqCst);
            assert!(left % 2 == 1, "of a test");
            return Err(HookFailure("of a test".to_owned()));
        }
        self.0.seen.lock().unwrap().push(event.id);
        Ok(())
    }
}

struct Called {
    authpi: AuthPi,
    clock: Arc<ManualClock>,
    host: Arc<Host>,
}

impl Called {
    async fn start() -> Self {
        let (host, clock) = (Arc::new(Host::default()), Arc::new(ManualClock::at(START)));
        let store = authpi_storage::connect("sqlite::memory:").await.unwrap();
        let authpi = AuthPi::builder(store, MasterKey::new([42; 32]), Urls::under("http://127.0.0.1:1").unwrap())
            .transport(authpi_transport::tokio().unwrap())
            .clock(Arc::clone(&clock))
            .hooks(Shared(Arc::clone(&host)))
            .build()
            .await
            .unwrap();
        Self { authpi, clock, host }
    }

    /// Commits events of an organization, and one that nobody wants.
    async fn commit(&self, count: usize) -> Vec<EventId> {
        let account = mint();
        let mut events: Vec<Event> =
            (0..count).map(|_| event::event(account, catalogue::ORGANIZATION_CREATED, START)).collect();
        let ids = events.iter().map(|event| event.id).collect();
        events.push(event::event(account, catalogue::ORGANIZATION_UPDATED, START));
        self.authpi.services().store.append(events).await.unwrap();
        ids
    }

    async fn work(&self) -> Vec<EventId> {
        run_once(self.authpi.services()).await.unwrap();
        std::mem::take(&mut *self.host.seen.lock().unwrap())
    }
}

#[tokio::test]
async fn the_host_is_called_once_for_each_event_that_it_wants() {
    let called = Called::start().await;
    let ids = called.commit(40).await;
    assert_eq!(called.work().await, ids, "in the order of ids");
    assert!(called.work().await.is_empty());
    let reads = called.authpi.services().store.reads();
    assert_eq!(reads.events().waiting_since(Consumer::Hooks).await.unwrap(), None);
}

#[tokio::test]
async fn a_call_that_fails_comes_again_after_a_minute_and_keeps_nobody_waiting() {
    let called = Called::start().await;
    called.host.failures.store(2, Ordering::SeqCst);
    let ids = called.commit(4).await;
    assert_eq!(called.work().await, ids[2..]);
    called.clock.advance(Duration::from_secs(59));
    assert!(called.work().await.is_empty());
    called.clock.advance(Duration::from_secs(1));
    assert_eq!(called.work().await, ids[..2]);
}

#[tokio::test]
async fn what_a_process_had_reserved_when_it_died_is_called_again() {
    let called = Called::start().await;
    let ids = called.commit(2).await;
    let store = &called.authpi.services().store;
    let mut unit = store.begin(START).await.unwrap();
    let until = START.plus(Duration::from_mins(5));
    assert_eq!(unit.events().lease(Consumer::Hooks, until, 1).await.unwrap()[0].id, ids[0]);
    unit.commit().await.unwrap();
    assert_eq!(called.work().await, ids[1..]);
    called.clock.advance(Duration::from_mins(5));
    assert_eq!(called.work().await, ids[..1]);
}

#[tokio::test]
async fn without_hooks_nothing_waits_for_the_host() {
    let ground = ground().await;
    let one = event::event(mint(), catalogue::ORGANIZATION_CREATED, START);
    ground.authpi.services().store.append(vec![one]).await.unwrap();
    let reads = ground.authpi.services().store.reads();
    assert_eq!(reads.events().waiting_since(Consumer::Hooks).await.unwrap(), None);
}
