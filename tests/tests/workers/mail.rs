//! Mail on its way to a provider that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::lease::Lease;
use authpi_core::mail::model::{Mail, Template};
use authpi_core::store::contract::mail;
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{Clock, MailFailure, Mailer, OutgoingMail};
use authpi_core::worker;
use serde_json::json;
use tests::{App, Caller, Driver};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, Semaphore};

/// Longer than anything takes that waits for nothing, and shorter than a provider may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes mail at once, except to `slow.example`: there it waits until it is let go.
struct Provider {
    tell: UnboundedSender<String>,
    told: Mutex<UnboundedReceiver<String>>,
    gate: Semaphore,
    waiting: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Mailer for Provider {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailFailure> {
        if !mail.to.ends_with("@slow.example") {
            self.tell.send(mail.to.clone()).unwrap();
            return Ok(());
        }
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        self.tell.send(mail.to.clone()).unwrap();
        let let_go = self.gate.acquire().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let_go.map(|_| ()).map_err(|_| MailFailure::Temporary)
    }
}

impl Provider {
    fn new() -> Arc<Self> {
        let (tell, told) = unbounded_channel();
        Arc::new(Self {
            tell,
            told: Mutex::new(told),
            gate: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// The next mail that it sees.
    async fn sees(&self) -> String {
        let mut told = self.told.lock().await;
        let Ok(Some(to)) = tokio::time::timeout(PATIENCE, told.recv()).await else {
            panic!("no mail is handed over meanwhile");
        };
        to
    }

    /// What it sees up to the mail to `wanted`.
    async fn sees_until(&self, wanted: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|to| to != wanted) {
            seen.push(self.sees().await);
        }
        seen
    }

    /// Nothing waits any more.
    fn lets_go(&self) {
        self.gate.add_permits(1_000);
    }
}

/// An account, and where it invites.
struct Inviter {
    caller: Caller,
    invitations: String,
}

impl Inviter {
    async fn new(caller: Caller, account: &str) -> Self {
        let issuers = format!("/v1/accounts/{account}/issuers");
        let issuer = caller.post(&issuers, json!({ "name": "acme" })).expect(201).await.id();
        let organizations = format!("{issuers}/{issuer}/organizations");
        let organization = caller.post(&organizations, json!({ "name": "Acme" })).expect(201).await.id();
        Self { caller, invitations: format!("{organizations}/{organization}/invitations") }
    }

    /// The first account.
    async fn first(app: &App) -> Self {
        Self::new(app.root(), &app.account).await
    }

    /// Another account, opened by somebody of the platform.
    async fn another(app: &App) -> Self {
        let (caller, account) = app.another_account().await;
        Self::new(caller, &account).await
    }

    async fn invite(&self, email: &str) {
        let body = json!({ "email": email, "scopes": ["a:read"] });
        self.caller.post(&self.invitations, body).expect(201).await;
    }
}

/// Invitations that wait. What else is mailed is none of the tests.
async fn waiting(app: &App) -> Vec<Mail> {
    let reads = app.authpi.services().store.reads();
    let mut all = reads.mails().made_before(Timestamp::from_millis(i64::MAX), 100).await.unwrap();
    all.retain(|mail| mail.template == Template::Invitation);
    all
}

/// Invitations of the first account that were sent.
async fn sent(app: &App) -> usize {
    let events = app.events("event_types=email.sent").await;
    events.iter().filter(|event| event["data"]["template"] == "invitation").count()
}

#[tokio::test]
async fn a_mail_that_takes_long_delays_no_other() {
    let provider = Provider::new();
    let app = App::start_mailing(Driver::Axum, Arc::clone(&provider) as _).await;
    let (ours, theirs) = (Inviter::first(&app).await, Inviter::another(&app).await);
    let workers = app.authpi.start();
    ours.invite("ada@slow.example").await;
    provider.sees_until("ada@slow.example").await;
    theirs.invite("bob@example.com").await;
    provider.sees_until("bob@example.com").await;
    ours.invite("cyd@example.com").await;
    provider.sees_until("cyd@example.com").await;
    assert_eq!(provider.waiting.load(Ordering::SeqCst), 1, "the first one still is not taken");
    provider.lets_go();
    workers.stop().await;
    assert_eq!((waiting(&app).await.len(), sent(&app).await), (0, 2));
}

#[tokio::test]
async fn an_account_with_much_mail_that_takes_long_leaves_room_for_others() {
    let provider = Provider::new();
    let app = App::start_mailing(Driver::Axum, Arc::clone(&provider) as _).await;
    let (ours, theirs) = (Inviter::first(&app).await, Inviter::another(&app).await);
    for number in 0..40 {
        ours.invite(&format!("ada-{number}@slow.example")).await;
    }
    app.advance(Duration::from_secs(1));
    theirs.invite("bob@example.com").await;
    let workers = app.authpi.start();
    let is_slow = |to: &String| to.ends_with("@slow.example");
    let mut slow = provider.sees_until("bob@example.com").await.iter().filter(|to| is_slow(to)).count();
    provider.lets_go();
    while slow < 40 {
        slow += usize::from(is_slow(&provider.sees().await));
    }
    workers.stop().await;
    assert_eq!((waiting(&app).await.len(), sent(&app).await), (0, 40));
    assert!(provider.most.load(Ordering::SeqCst) <= 8);
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_fails_alone() {
    let provider = Provider::new();
    let app = App::start_mailing(Driver::Axum, Arc::clone(&provider) as _).await;
    let services = app.authpi.services();
    let inviter = Inviter::first(&app).await;
    let issuer: IssuerId = inviter.invitations.split('/').nth(5).unwrap().parse().unwrap();
    let account: AccountId = app.account.parse().unwrap();
    let broken = Mail { account_id: account, lease: Lease::due(app.clock.now()), ..mail::mail(issuer) };
    let mut unit = services.store.begin(app.clock.now()).await.unwrap();
    unit.mails().enqueue(&broken).await.unwrap();
    unit.commit().await.unwrap();
    app.advance(Duration::from_secs(1));
    for number in 0..20 {
        inviter.invite(&format!("ada-{number}@example.com")).await;
    }
    worker::run_once(services).await.unwrap();
    let left = waiting(&app).await;
    assert_eq!(left.iter().map(|mail| (mail.id, mail.lease.taken)).collect::<Vec<_>>(), [(broken.id, 1)]);
    assert_eq!(sent(&app).await, 20);
}

#[tokio::test]
async fn stopping_waits_for_mail_that_is_being_handed_over() {
    let provider = Provider::new();
    let app = App::start_mailing(Driver::Axum, Arc::clone(&provider) as _).await;
    let inviter = Inviter::first(&app).await;
    let workers = app.authpi.start();
    inviter.invite("ada@slow.example").await;
    provider.sees_until("ada@slow.example").await;
    let mut stopping = Box::pin(workers.stop());
    let early = tokio::time::timeout(Duration::from_secs(2), &mut stopping).await;
    assert!(early.is_err(), "it would be sent once more");
    provider.lets_go();
    stopping.await;
    assert_eq!((waiting(&app).await.len(), sent(&app).await), (0, 1));
}
