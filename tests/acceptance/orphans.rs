//! What is deleted leaves nothing: every text and every id in every table of the database is searched for what is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use authpi_core::billing::model::BillingConfig;
use authpi_core::transport::PaymentProvider;
use authpi_core::web::services::Options;
use authpi_core::worker;
use serde_json::json;
use tests::payments::PlayMoney;
use tests::rows::{Mention, Tables};
use tests::world::World;
use tests::{App, Backend, Caller, Database, Dns, Driver};

/// What is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    User,
    Agent,
    Client,
    Organization,
    Issuer,
    Account,
}

use Kind::{Account, Agent, Client, Issuer, Organization, User};

const ANY: &[Kind] = &[User, Agent, Client, Organization, Issuer, Account];

/// A place that may go on naming something for some days after it was deleted, and the rule that says so.
struct Outlives {
    /// `table.column`, or `table.*`.
    place: &'static str,
    of: &'static [Kind],
    /// `None`: as long as what it belongs to.
    days: Option<u64>,
    #[allow(dead_code, reason = "for whoever reads the list")]
    rule: &'static str,
}

const fn outlives(place: &'static str, of: &'static [Kind], days: Option<u64>, rule: &'static str) -> Outlives {
    Outlives { place, of, days, rule }
}

/// The longest time that an event is kept: 90 days after the last one about a thing, which may tell of the end of a session
/// or of a mail that nobody took, a week after the thing itself.
const TRAIL: Option<u64> = Some(98);

/// All that may name what is gone.
const OUTLIVING: &[Outlives] = &[
    outlives("authpi_event.*", ANY, TRAIL, "events-webhooks §5: the trail is kept 90 days"),
    outlives("authpi_idempotency_record.account_id", &[Account], Some(1), "conventions §10: 24 h"),
    outlives("authpi_agent.id", &[Agent], Some(1), "core-api 1.11: until the batches are through"),
    outlives(
        "authpi_mail.*",
        &[User, Organization, Account],
        Some(8),
        "events-webhooks §14: until it is sent or given up",
    ),
    outlives("authpi_user.id", &[User], Some(31), "core-api section 21: 30 days, so that the name stays taken"),
    outlives("authpi_user_record.user_id", &[User], Some(31), "core-api section 21: 30 days"),
    outlives("authpi_client.id", &[Client], Some(31), "core-api section 14: listed as deleted for 30 days"),
    outlives("authpi_membership_removal.member_id", &[User], Some(31), "core-api section 20: with the record"),
    outlives("authpi_note_mention.user_id", &[User], Some(31), "core-api 1.11: with all that is personal"),
    outlives("authpi_note.mentions", &[User], Some(31), "core-api 1.11: with all that is personal"),
    outlives("authpi_session.user_id", &[User], Some(31), "core-api section 21.3: listed for 30 days after its end"),
    outlives("authpi_session.client_id", &[Client], Some(31), "core-api section 21.3: listed for 30 days"),
    outlives("authpi_session.org_id", &[Organization], Some(39), "core-api section 21.3: 30 days after its end"),
    outlives("authpi_logout_notice.*", &[User], Some(1), "idp §17.2: until the client is told, or given up"),
    outlives("authpi_mail_proof.user_id", &[User], Some(1), "idp §12: until it expires"),
    outlives("authpi_login_flow.client_id", &[Client], Some(1), "idp §12: until it expires"),
    outlives("authpi_authorization_code.client_id", &[Client], Some(1), "idp §12: until it expires"),
    outlives("authpi_grant.client_id", &[Client], Some(31), "core-api section 21.3: with the session"),
    outlives("authpi_consent.user_id", &[User], Some(31), "core-api section 21: with the record"),
    outlives("authpi_consent.client_id", &[Client], Some(31), "core-api section 14: with the client"),
    outlives("authpi_active_user.*", &[User, Issuer], Some(63), "core-api 25.3: until its month is closed"),
    outlives("authpi_delegation.agent_id", &[Agent], None, "core-api 21.4: a revoked record is the user's"),
    outlives("authpi_delegation.client_id", &[Client], None, "core-api 21.4: a revoked record is the user's"),
    outlives("authpi_delegation.org_id", &[Organization], None, "core-api 21.4: a revoked record is the user's"),
    outlives("authpi_api_key.org_id", &[Organization], None, "core-api section 16: its record survives"),
    outlives("authpi_invitation.user_id_invited", &[User], Some(31), "core-api section 21: with the record"),
    outlives("authpi_invitation.inviter_id", &[User], None, "core-api section 19: the inviter keeps its id"),
    outlives("authpi_note.content", &[User, Client, Organization], None, "core-api section 11: the author's text"),
    outlives("authpi_note.refs", &[User, Client, Organization], None, "core-api section 11: part of that text"),
    outlives("authpi_note_reference.ref_id", &[User, Client, Organization], None, "core-api section 11: the same"),
];

/// Tables that may be empty, and why.
const EMPTY: &[(&str, &str)] = &[];

struct Ground {
    app: App,
    dns: Dns,
    database: Database,
    tables: Tables,
    boss: String,
    colleague: String,
    seen: BTreeSet<(&'static str, Kind)>,
    problems: Vec<String>,
}

const DAY: Duration = Duration::from_hours(24);

impl Ground {
    async fn new(backend: Backend) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(backend, folder.path()).await?;
        let store = authpi_storage::connect(&database.url).await.unwrap();
        let payments: Arc<dyn PaymentProvider> = Arc::new(PlayMoney);
        let options = Options {
            rate_limits: false,
            billing: Some(BillingConfig { trial_days: 0, ..BillingConfig::default() }),
            payments: Some(payments),
            rsa_pool: 0,
            ..Options::default()
        };
        let dns = Dns::start().await;
        let app = App::start_in(Driver::Axum, options, store, folder, App::reaching(&dns)).await;
        let tables = Tables::of(&database.url).await;
        let boss = of_platform(&app, "boss@example.com").await;
        let colleague = colleague(&app, "colleague@example.com").await;
        Some(Self { app, dns, database, tables, boss, colleague, seen: BTreeSet::new(), problems: Vec::new() })
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }

    /// The boss, who bears a token.
    async fn boss(&self) -> Caller {
        let organization = self.app.account_organization().await;
        let (platform, _) = organization.split_once("/organizations/").unwrap();
        let token = json!({ "name": "cli", "restrictions": { "scopes": ["*:**"] } });
        let path = format!("{platform}/users/{}/tokens", self.boss);
        let token = self.app.root().post(&path, token).expect(201).await;
        self.app.with_bearer(&token.text("token_plain"))
    }

    /// Another account of the boss, and its key.
    async fn another_account(&self, boss: &Caller) -> (String, Caller) {
        let opened = boss.post("/v1/accounts", json!({ "name": "Umbrella" })).expect(201).await;
        let key = &opened.data()["api_key"];
        let key = self.app.with_key(key["id"].as_str().unwrap(), key["secret_plain"].as_str().unwrap());
        (opened.id(), key)
    }

    /// A month that counts and ends, so that there is something to bill.
    async fn let_a_month_pass(&self, who: &Caller) {
        who.get("/v1/me").expect(200).await;
        self.work().await;
        self.app.advance(32 * DAY);
        self.work().await;
    }

    /// A world full of traces, and another user of it.
    async fn world(&self, root: Caller, account: &str, name: &str) -> (World, String) {
        let world = World::make(&self.app, root, account, &format!("{name}@example.com")).await;
        let colleague = if account == self.app.account { &self.colleague } else { &self.boss };
        let stranger = world.fill(&self.app, &self.dns, colleague).await;
        self.work().await;
        (world, stranger)
    }

    /// What no worker has taken up yet.
    async fn pending(&self, world: &World) {
        let organization = world.root.post(&world.in_issuer("/organizations"), json!({ "name": "revoked" }));
        let organization = format!("/organizations/{}", organization.expect(201).await.id());
        let keys = world.in_issuer(&format!("{organization}/api-keys"));
        world.root.post(&keys, json!({ "name": "k" })).expect(201).await;
        world.root.act(&world.in_issuer(&format!("{organization}/revoke-access"))).expect(200).await;
        world.root.get("/v1/me").expect(200).await;
        // Reading the trail writes what is buffered.
        world.root.get(&world.of_account("/events")).expect(200).await;
    }

    async fn every_table_has_rows(&mut self) {
        let counts = self.tables.count().await;
        let empty = counts.iter().filter(|(_, rows)| **rows == 0).map(|(table, _)| table.as_str());
        let may_be: BTreeSet<_> = EMPTY.iter().map(|(table, _)| *table).collect();
        let empty: BTreeSet<_> = empty.collect();
        if empty != may_be {
            self.problems.push(format!("empty tables: {empty:?}, and may be: {may_be:?}"));
        }
    }

    /// Lets time pass after a deletion, and looks for the ids after each time that some place may name them.
    async fn nothing_names(&mut self, kind: Kind, ids: &[Mention]) {
        self.work().await;
        self.app.advance(Duration::from_secs(61));
        self.work().await;
        let times: BTreeSet<_> = OUTLIVING.iter().filter_map(|place| place.days).chain([0]).collect();
        let mut today = 0;
        for days in times {
            if days > 0 {
                self.app.advance((u32::try_from(days - today).unwrap() * DAY) + Duration::from_secs(1));
                today = days;
                self.work().await;
            }
            let mut named = self.tables.mentions(ids).await;
            named.retain(|place, _| !self.may_name(place, kind, days));
            if !named.is_empty() {
                self.problems.push(format!("{days} days after the end of {kind:?}: {named:?}"));
            }
        }
    }

    fn may_name(&mut self, place: &str, kind: Kind, days: u64) -> bool {
        let (table, _) = place.split_once('.').unwrap();
        let is_it = |listed: &str| listed == place || listed.strip_suffix(".*").is_some_and(|all| all == table);
        let rule = OUTLIVING
            .iter()
            .find(|rule| is_it(rule.place) && rule.of.contains(&kind) && rule.days.is_none_or(|until| days < until));
        let Some(rule) = rule else { return false };
        self.seen.insert((rule.place, kind));
        true
    }

    /// Deletes one thing of a new world.
    async fn one_of_a_world(&mut self, kind: Kind, path: &str, name: &str) {
        let account = self.app.account.clone();
        let (world, stranger) = self.world(self.app.root(), &account, &format!("{kind:?}").to_lowercase()).await;
        let mention = Mention::of(world.id(name));
        let places = self.tables.mentions(std::slice::from_ref(&mention)).await;
        assert!(places.len() > 2, "{kind:?} is found where it is");
        if kind == User {
            self.pending(&world).await;
            self.every_table_has_rows().await;
        }
        let mut gone = vec![mention];
        if kind == User {
            gone.push(Mention::of(&stranger));
        }
        for one in &gone {
            world.root.delete(&world.in_issuer(&format!("{path}/{}", one.id))).expect(204).await;
        }
        self.nothing_names(kind, &gone).await;
    }
}

/// A user of the platform.
async fn of_platform(app: &App, email: &str) -> String {
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let body = json!({ "email": email, "profile": { "email_verified": true } });
    app.root().post(&format!("{platform}/users"), body).expect(201).await.id()
}

/// A member of the account team.
async fn colleague(app: &App, email: &str) -> String {
    let organization = app.account_organization().await;
    let id = of_platform(app, email).await;
    let member = json!({ "member_id": id, "scopes": ["owner"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    id
}

/// Every id of a world.
fn all_of(world: &World) -> Vec<Mention> {
    let names = [
        "issuer_id",
        "org_id",
        "user_id",
        "client_id",
        "agent_id",
        "key_id",
        "group_id",
        "invitation_id",
        "verifier_id",
        "agent_verifier_id",
        "device_id",
        "token_id",
        "session_id",
        "delegation_id",
        "method_id",
    ];
    names.iter().map(|name| Mention::of(world.id(name))).collect()
}

async fn nothing_outlives_what_it_belongs_to(backend: Backend) {
    let Some(mut ground) = Ground::new(backend).await else { return };
    let root = ground.app.root();
    let owner = colleague(&ground.app, "owner@example.com").await;
    root.patch(&ground.app.path(""), json!({ "owner_user_id": owner })).expect(200).await;
    ground.let_a_month_pass(&root).await;

    ground.one_of_a_world(User, "/users", "user_id").await;
    ground.one_of_a_world(Agent, "/agents", "agent_id").await;
    ground.one_of_a_world(Client, "/clients", "client_id").await;
    ground.one_of_a_world(Organization, "/organizations", "org_id").await;

    let account = ground.app.account.clone();
    let (world, _) = ground.world(root, &account, "issuer").await;
    ground.pending(&world).await;
    ground.app.root().delete(&world.in_issuer("")).expect(204).await;
    ground.nothing_names(Issuer, &all_of(&world)).await;

    let boss = ground.boss().await;
    let (account, key) = ground.another_account(&boss).await;
    ground.let_a_month_pass(&key).await;
    let (world, _) = ground.world(key.clone(), &account, "account").await;
    ground.pending(&world).await;
    key.delete(&world.in_issuer("")).expect(204).await;
    ground.work().await;
    boss.delete(&world.of_account("")).expect(204).await;
    let mut gone = all_of(&world);
    gone.extend(["note_id", "webhook_id", "payment_method_id"].map(|name| Mention::of(world.id(name))));
    gone.push(Mention::of(&account));
    ground.nothing_names(Account, &gone).await;

    let colleague = Mention::of(&ground.colleague);
    let organization = ground.app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    ground.app.root().delete(&format!("{platform}/users/{}", colleague.id)).expect(204).await;
    ground.nothing_names(User, &[colleague]).await;

    assert!(ground.problems.is_empty(), "\n{}", ground.problems.join("\n"));
    let unseen: Vec<_> = OUTLIVING
        .iter()
        .flat_map(|rule| rule.of.iter().map(|kind| (rule.place, *kind)))
        .filter(|rule| !ground.seen.contains(rule))
        .collect();
    assert!(unseen.is_empty(), "the list allows what never is: {unseen:?}");
    ground.tables.close().await;
    ground.database.remove().await;
}

#[tokio::test]
async fn nothing_outlives_what_it_belongs_to_on_sqlite() {
    nothing_outlives_what_it_belongs_to(Backend::Sqlite).await;
}

#[tokio::test]
async fn nothing_outlives_what_it_belongs_to_on_postgresql() {
    nothing_outlives_what_it_belongs_to(Backend::Postgres).await;
}

#[tokio::test]
async fn nothing_outlives_what_it_belongs_to_on_mariadb() {
    nothing_outlives_what_it_belongs_to(Backend::Mariadb).await;
}
