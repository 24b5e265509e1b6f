//! Statements per operation: a lost index or an N+1 read shows as a number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authpi_core::web::services::Options;
use http::Method;
use serde_json::{Value, json};
use tests::{App, Dns, Driver, Receiver};

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
    app.serve_at("login.example.com", Some(&issuer)).await;
    for path in ["/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let at_domain = || app.anonymous().get(path).header("host", "login.example.com");
        assert_eq!(counted.count(at_domain).await, 0, "{path} at a domain: no store access");
    }
    // Authentication and the issuer's head come with every call below an issuer, and the count of open invitations with
    // every organization that is shown.
    assert_eq!(counted.count(|| app.root().get(&organization)).await, 4, "get");
    assert_eq!(counted.count(|| app.root().get(&list)).await, 4, "list");
    let renamed = AtomicUsize::new(0);
    let next = || json!({ "name": format!("name {}", renamed.fetch_add(1, Ordering::SeqCst)) });
    // Authentication, head, settings of the issuer, insert, open invitations, event, its place among the undelivered, its
    // context.
    assert_eq!(counted.count(|| app.root().post(&list, json!({ "name": "x" }))).await, 8, "create");
    // Authentication, head, find, guarded update, the account that follows its organization, open invitations, event, its
    // place among the undelivered, its context.
    assert_eq!(counted.count(|| app.root().patch(&organization, next())).await, 9, "update");
}

/// Commits an event for webhooks.
async fn happen(app: &App, issuer: &str, name: &str) {
    app.root().post(&format!("{issuer}/organizations"), json!({ "name": name })).expect(201).await;
}

/// Waits until so much has been delivered, in the log, too.
async fn delivered(app: &App, webhook: &str, count: usize) {
    for _ in 0..1_000 {
        let path = app.path(&format!("/webhooks/{webhook}/deliveries?status=delivered"));
        if app.root().get(&path).expect(200).await.data().as_array().unwrap().len() >= count {
            return;
        }
        #[allow(clippy::disallowed_methods, reason = "workers run beside the test, by real time")]
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{count} deliveries have not arrived");
}

#[tokio::test]
async fn what_a_quick_receiver_gets_is_not_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let mut store = authpi_storage::connect(&url).await.unwrap();
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looks);
    store.on_statement(move |sql| {
        if sql.starts_with("SELECT") && sql.contains("authpi_webhook_delivery") && sql.contains("waiting") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let (dns, receiver) = (Dns::start().await, Receiver::start().await);
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_in(Driver::Axum, options, store, folder, App::reaching(&dns)).await;
    let issuer = app.issuer().await;
    let body = json!({ "url": format!("{}/in", receiver.base), "auth": { "type": "none" },
        "events": ["organization.created"] });
    let webhook = app.root().post(&app.path("/webhooks"), body).expect(201).await.id();
    let workers = app.authpi.start();
    happen(&app, &issuer, "first").await;
    delivered(&app, &webhook, 1).await;
    assert!(looks.load(Ordering::SeqCst) > 0, "nobody knew of it");
    looks.store(0, Ordering::SeqCst);
    for number in 0..5 {
        happen(&app, &issuer, &format!("number {number}")).await;
        delivered(&app, &webhook, 2 + number).await;
    }
    assert_eq!(looks.load(Ordering::SeqCst), 0);
    workers.stop().await;
    assert_eq!(receiver.received().len(), 6, "each came once");
}

/// Who asks for a new password cannot tell by the work done whether there is somebody of that name.
#[tokio::test]
async fn a_reset_for_nobody_keeps_a_proof_like_one_for_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let mut store = authpi_storage::connect(&url).await.unwrap();
    let proofs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&proofs);
    store.on_statement(move |sql| {
        if sql.starts_with("INSERT") && sql.contains("authpi_mail_proof") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(Driver::Axum, options, store, folder).await;
    let issuer = app.issuer().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    for name in ["ada@example.com", "nobody@example.com", "nobody"] {
        let browser = app.browser(&issuer);
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": name })).await;
        let before = proofs.load(Ordering::SeqCst);
        assert_eq!(page.step("password-reset", json!({})).await, "first_factor");
        assert_eq!(proofs.load(Ordering::SeqCst) - before, 1, "{name}");
    }
}

const CALLBACK: &str = "https://app.example.com/cb";
const PASSWORD: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ";

/// A client of an issuer, with its secret.
async fn client(app: &App, issuer: &str, settings: Value) -> (String, String) {
    let body = json!({ "name": "App", "type": "internal", "confidential": true, "settings": settings });
    let made = app.root().post(&format!("{issuer}/clients"), body).expect(201).await;
    (made.id(), made.text("secret"))
}

fn form<'a>(client: &'a (String, String), more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("client_id", client.0.as_str()), ("client_secret", client.1.as_str())];
    own.into_iter().chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn tokens_cost_the_statements_that_the_architecture_allows() {
    let counted = Counted::start().await;
    let app = &counted.app;
    let issuer = app.issuer().await;
    let path = format!("/{}/token", issuer.rsplit('/').next().unwrap());
    let ask = |form: &[(&str, &str)]| app.anonymous().call(Method::POST, &path).form(form);
    let machine = client(app, &issuer, json!({ "scopes": ["a:read"], "openid": { "application_type": "m2m" } })).await;
    let form_of_machine = form(&machine, &[("grant_type", "client_credentials")]);
    let machine_token = counted.count(|| ask(&form_of_machine)).await;

    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let settings = json!({ "scopes": ["openid"], "openid": { "redirect_uris": [CALLBACK] } });
    let web = client(app, &issuer, settings).await;
    let browser = app.browser(&issuer);
    let query = format!("response_type=code&scope=openid&state=s&client_id={}&redirect_uri={CALLBACK}", web.0);
    let authorize = || browser.call(Method::GET, &format!("/authorize?{query}"));
    let begun = browser.send(authorize()).await;
    let page = browser.page(begun.header("location").rsplit_once('=').unwrap().1).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
    let mut codes = Vec::new();
    let mut authorization = 0;
    for _ in 0..2 {
        let before = counted.statements.load(Ordering::SeqCst);
        let answer = browser.send(authorize()).await;
        authorization = counted.statements.load(Ordering::SeqCst) - before;
        let to = url::Url::parse(answer.header("location")).unwrap();
        codes.push(to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
    }
    let codes = Mutex::new(codes);
    let last = Mutex::new(String::new());
    let exchange = || {
        let code = codes.lock().unwrap().pop().unwrap();
        let more = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        ask(&form(&web, &more))
    };
    drop(exchange().expect(200).await);
    let before = counted.statements.load(Ordering::SeqCst);
    let tokens = exchange().expect(200).await;
    let exchanged = counted.statements.load(Ordering::SeqCst) - before;
    tokens.body["refresh_token"].as_str().unwrap().clone_into(&mut last.lock().unwrap());
    let mut refreshed = 0;
    for _ in 0..2 {
        let token = last.lock().unwrap().clone();
        let before = counted.statements.load(Ordering::SeqCst);
        let reply = ask(&form(&web, &[("grant_type", "refresh_token"), ("refresh_token", &token)])).expect(200).await;
        refreshed = counted.statements.load(Ordering::SeqCst) - before;
        reply.body["refresh_token"].as_str().unwrap().clone_into(&mut last.lock().unwrap());
    }
    // The client; the event and its context.
    assert_eq!(machine_token, 3, "client_credentials");
    // Session, client; then, in the unit of work, what may have changed since: session, user, client, session. Session of
    // the client, grant, code, activity; the event, its place among the undelivered, its context.
    assert_eq!(authorization, 13, "authorize, signed in");
    // Client, code, both sessions, grant, user with verifiers, organizations; in the unit of work the code, user, session,
    // its update, the key that signed, and the grant.
    assert_eq!(exchanged, 13, "exchange of a code");
    // Client, session, grant, session at the issuer, user with verifiers, organizations; in the unit of work seven: the
    // grant, the key that signed, the session, activity, the event, its place among the undelivered and its context.
    assert_eq!(refreshed, 13, "refresh");
}

#[tokio::test]
async fn a_password_costs_the_same_statements_at_every_login() {
    let counted = Counted::start().await;
    let app = &counted.app;
    let issuer = app.issuer().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let browser = app.browser(&issuer);
    let step = async || {
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": "ada@example.com" })).await;
        let before = counted.statements.load(Ordering::SeqCst);
        assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "done");
        counted.statements.load(Ordering::SeqCst) - before
    };
    for _ in 0..2 {
        step().await;
    }
    // Session, login, user with verifiers, devices and secrets; in the unit of work once more login, user with verifiers, and
    // devices; issuer with methods; the count of failures in two, the password, failures of strangers, memberships. The
    // lock of the user, the device in two, the session in three, the time, the domain, the login; two events, their places
    // among the undelivered, their contexts.
    assert_eq!((step().await, step().await), (26, 26), "the password step");
}

#[tokio::test]
async fn the_end_of_a_session_costs_the_same_for_each_client_that_does_not_want_to_be_told() {
    let counted = Counted::start().await;
    let app = &counted.app;
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "ada@example.com").await;
    let ended = async |sessions: usize| {
        let op = app.log_in(&issuer, &user).await;
        for _ in 0..sessions {
            let client = client(app, &issuer, json!({})).await.0;
            let session = app.authorize(&issuer, &user, &op, &client, None).await;
            app.issue_tokens(&issuer, &session).await;
        }
        let before = counted.statements.load(Ordering::SeqCst);
        app.root().act(&format!("{issuer}/sessions/{op}/revoke")).expect(200).await;
        counted.statements.load(Ordering::SeqCst) - before
    };
    let (none, one, four) = (ended(0).await, ended(1).await, ended(4).await);
    // With the first one it is asked once which clients want to be told; each session is written.
    assert_eq!((one - none, four - one), (2, 3), "{none} {one} {four}");
}
