//! Statements per operation: a lost index or an N+1 read shows as a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authpi_core::web::services::Options;
use serde_json::json;
use tests::{App, Driver};

struct Counted {
    app: App,
    statements: Arc<AtomicUsize>,
}

impl Counted {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let mut store = authpi_storage::connect(&url).await.unwrap();
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        store.on_statement(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let options = Options { rate_limits: false, ..Options::default() };
        Self { app: App::start_on(Driver::Axum, options, store, folder).await, statements }
    }

    /// Statements of the second of two equal calls: the first one fills caches.
    async fn count(&self, call: impl Fn() -> tests::caller::Call) -> usize {
        assert!(call().send().await.status.is_success());
        let before = self.statements.load(Ordering::SeqCst);
        let reply = call().send().await;
        assert!(reply.status.is_success(), "{reply}");
        self.statements.load(Ordering::SeqCst) - before
    }
}

#[tokio::test]
async fn hot_paths_send_the_statements_that_the_architecture_allows() {
    let counted = Counted::start().await;
    let app = &counted.app;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let list = format!("{issuer}/organizations");
    let me = counted.count(|| app.root().get("/v1/me")).await;
    assert_eq!(me, 1, "GET /v1/me: one indexed read");
    let jwks = format!("/{}/jwks.json", issuer.rsplit('/').next().unwrap());
    assert_eq!(counted.count(|| app.anonymous().get(&jwks)).await, 0, "JWKS: no store access");
    // Authentication and the issuer's head come with every call below an issuer, and the count of open invitations with
    // every organization that is shown.
    assert_eq!(counted.count(|| app.root().get(&organization)).await, 4, "get");
    assert_eq!(counted.count(|| app.root().get(&list)).await, 4, "list");
    let renamed = AtomicUsize::new(0);
    let next = || json!({ "name": format!("name {}", renamed.fetch_add(1, Ordering::SeqCst)) });
    // Authentication, head, settings of the issuer, insert, open invitations, event, context of the event.
    assert_eq!(counted.count(|| app.root().post(&list, json!({ "name": "x" }))).await, 7, "create");
    // Authentication, head, find, guarded update, the account that follows its organization, open invitations, event, its
    // context.
    assert_eq!(counted.count(|| app.root().patch(&organization, next())).await, 8, "update");
}
