//! A year in which everything comes and goes: what is kept reaches its size and stays there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authpi_core::billing::model::BillingConfig;
use authpi_core::transport::PaymentProvider;
use authpi_core::web::services::Options;
use authpi_core::webhook::model::DeliveryStatus;
use authpi_core::worker;
use authpi_storage::{ConnectOptions, Durability};
use serde_json::{Value, json};
use tests::payments::PlayMoney;
use tests::rows::Tables;
use tests::{App, Driver};

/// Tables that grow as long as what they belong to is there, and why. Everything else has its size after the longest time
/// that anything is kept: 180 days for a device (idp.md §18.4).
const HISTORY: &[(&str, &str)] = &[
    ("authpi_ledger_entry", "core-api section 25: money is accounted for as long as the account is there"),
    ("authpi_statement", "core-api section 25: a row a month"),
    ("authpi_usage", "core-api section 25: a row a month and dimension"),
    ("authpi_payment_method", "core-api section 25: removed ones are shown with `removed_at`"),
    (
        "authpi_signing_key",
        "idp.md §13: three a month, for the 400 days in which something that they signed can be shown",
    ),
    ("authpi_api_key", "core-api section 16: the records of a deleted organization's keys survive"),
    ("authpi_invitation", "core-api section 19: an organization lists what became of each"),
    ("authpi_delegation", "core-api 21.4: a user sees what was in force"),
];

/// Time goes in steps: a year has to pass within a minute.
const STEP: Duration = Duration::from_hours(5 * 24);

/// The step from which on nothing is to grow any more, and the last one of a year.
const STEADY: usize = 44;
const LAST: usize = 73;

/// Steps over which the largest count is taken: more than a month, in which everything happens.
const WINDOW: usize = 7;

/// What stays all the year, and what goes in the next step.
struct Ground {
    app: App,
    tables: Tables,
    issuer: String,
    organization: String,
    user: String,
    limited: (String, String),
    going: Vec<String>,
}

impl Ground {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let mut fast = ConnectOptions::default();
        fast.durability = Durability::ProcessCrash;
        let store = authpi_storage::connect_with(&url, fast).await.unwrap();
        let payments: Arc<dyn PaymentProvider> = Arc::new(PlayMoney);
        let billing = BillingConfig { trial_days: 0, ..BillingConfig::default() };
        let options = Options {
            rate_limits: false,
            billing: Some(billing),
            payments: Some(payments),
            rsa_pool: 0,
            ..Options::default()
        };
        let app = App::start_on(Driver::Axum, options, store, folder).await;
        let tables = Tables::of(&url).await;
        let issuer = app.issuer().await;
        let organization = app.organization(&issuer).await;
        let user = app.user(&issuer, "stays@example.com").await;
        let limit = json!({ "limit": 10, "window_seconds": 3600 });
        let key = json!({ "name": "k", "restrictions": { "scopes": [], "rate_limit": limit } });
        let key = app.root().post(&app.path("/api-keys"), key).expect(201).await;
        let limited = (key.id(), key.text("secret_plain"));
        Self { app, tables, issuer, organization, user, limited, going: Vec::new() }
    }

    async fn make(&self, path: &str, body: Value) -> tests::Reply {
        self.app.root().post(path, body).expect(201).await
    }

    /// What came in the last step goes, and more comes and is used.
    async fn step(&mut self, number: usize) {
        let root = self.app.root();
        for path in std::mem::take(&mut self.going) {
            root.delete(&path).expect(204).await;
        }
        let user = self.person(number).await;
        let organization = self.tenant(number, &user).await;
        let agent = self.machines(number).await;
        self.history(&agent).await;
        self.going.extend([format!("{}/users/{user}", self.issuer), organization]);
        self.going.push(format!("{}/agents/{agent}", self.issuer));
        self.outgoing().await;
        if number.is_multiple_of(6) {
            let short_lived = self.app.issuer().await;
            self.app.user(&short_lived, "a@example.com").await;
            self.going.push(short_lived);
        }
        worker::run_once(self.app.authpi.services()).await.unwrap();
        self.app.advance(STEP);
    }

    /// Somebody signs up, signs in, uses a token, and leaves the organization again.
    async fn person(&self, number: usize) -> String {
        let issuer = &self.issuer;
        let profile = json!({ "email": format!("u{number}@example.com"), "profile": { "email_verified": true } });
        let user = self.make(&format!("{issuer}/users"), profile).await.id();
        let token = json!({ "name": "t", "restrictions": { "scopes": [] } });
        let token = self.make(&format!("{issuer}/users/{user}/tokens"), token).await.text("token_plain");
        self.app.with_bearer(&token).get("/v1/me").expect(200).await;
        for who in [&user, &self.user] {
            self.app.log_in(issuer, who).await;
            self.app.sign_in_from(issuer, who, &format!("cookie {number}")).await;
        }
        let members = format!("{}/members", self.organization);
        self.make(&members, json!({ "member_id": user, "scopes": ["a:read"] })).await;
        if number.is_multiple_of(2) {
            self.app.root().delete(&format!("{members}/{user}")).expect(204).await;
        }
        user
    }

    /// An organization with a member, a group, a key and a note about it.
    async fn tenant(&self, number: usize, user: &str) -> String {
        let body = json!({ "name": "o" });
        let list = format!("{}/organizations", self.issuer);
        let made = self.app.root().post(&list, body).header("idempotency-key", &number.to_string()).expect(201).await;
        let organization = format!("{list}/{}", made.id());
        let group = self.make(&format!("{organization}/groups"), json!({ "name": "g" })).await.id();
        let member = json!({ "member_id": user, "scopes": ["a:read"], "groups": [group] });
        self.make(&format!("{organization}/members"), member).await;
        self.make(&format!("{organization}/api-keys"), json!({ "name": "k" })).await;
        let invitation = json!({ "email": "i@example.com", "scopes": ["a:read"] });
        self.make(&format!("{organization}/invitations"), invitation).await;
        let issuer = self.issuer.rsplit('/').next().unwrap();
        let subject = json!({ "subject_type": "org", "subject_id": made.id(), "issuer_id": issuer });
        let mut note = subject;
        note["content"] = json!(format!("[[org:{}]] [[user:{user}]]", made.id()));
        self.make(&self.app.path("/notes"), note).await;
        organization
    }

    /// A client, gone at once; an agent, and a key that is used.
    async fn machines(&self, number: usize) -> String {
        let clients = format!("{}/clients", self.issuer);
        let client = self.make(&clients, json!({ "name": format!("c{number}"), "settings": {} })).await.id();
        self.app.root().delete(&format!("{clients}/{client}")).expect(204).await;
        let (id, secret) = &self.limited;
        self.app.with_key(id, secret).get("/v1/me").expect(200).await;
        let agents = format!("{}/agents", self.issuer);
        let agent = self.make(&agents, json!({ "name": "a" })).await.id();
        self.make(&format!("{agents}/{agent}/verifiers"), json!({ "type": "secret" })).await;
        agent
    }

    /// What somebody who stays sees for as long as they do.
    async fn history(&self, agent: &str) {
        let delegation = json!({ "agent_id": agent, "scopes": ["a:read"] });
        self.make(&format!("{}/users/{}/delegations", self.issuer, self.user), delegation).await;
        let invitations = format!("{}/invitations", self.organization);
        let invitation = json!({ "email": "i@example.com", "scopes": ["a:read"] });
        let invitation = self.make(&invitations, invitation).await.id();
        self.app.root().act(&format!("{invitations}/{invitation}/revoke")).expect(200).await;
    }

    /// A webhook with a delivery.
    async fn outgoing(&mut self) {
        let webhooks = self.app.path("/webhooks");
        let hook = json!({ "url": "https://hooks.example.com/", "auth": { "type": "none" } });
        let webhook = self.make(&webhooks, hook).await.id();
        let newest = self.app.root().get(&self.app.path("/events?limit=1")).expect(200).await;
        let event = newest.data()[0]["id"].as_str().unwrap().to_owned();
        self.app.deliver(&self.app.account, &webhook, &event, DeliveryStatus::Failed).await;
        self.going.push(format!("{webhooks}/{webhook}"));
    }
}

/// The largest count of each table in some days.
#[derive(Default)]
struct Peak(BTreeMap<String, i64>);

impl Peak {
    fn see(&mut self, counts: BTreeMap<String, i64>) {
        for (table, rows) in counts {
            let most = self.0.entry(table).or_default();
            *most = rows.max(*most);
        }
    }
}

fn is_history(table: &str) -> bool {
    HISTORY.iter().any(|(name, _)| *name == table)
}

#[tokio::test]
async fn what_a_year_of_coming_and_going_leaves_is_bounded() {
    let mut ground = Ground::new().await;
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    let before = ground.tables.count().await;
    let (mut steady, mut last) = (Peak::default(), Peak::default());
    for number in 1..=LAST {
        ground.step(number).await;
        if (STEADY - WINDOW..STEADY).contains(&number) {
            steady.see(ground.tables.count().await);
        } else if number > LAST - WINDOW {
            last.see(ground.tables.count().await);
        }
    }
    // A fiftieth is noise: months are not equally long, and an expiry is announced when it is found.
    let grown: Vec<_> = steady
        .0
        .iter()
        .map(|(table, rows)| (table, *rows, last.0[table]))
        .filter(|(table, rows, later)| !is_history(table) && *later > rows + 2 + rows / 50)
        .collect();
    assert!(grown.is_empty(), "more than after {STEADY} steps (table, then, after a year): {grown:?}");
    let emptied = ["authpi_event", "authpi_session", "authpi_webhook_delivery", "authpi_user", "authpi_note"];
    assert!(emptied.iter().all(|table| last.0[*table] > before[*table]), "there was something to remove");

    // A year of rest: nothing is left but what was there before.
    for path in std::mem::take(&mut ground.going) {
        ground.app.root().delete(&path).expect(204).await;
    }
    for _ in 0..40 {
        worker::run_once(ground.app.authpi.services()).await.unwrap();
        ground.app.advance(2 * STEP);
    }
    let after = ground.tables.count().await;
    let left: Vec<_> = after
        .iter()
        .map(|(table, rows)| (table, before[table], *rows))
        .filter(|(table, rows, later)| !is_history(table) && later > rows)
        .collect();
    assert!(left.is_empty(), "left after a year of rest (table, before, after): {left:?}");
}
