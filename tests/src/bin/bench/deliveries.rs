//! Deliveries: how soon and how fast events reach their receivers, against a client that does nothing but send.

#![allow(clippy::disallowed_methods, reason = "a bench measures the time of the machine")]

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use authpi_core::event::catalogue::{self, EventType};
use authpi_core::event::model::{Actor, ContextRecord, Event, Subject, Trigger};
use authpi_core::event::repository::Consumer;
use authpi_core::id::EventId;
use axum::Router;
use axum::extract::{Request, State};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

use crate::Scale;
use crate::measure::Report;
use crate::platform::{Platform, client};

const BARE: &str = "bare HTTP POST of 1 KiB";

/// Receivers, each at an address of its own: attempts at one host are limited.
const HOSTS: u8 = 16;

/// Attempts at the same time, for both.
const CALLERS: usize = 64;

/// Events of one commit.
const COMMIT: usize = 250;

/// A receiver that is away while very many events are made, and comes back: what this process needs of memory at most, as
/// the kernel counts it.
pub(crate) async fn long_outage(platform: &Platform, scale: Scale, report: &mut Report) {
    let receiver = Receiver::start().await;
    let kind = catalogue::USER_VERIFICATION_SUCCEEDED;
    webhook(platform, &receiver.url(1), kind).await;
    receiver.fail(true);
    receiver.only_count(true);
    let pending = scale.undelivered;
    let before = take_peak_mib();
    let begin = Instant::now();
    for _ in 0..pending / COMMIT {
        platform.authpi.services().store.append(events(platform, kind, COMMIT)).await.unwrap();
    }
    let appended = begin.elapsed();
    while platform.authpi.services().store.reads().events().waiting_since(Consumer::Webhooks).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (made, making) = (begin.elapsed(), take_peak_mib());
    receiver.fail(false);
    let back = Instant::now();
    receiver.counted(pending).await;
    let recovering = take_peak_mib();
    println!(
        "{pending} undelivered: appended in {appended:.0?}, made in {made:.0?}; MiB at most before {before}, until they \
         were made {making}, until they had arrived {recovering}"
    );
    report.add(format!("after an outage, {pending} pending"), None, vec![back.elapsed(); pending], back.elapsed());
    delete_all(platform).await;
}

/// The most memory that this process has had since this was last asked, in MiB.
fn take_peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak / 1024
}

pub(crate) async fn run(platform: &Platform, scale: Scale, report: &mut Report) {
    let receiver = Receiver::start().await;
    let http = client();
    let url = receiver.url(1);
    report
        .measure(BARE, None, (CALLERS, scale.operations * 4), move |number| {
            let (http, url) = (http.clone(), url.clone());
            async move {
                let request = http.post(url).header("webhook-id", number.to_string()).body(vec![b'x'; 1024]);
                assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
            }
        })
        .await;
    backlog(platform, &receiver, scale, report).await;
    for rate in [100, 1_000] {
        latency(platform, &receiver, rate, scale, report).await;
    }
    outage(platform, &receiver, scale, report).await;
}

/// As fast as it goes: each event to all receivers.
async fn backlog(platform: &Platform, receiver: &Receiver, scale: Scale, report: &mut Report) {
    let kind = catalogue::USER_CREATED;
    for host in 1..=HOSTS {
        webhook(platform, &receiver.url(host), kind).await;
    }
    let events = events(platform, kind, scale.operations);
    receiver.forget();
    let begin = Instant::now();
    for some in events.chunks(COMMIT) {
        platform.authpi.services().store.append(some.to_vec()).await.unwrap();
    }
    let wanted = events.len() * usize::from(HOSTS);
    let arrived = receiver.arrived(wanted).await;
    let times = arrived.iter().map(|(_, at)| at.duration_since(begin)).collect();
    report.add(format!("deliveries to {HOSTS} receivers"), Some(BARE), times, begin.elapsed());
    delete_all(platform).await;
}

/// From the commit to the receiver, at a steady rate.
async fn latency(platform: &Platform, receiver: &Receiver, rate: usize, scale: Scale, report: &mut Report) {
    const TICK: Duration = Duration::from_millis(20);
    let kind = catalogue::USER_UPDATED;
    webhook(platform, &receiver.url(1), kind).await;
    let seconds = if scale.operations > 1_000 { 10 } else { 1 };
    let committed: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    receiver.forget();
    let begin = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    let mut commits = Vec::new();
    for _ in 0..seconds * 50 {
        tick.tick().await;
        let (some, store) = (events(platform, kind, rate / 50), platform.authpi.services().store.clone());
        let committed = Arc::clone(&committed);
        commits.push(tokio::spawn(async move {
            let ids: Vec<String> = some.iter().map(|event| event.id.to_string()).collect();
            store.append(some).await.unwrap();
            let now = Instant::now();
            committed.lock().unwrap().extend(ids.into_iter().map(|id| (id, now)));
        }));
    }
    for commit in commits {
        commit.await.unwrap();
    }
    let arrived = receiver.arrived(rate / 50 * 50 * seconds).await;
    let together = begin.elapsed();
    let committed = std::mem::take(&mut *committed.lock().unwrap());
    let times = arrived.iter().map(|(id, at)| at.saturating_duration_since(committed[id])).collect();
    report.add(format!("commit to receiver at {rate} events/s"), None, times, together);
    delete_all(platform).await;
}

/// A minute in which the receiver answers 503, and how long it takes after that until nothing is pending.
async fn outage(platform: &Platform, receiver: &Receiver, scale: Scale, report: &mut Report) {
    let kind = catalogue::USER_VERIFICATION_SUCCEEDED;
    webhook(platform, &receiver.url(1), kind).await;
    let pending = scale.operations * 10;
    let begin = Instant::now();
    receiver.fail(true);
    let events = events(platform, kind, pending);
    for some in events.chunks(COMMIT) {
        platform.authpi.services().store.append(some.to_vec()).await.unwrap();
    }
    let minute = Duration::from_secs(if scale.operations > 1_000 { 60 } else { 5 });
    tokio::time::sleep(minute.saturating_sub(begin.elapsed())).await;
    receiver.fail(false);
    receiver.forget();
    let back = Instant::now();
    let arrived = receiver.arrived(pending).await;
    let times = arrived.iter().map(|(_, at)| at.duration_since(back)).collect();
    report.add(format!("after an outage, {pending} pending"), Some(BARE), times, back.elapsed());
    delete_all(platform).await;
}

async fn webhook(platform: &Platform, url: &str, kind: EventType) {
    let body = json!({ "url": url, "auth": { "type": "signature" }, "events": [kind.as_str()],
        "retry": { "initial_delay_seconds": 1, "multiplier": 2, "max_delay_seconds": 60 },
        "circuit_breaker": { "cooldown_seconds": 10 } });
    platform.call(Method::POST, &platform.path("/webhooks"), Some(&body.to_string())).await;
}

/// So that the next measurement has the receiver for itself.
async fn delete_all(platform: &Platform) {
    let page = platform.call(Method::GET, &platform.path("/webhooks?limit=100"), None).await;
    let page: serde_json::Value = serde_json::from_slice(page.body.bytes()).unwrap();
    for webhook in page["data"].as_array().unwrap() {
        let path = platform.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
        platform.call(Method::DELETE, &path, None).await;
    }
}

fn events(platform: &Platform, kind: EventType, count: usize) -> Vec<Event> {
    let services = platform.authpi.services();
    let now = services.now();
    let event = |_| Event {
        id: services.ids.mint::<EventId>(now).unwrap(),
        kind,
        source: "bench".to_owned(),
        trigger: Trigger::System,
        trace: None,
        actor: Actor::System,
        subject: Subject::account(platform.account),
        timestamp: now,
        data: serde_json::Map::new(),
        context: ContextRecord::NONE,
    };
    (0..count).map(event).collect()
}

/// Remembers when each `webhook-id` came to each host first.
struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<HashMap<(String, String), Instant>>,
    failing: AtomicBool,
    /// What came is counted, and not remembered.
    only_counts: AtomicBool,
    count: AtomicUsize,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, shared }
    }

    fn url(&self, host: u8) -> String {
        format!("http://127.0.0.{host}:{}/in", self.port)
    }

    fn fail(&self, failing: bool) {
        self.shared.failing.store(failing, Ordering::SeqCst);
    }

    fn only_count(&self, only_counts: bool) {
        self.shared.only_counts.store(only_counts, Ordering::SeqCst);
    }

    async fn counted(&self, count: usize) {
        while self.shared.count.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn forget(&self) {
        self.shared.arrived.lock().unwrap().clear();
    }

    /// What has come once it is so much: each with its `webhook-id`.
    async fn arrived(&self, count: usize) -> Vec<(String, Instant)> {
        loop {
            if self.shared.arrived.lock().unwrap().len() >= count {
                let arrived = std::mem::take(&mut *self.shared.arrived.lock().unwrap());
                return arrived.into_iter().map(|((_, id), at)| (id, at)).collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, request: Request) -> StatusCode {
    let now = Instant::now();
    let _ = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    if shared.failing.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if shared.only_counts.load(Ordering::SeqCst) {
        shared.count.fetch_add(1, Ordering::SeqCst);
        return StatusCode::NO_CONTENT;
    }
    let [host, id] = ["host", "webhook-id"].map(|name| headers[name].to_str().unwrap().to_owned());
    shared.arrived.lock().unwrap().entry((host, id)).or_insert(now);
    StatusCode::NO_CONTENT
}
