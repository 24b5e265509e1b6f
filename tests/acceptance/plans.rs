//! What lists cost: every statement that a list sends walks along an index and stops where the page ends. Filters
//! without an index examine a bounded stretch of one.
//!
//! The planner of SQLite says so for the indices that all databases have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use authpi_core::billing::model::BillingConfig;
use authpi_core::routes;
use authpi_core::web::query::{Parameter, ParameterKind};
use authpi_core::web::route::{Route, Shape};
use authpi_core::web::services::Options;
use http::Method;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tests::world::World;
use tests::{App, Driver};

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

/// What is wrong with the plan of a statement; `None` when it walks along indices.
async fn defect(database: &DatabaseConnection, sql: &str) -> Option<String> {
    let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = database.query_all_raw(explain).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    let is_walk = |step: &str| {
        // The platform is one row.
        let whole_table = step.starts_with("SCAN ") && !step.contains("authpi_platform") && !step.contains("CONSTANT");
        // The domains of an account are twenty at most, and the list has no pages.
        let is_short = sql.contains(r#"FROM "authpi_account_domain""#);
        !whole_table && (is_short || !step.contains("TEMP B-TREE"))
    };
    if steps.iter().all(|step| is_walk(step)) { None } else { Some(steps.join("; ")) }
}

#[tokio::test]
async fn every_list_walks_along_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let mut store = authpi_storage::connect(&url).await.unwrap();
    let sent: Arc<Mutex<Vec<String>>> = Arc::default();
    let statements = Arc::clone(&sent);
    store.on_statement(move |sql| statements.lock().unwrap().push(sql.to_owned()));
    let options = Options { rate_limits: false, billing: Some(BillingConfig::default()), ..Options::default() };
    let app = App::start_on(Driver::Axum, options, store, folder).await;
    let world = World::make(&app, app.root(), &app.account, "a@example.com").await;

    let mut seen = BTreeMap::new();
    for call in calls(&world) {
        sent.lock().unwrap().clear();
        let page = app.root().get(&call).expect(200).await;
        if let Some(cursor) = page.body["next_cursor"].as_str() {
            app.root().get(&format!("{call}&cursor={cursor}")).expect(200).await;
        }
        for sql in sent.lock().unwrap().drain(..) {
            seen.entry(sql).or_insert_with(|| call.clone());
        }
    }
    assert!(seen.len() > 20, "statements were captured");
    let database = Database::connect(&url).await.unwrap();
    let mut wrong = Vec::new();
    for (sql, call) in &seen {
        if let Some(plan) = defect(&database, sql).await {
            wrong.push(format!("{call}\n  {sql}\n  {plan}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} statements:\n{}", wrong.len(), seen.len(), wrong.join("\n"));
    let bad = "SELECT * FROM authpi_organization ORDER BY created_at";
    assert!(defect(&database, bad).await.is_some(), "a full scan would be seen");
}
