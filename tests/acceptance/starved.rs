//! A database that says nothing, and a disk that is full.

use std::time::Duration;

use authpi_core::error::Refusal;
use authpi_core::web::services::Options;
use base64::Engine as _;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tests::caller::Call;
use tests::proxy::Proxy;
use tests::server::{Home, Server, free_port};
use tests::{App, Backend, Caller, Database, Driver, Reply};
use tokio::process::Command;
use tokio::time::Instant;

/// Every answer comes within 20 s (docs/decisions/0008), and a busy machine takes its time.
const DEADLINE: Duration = Duration::from_secs(25);

fn is_unavailable(refused: &Reply) {
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(refused.body["error"], "temporarily_unavailable", "{refused}");
    assert_eq!(refused.body["retryable"], true, "{refused}");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
}

async fn a_database_that_falls_silent_is_a_503_within_the_deadline(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = Database::create(backend, folder.path()).await else { return };
    let mut url = reqwest::Url::parse(&database.url).unwrap();
    let proxy = Proxy::start(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();
    let store = authpi_storage::connect(url.as_str()).await.unwrap();
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_on(Driver::Axum, options, store, folder).await;
    let (root, issuers) = (app.root(), app.path("/issuers"));
    let made = root.post(&issuers, json!({ "name": "before" })).expect(201).await.id();
    // What is remembered of the issuer is too old to be relied on.
    app.advance(Duration::from_hours(1));

    proxy.fall_silent();
    let began = Instant::now();
    let write = || root.post(&issuers, json!({ "name": "silent" })).header("idempotency-key", "one");
    let (read, written, ready, edges, host) = tokio::join!(
        root.get(&issuers).send(),
        write().send(),
        app.anonymous().get("/readyz").send(),
        at_the_edges(&app, &made),
        at_a_route_of_the_host(&app),
    );
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    for refused in [read, written, ready] {
        is_unavailable(&refused);
    }
    // Without its page, and like a site that nobody knows.
    assert_eq!(edges.map(|reply| reply.status.as_u16()), [431, 405]);
    assert!(matches!(host, Refusal::Overloaded(_)), "{host}");
    root.get("/healthz").expect(200).await;

    proxy.restore();
    recovered(|| root.get("/readyz")).await;
    root.get(&format!("{issuers}/{made}")).expect(200).await;
    // What was refused left nothing, not even its key.
    write().expect(201).await;
    let listed = root.get(&issuers).expect(200).await;
    let silent = listed.data().as_array().unwrap().iter().filter(|issuer| issuer["name"] == "silent");
    assert_eq!(silent.count(), 1);
    database.remove().await;
}

/// What asks for the issuer before its request is answered, and afterwards.
async fn at_the_edges(app: &App, issuer: &str) -> [Reply; 2] {
    let browser = app.anonymous();
    let flood = format!("op.{issuer}={}", "x".repeat(17_000));
    let flooded = browser.get(&format!("/{issuer}/authorize")).header("accept", "text/html").header("cookie", &flood);
    let asking = browser.call(Method::OPTIONS, &format!("/{issuer}/token")).header("origin", "https://app.example.com");
    let asking = asking.header("access-control-request-method", "POST");
    tokio::join!(flooded.send(), asking.send()).into()
}

/// A route of the host asks who calls.
async fn at_a_route_of_the_host(app: &App) -> Refusal {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", app.key.0, app.key.1));
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Basic {credentials}").parse().unwrap())]);
    app.authpi.caller(&headers, None).await.map(|_| ()).unwrap_err()
}

async fn recovered(call: impl Fn() -> Call) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let ready = async {
        while !call().send().await.status.is_success() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("it recovers by itself");
}

#[tokio::test]
async fn a_postgresql_that_falls_silent_is_a_503_within_the_deadline() {
    a_database_that_falls_silent_is_a_503_within_the_deadline(Backend::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_that_falls_silent_is_a_503_within_the_deadline() {
    a_database_that_falls_silent_is_a_503_within_the_deadline(Backend::Mariadb).await;
}

/// Bounds the size of every file that a process writes; `unlimited` lifts it. What exceeds it fails like a write to a
/// full disk, save for the number of the error.
async fn bound_files(process: u32, bytes: &str) -> bool {
    let mut bound = Command::new("prlimit");
    bound.args(["--pid", &process.to_string(), &format!("--fsize={bytes}:unlimited")]);
    bound.status().await.is_ok_and(|status| status.success())
}

/// The server, which is not killed by a file that grows too large.
fn enduring(home: &Home, port: u16) -> Command {
    let plain = home.command(port);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\""]).arg(plain.as_std().get_program());
    command.current_dir(home.folder.path()).env_clear().kill_on_drop(true);
    for (name, value) in plain.as_std().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

/// The largest file in the home of a server.
fn largest(home: &Home) -> u64 {
    let files = std::fs::read_dir(home.folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap());
    files.filter(std::fs::Metadata::is_file).map(|file| file.len()).max().unwrap()
}

/// Creates issuers until five in a row were refused for want of room, and returns those that were acknowledged. What is
/// refused for its own fault in between is rolled back like what finds no room.
async fn fill_up(root: &Caller, issuers: &str) -> Vec<String> {
    let (mut made, mut refused) = (Vec::new(), 0);
    while refused < 5 {
        let reply = root.post(issuers, json!({ "name": "i", "description": "x".repeat(4_000) })).send().await;
        if reply.status == 201 {
            made.push(reply.id());
            refused = 0;
        } else {
            is_unavailable(&reply);
            refused += 1;
        }
        root.post(issuers, json!({ "name": "" })).expect(400).await;
        assert!(made.len() < 5_000, "the disk fills up");
    }
    made
}

async fn are_there(root: &Caller, issuers: &str, made: &[String]) {
    for id in made {
        root.get(&format!("{issuers}/{id}")).expect(200).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_full_disk() {
    let home = Home::new(Backend::Sqlite).await.unwrap();
    let port = free_port();
    let mut server = Server::start(enduring(&home, port), port).await;
    let credentials = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
    let credentials: Value = serde_json::from_slice(&credentials).unwrap();
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let root = Caller::new(&text("core_url"), Some((text("key_id"), text("key_secret"))));
    let issuers = format!("/v1/accounts/{}/issuers", text("account_id"));
    let process = server.child.id().unwrap();
    let mut made = Vec::new();
    // Twice: a store that has recovered is as good as before.
    for _ in 0..2 {
        if !bound_files(process, &(largest(&home) + 256 * 1024).to_string()).await {
            eprintln!("left out: a full disk (prlimit is not there)");
            return;
        }
        let acknowledged = fill_up(&root, &issuers).await;
        assert!(!acknowledged.is_empty(), "there was some room");
        made.extend(acknowledged);
        root.get("/healthz").expect(200).await;
        are_there(&root, &issuers, &made).await;

        assert!(bound_files(process, "unlimited").await);
        recovered(|| root.post(&issuers, json!({ "name": "recovered" }))).await;
        for _ in 0..5 {
            root.post(&issuers, json!({ "name": "" })).expect(400).await;
            made.push(root.post(&issuers, json!({ "name": "i" })).expect(201).await.id());
        }
        are_there(&root, &issuers, &made).await;
    }
    assert!(server.child.try_wait().unwrap().is_none(), "the process went on");
    server.child.kill().await.unwrap();
    let again = Server::start(home.command(port), port).await;
    are_there(&root, &issuers, &made).await;
    drop(again);
}
