//! `/v1/accounts/{account_id}/events/export` and `…/events/chain`

mod content;
mod kept;
mod streamed;

use authpi_core::event::model::Event;
use authpi_core::worker::run_once;
use authpi_verifier::trail::{Report, Trail};
use serde_json::{Value, json};
use tests::{App, Caller};

use super::DRIVER;

/// A complete export.
struct Export {
    /// Without the trailer.
    lines: Vec<Value>,
    trailer: Value,
    text: String,
}

impl Export {
    /// Events as the list shows them.
    fn events(&self) -> Vec<Value> {
        let shown = |line: &Value| {
            let mut event = line.as_object().unwrap().clone();
            event.remove("chain");
            (!event.is_empty()).then_some(Value::Object(event))
        };
        self.lines.iter().filter_map(shown).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.lines.iter().map(id).collect()
    }

    fn head(&self) -> &str {
        self.trailer["chain_head"].as_str().unwrap()
    }
}

fn id(line: &Value) -> String {
    line["id"].as_str().or(line["chain"]["event_id"].as_str()).unwrap().to_owned()
}

async fn export_of(caller: &Caller, path: &str) -> Export {
    let reply = caller.get(path).expect(200).await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert_eq!((reply.header("cache-control"), reply.header("x-request-id").len()), ("no-store", 32));
    let text = String::from_utf8(reply.bytes).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let trailer = lines.pop().unwrap()["trailer"].take();
    assert!(trailer.is_object(), "the export is complete");
    Export { lines, trailer, text }
}

async fn export(app: &App, query: &str) -> Export {
    export_of(&app.root(), &app.path(&format!("/events/export?{query}"))).await
}

async fn chain(app: &App) -> Value {
    app.root().get(&app.path("/events/chain")).expect(200).await.data().clone()
}

/// The report on a full export, which must be whole and hold the end of the chain as the API tells it.
async fn verified(app: &App, export: &Export) -> Report {
    let chain = chain(app).await;
    let known = format!("{}:{}", chain["sequence"], chain["head"].as_str().unwrap());
    let mut trail = Trail::new().expecting(known.parse().unwrap()).unwrap();
    for line in export.text.lines() {
        trail.line(line).unwrap_or_else(|flaw| panic!("{flaw}: {line}"));
    }
    let report = trail.finish().unwrap();
    assert!(report.is_complete);
    report
}

async fn work(app: &App) {
    run_once(app.authpi.services()).await.unwrap();
}

/// Commits events that were made elsewhere.
async fn append(app: &App, events: &[Event]) {
    let services = app.authpi.services();
    for some in events.chunks(500) {
        let mut unit = services.store.begin(services.now()).await.unwrap();
        unit.events().append(some).await.unwrap();
        unit.commit().await.unwrap();
    }
}

/// Some things that happen.
async fn lively() -> App {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "ada@example.com").await;
    app.organization(&issuer).await;
    app.root().patch(&format!("{issuer}/users/{user}"), json!({ "status": "blocked" })).expect(200).await;
    app
}
