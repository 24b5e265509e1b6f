//! What lists cost: every statement that a list sends walks along an index and stops where the page ends. Filters
//! without an index examine a bounded stretch of one.
//!
//! Background work, counts and exports find their rows by indices as well, and may sort what they have found.
//!
//! The planners of SQLite and PostgreSQL say so for the indices that all databases have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authpi_core::billing::model::BillingConfig;
use authpi_core::routes;
use authpi_core::web::query::{Parameter, ParameterKind};
use authpi_core::web::route::{Route, Shape};
use authpi_core::web::services::Options;
use authpi_core::worker::run_once;
use http::Method;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use tests::database::Database;
use tests::world::World;
use tests::{App, Backend, Driver};

/// A value that a parameter takes.
fn value(parameter: &Parameter, world: &World) -> Option<String> {
    match parameter.kind {
        ParameterKind::Limit | ParameterKind::Cursor => None,
        ParameterKind::Text if parameter.name == "period" => Some("2027-01".to_owned()),
        ParameterKind::Text => Some(world.known(parameter.name).unwrap_or("x").to_owned()),
        ParameterKind::OneOf(words) => words.first().map(|word| (*word).to_owned()),
        ParameterKind::AnyOf(words) => words.get(..2).map(|words| words.join(",")),
        ParameterKind::Flag => Some("true".to_owned()),
        ParameterKind::Time => Some("1".to_owned()),
    }
}

/// The lists of the table, each plain and with each of its filters.
fn calls(world: &World) -> Vec<String> {
    let is_list = |route: &Route| route.method == Method::GET && route.shape == Shape::Page;
    let routes = routes::table();
    let lists: Vec<_> = routes.iter().map(|operation| &operation.route).filter(|route| is_list(route)).collect();
    assert!(lists.len() >= 8, "the table is complete");
    let mut calls = Vec::new();
    for route in lists {
        let path = world.path(route, None);
        calls.push(format!("{path}?limit=1"));
        for parameter in &route.query {
            if parameter.name == "subject_id" {
                // It needs the kind beside it.
                let user = world.known("user_id").unwrap();
                calls.push(format!("{path}?limit=1&subject_type=user&subject_id={user}"));
            } else if let Some(value) = value(parameter, world) {
                calls.push(format!("{path}?limit=1&{}={value}", parameter.name));
            }
        }
    }
    calls
}

/// What is asked about the plan of a statement.
#[derive(Clone, Copy)]
struct Rule {
    /// Rows come in their order: nothing is sorted.
    in_order: bool,
    /// Tables that a statement may read as a whole, and why.
    whole: &'static [(&'static str, &'static str)],
}

/// Background work.
const WORK: Rule = Rule {
    in_order: false,
    whole: &[
        ("authpi_platform", "one row"),
        ("authpi_instance_key", "a few rows, read at the start"),
        ("authpi_access_revocation USING INDEX authpi_access_revocation_age", "each is work, the oldest first"),
        (
            "authpi_signing_key USING INDEX authpi_signing_key_generation",
            "three a month and issuer: which is the newest",
        ),
    ],
};

/// Lists.
const PAGES: Rule = Rule { in_order: true, whole: &[("authpi_platform", "one row")] };

/// What is wrong with the plan of a statement; `None` when it walks along indices.
async fn defect(database: &DatabaseConnection, rule: Rule, sql: &str) -> Option<String> {
    let steps = match database.get_database_backend() {
        DbBackend::Sqlite => of_sqlite(database, sql).await,
        _ => of_postgresql(database, sql).await,
    };
    let may_be_read = |step: &str| rule.whole.iter().any(|(table, _)| step.contains(table));
    // The domains of an account are twenty at most, and the list has no pages.
    let is_short = sql.contains(r#"FROM "authpi_account_domain""#);
    let is_walk = |step: &String| {
        let of_table = step.starts_with("SCAN authpi_") || step.contains("Seq Scan on authpi_");
        let whole_table = of_table || rule.in_order && step.starts_with("SCAN ") && !step.contains("CONSTANT");
        let sorts = step.contains("TEMP B-TREE") || step.starts_with("Sort");
        (!whole_table || may_be_read(step)) && (!rule.in_order || is_short || !sorts)
    };
    if steps.iter().all(is_walk) { None } else { Some(steps.join("; ")) }
}

async fn of_sqlite(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = database.query_all_raw(explain).await.unwrap();
    rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}

/// As if tables were large: what is read as a whole all the same has no index that helps.
async fn of_postgresql(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>();
    let count = sql.split('$').skip(1).filter_map(|text| digits(text).ok()).max().unwrap_or_default();
    let values = vec!["NULL"; count].join(", ");
    let execute = if count == 0 { "walk".to_owned() } else { format!("walk({values})") };
    let unit = database.begin().await.unwrap();
    for setting in
        ["enable_seqscan = off", "enable_sort = off", "enable_bitmapscan = off", "plan_cache_mode = force_generic_plan"]
    {
        unit.execute_unprepared(&format!("SET LOCAL {setting}")).await.unwrap();
    }
    unit.execute_unprepared(&format!("PREPARE walk AS {sql}")).await.unwrap();
    let rows =
        unit.query_all_raw(Statement::from_string(DbBackend::Postgres, format!("EXPLAIN EXECUTE {execute}"))).await;
    let steps = rows.unwrap().iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>();
    unit.execute_unprepared("DEALLOCATE walk").await.unwrap();
    unit.rollback().await.unwrap();
    steps.iter().map(|step| step.trim_start_matches([' ', '-', '>']).to_owned()).collect()
}

/// A world, and the statements that are sent for it from here on.
struct Ground {
    app: App,
    world: World,
    database: Database,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Ground {
    /// `None` if there is no such database server here.
    async fn new(backend: Backend) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(backend, folder.path()).await?;
        let mut store = authpi_storage::connect(&database.url).await.unwrap();
        let sent: Arc<Mutex<Vec<String>>> = Arc::default();
        let statements = Arc::clone(&sent);
        store.on_statement(move |sql| statements.lock().unwrap().push(sql.to_owned()));
        let options = Options { rate_limits: false, billing: Some(BillingConfig::default()), ..Options::default() };
        let app = App::start_on(Driver::Axum, options, store, folder).await;
        let world = World::make(&app, app.root(), &app.account, "a@example.com").await;
        Some(Self { app, world, database, sent })
    }

    /// What was sent since the last look.
    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().drain(..).collect()
    }

    /// Each of these statements, sent for what is named, obeys the rule.
    async fn assert(self, rule: Rule, seen: BTreeMap<String, String>) {
        let database = sea_orm::Database::connect(&self.database.url).await.unwrap();
        let mut wrong = Vec::new();
        for (sql, call) in &seen {
            if let Some(plan) = defect(&database, rule, sql).await {
                wrong.push(format!("{call}\n  {sql}\n  {plan}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {} statements:\n{}", wrong.len(), seen.len(), wrong.join("\n"));
        let bad = "SELECT * FROM authpi_organization ORDER BY created_at";
        assert!(defect(&database, rule, bad).await.is_some(), "a full scan would be seen");
        database.close().await.unwrap();
        let Self { app, database, .. } = self;
        drop(app);
        database.remove().await;
    }
}

async fn every_list_walks_along_an_index(backend: Backend) {
    let Some(ground) = Ground::new(backend).await else { return };
    let mut seen = BTreeMap::new();
    ground.sent();
    for call in calls(&ground.world) {
        let page = ground.app.root().get(&call).expect(200).await;
        if let Some(cursor) = page.body["next_cursor"].as_str() {
            ground.app.root().get(&format!("{call}&cursor={cursor}")).expect(200).await;
        }
        for sql in ground.sent() {
            seen.entry(sql).or_insert_with(|| call.clone());
        }
    }
    assert!(seen.len() > 20, "statements were captured");
    ground.assert(PAGES, seen).await;
}

async fn background_work_counts_and_exports_find_their_rows_by_indices(backend: Backend) {
    let Some(ground) = Ground::new(backend).await else { return };
    let app = &ground.app;
    let mut seen = BTreeMap::new();
    let mut note = |what: &str| {
        for sql in ground.sent() {
            seen.entry(sql).or_insert_with(|| what.to_owned());
        }
    };
    note("the world is made");
    // Everything comes into its time, and what is kept long enough goes.
    for days in [0, 1, 8, 31, 61] {
        app.advance(Duration::from_hours(days * 24));
        run_once(app.authpi.services()).await.unwrap();
        note(&format!("background work after {days} days"));
    }
    for query in ["", "?interval=hour", "?group_by=type&count_unique=user_id", "?interval=day&group_by=user_id"] {
        app.root().get(&app.path(&format!("/events/aggregate{query}"))).expect(200).await;
        note("counts");
    }
    let user = format!("?user_id={}", ground.world.id("user_id"));
    for query in ["", "?event_types=user.created", &user] {
        app.root().get(&app.path(&format!("/events/export{query}"))).expect(200).await;
        note("an export");
    }
    assert!(seen.len() > 100, "{} statements were captured", seen.len());
    ground.assert(WORK, seen).await;
}

#[tokio::test]
async fn every_list_walks_along_an_index_of_sqlite() {
    every_list_walks_along_an_index(Backend::Sqlite).await;
}

#[tokio::test]
async fn every_list_walks_along_an_index_of_postgresql() {
    every_list_walks_along_an_index(Backend::Postgres).await;
}

#[tokio::test]
async fn background_work_counts_and_exports_find_their_rows_by_indices_of_sqlite() {
    background_work_counts_and_exports_find_their_rows_by_indices(Backend::Sqlite).await;
}

#[tokio::test]
async fn background_work_counts_and_exports_find_their_rows_by_indices_of_postgresql() {
    background_work_counts_and_exports_find_their_rows_by_indices(Backend::Postgres).await;
}
