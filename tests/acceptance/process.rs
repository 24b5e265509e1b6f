//! The example server as a process: first start, crashes, and what keeps it from starting.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::server::{Home, Server, command, free_port};
use tests::{Backend, Caller};
use tokio::process::Command;

fn bootstrap(folder: &Path) -> Option<Value> {
    let content = std::fs::read(folder.join("bootstrap.json")).ok()?;
    Some(serde_json::from_slice(&content).expect("a bootstrap file is complete or absent"))
}

fn caller(bootstrap: &Value) -> Caller {
    let text = |name: &str| bootstrap[name].as_str().unwrap().to_owned();
    Caller::new(&text("core_url"), Some((text("key_id"), text("key_secret"))))
}

/// Runs to the end and gives exit code and what was logged.
async fn run_to_end(mut command: Command) -> (i32, String) {
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.expect("it ends").unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

tests::on_every_database! {
    the_first_start_writes_credentials_that_work_and_the_next_one_makes_no_others,
    a_kill_at_any_point_of_the_first_start_leaves_credentials_that_work_or_none,
    what_was_answered_survives_a_kill,
    sigterm_ends_the_server_cleanly_with_its_buffers_written,
    another_master_key_than_the_databases_is_refused,
}

async fn the_first_start_writes_credentials_that_work_and_the_next_one_makes_no_others(backend: Backend) {
    use std::os::unix::fs::PermissionsExt;
    let Some(home) = Home::new(backend).await else { return };
    let folder = &home.folder;
    let port = free_port();
    let mut server = Server::start(home.command(port), port).await;
    let first = bootstrap(folder.path()).unwrap();
    assert_eq!(first["core_url"], server.base);
    assert_eq!(first["idp_url"], server.base);
    for secret in ["bootstrap.json", "authpi.key"] {
        let mode = folder.path().join(secret).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let me = caller(&first).get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["account_id"], first["account_id"]);
    server.child.kill().await.unwrap();

    std::fs::remove_file(folder.path().join("bootstrap.json")).unwrap();
    let again = Server::start(home.command(port), port).await;
    assert_eq!(bootstrap(folder.path()), None, "an instance is bootstrapped once");
    caller(&first).get("/v1/me").expect(200).await;
    drop(again);
    home.remove().await;
}

async fn a_kill_at_any_point_of_the_first_start_leaves_credentials_that_work_or_none(backend: Backend) {
    // On MariaDB the tables alone take longer than the whole start on SQLite.
    let slower = if backend == Backend::Mariadb { 10 } else { 1 };
    for delay in [0, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200] {
        let Some(home) = Home::new(backend).await else { return };
        let port = free_port();
        let mut child = home.command(port).spawn().unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(slower * delay), child.wait()).await;
        child.kill().await.unwrap();
        let server = Server::start(home.command(port), port).await;
        let credentials = bootstrap(home.folder.path()).expect("the next start leaves usable credentials");
        caller(&credentials).get("/v1/me").expect(200).await;
        drop(server);
        home.remove().await;
    }
}

async fn what_was_answered_survives_a_kill(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    let mut server = Server::start(home.command(port), port).await;
    let credentials = bootstrap(home.folder.path()).unwrap();
    let path = format!("/v1/accounts/{}/issuers", credentials["account_id"].as_str().unwrap());
    let root = caller(&credentials);
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(root.post(&path, serde_json::json!({ "name": format!("i{number}") })).expect(201).await.id());
    }
    server.child.kill().await.unwrap();
    let server = Server::start(home.command(port), port).await;
    for id in made {
        caller(&credentials).get(&format!("{path}/{id}")).expect(200).await;
    }
    drop(server);
    home.remove().await;
}

async fn sigterm_ends_the_server_cleanly_with_its_buffers_written(backend: Backend) {
    for adapter in ["axum", "actix"] {
        let Some(home) = Home::new(backend).await else { return };
        let port = free_port();
        let mut server = home.command(port);
        server.env("AUTHPI_ADAPTER", adapter);
        let mut server = Server::start(server, port).await;
        let credentials = bootstrap(home.folder.path()).unwrap();
        caller(&credentials).get("/v1/me").expect(200).await;
        let pid = server.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let status = tokio::time::timeout(Duration::from_secs(10), server.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{adapter}: {status}");
        let again = Server::start(home.command(port), port).await;
        let account = credentials["account_id"].as_str().unwrap();
        let path = format!("/v1/accounts/{account}/events?event_types=api-key.verified");
        let events = caller(&credentials).get(&path).expect(200).await;
        assert_eq!(events.data().as_array().unwrap().len(), 1, "{adapter}");
        drop(again);
        home.remove().await;
    }
}

#[tokio::test]
async fn what_keeps_the_server_from_starting_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let _running = Server::start(command(folder.path(), port), port).await;

    let (code, log) = run_to_end(command(folder.path(), free_port())).await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("is in use by another process"), "{log}");

    let elsewhere = tempfile::tempdir().unwrap();
    let (code, log) = run_to_end(command(elsewhere.path(), port)).await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("cannot listen on"), "{log}");

    for (name, value, message) in [
        ("AUTHPI_DATABASE_URL", "sqlite:///nowhere/at/all/authpi.db?mode=rwc", "cannot be written"),
        ("AUTHPI_DATABASE_URL", "postgres://127.0.0.1:1/authpi", "cannot be reached"),
        ("AUTHPI_DATABASE_URL", "mysql://127.0.0.1:1/authpi", "cannot be reached"),
        ("AUTHPI_DATABASE_URL", "mongodb://127.0.0.1/authpi", "not a database URL that this build supports"),
        ("AUTHPI_REGIONAL_DATABASES", "weur=postgres://127.0.0.1/weur", "regional databases are not built yet"),
        ("AUTHPI_PUBLIC_URL", "http://id.example.com", "must be https"),
        ("AUTHPI_MASTER_KEY", "c2hvcnQ=", "32 bytes in base64"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut broken = command(folder.path(), free_port());
        broken.env(name, value);
        let (code, log) = run_to_end(broken).await;
        assert_eq!(code, 1, "{name}={value}: {log}");
        assert!(log.contains(message), "{name}={value}: {log}");
        assert!(bootstrap(folder.path()).is_none());
    }
}

async fn another_master_key_than_the_databases_is_refused(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    // Until it is gone it holds the database.
    Server::start(home.command(port), port).await.child.kill().await.unwrap();
    std::fs::remove_file(home.folder.path().join("authpi.key")).unwrap();
    let (code, log) = run_to_end(home.command(free_port())).await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("another master key"), "{log}");
    home.remove().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_said_clearly() {
    use std::os::unix::fs::PermissionsExt;
    let elsewhere = tempfile::tempdir().unwrap();
    let directory = elsewhere.path().join("directory");
    std::fs::create_dir(&directory).unwrap();
    let read_only = elsewhere.path().join("read-only.db");
    std::fs::write(&read_only, "").unwrap();
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o444)).unwrap();
    let mut paths = vec![directory, Path::new("/proc/authpi.db").to_owned()];
    if std::fs::OpenOptions::new().write(true).open(&read_only).is_err() {
        paths.push(read_only);
    } else {
        eprintln!("left out: a read-only file (modes do not bind this user)");
    }
    for path in paths {
        let folder = tempfile::tempdir().unwrap();
        let mut server = command(folder.path(), free_port());
        server.env("AUTHPI_DATABASE_URL", format!("sqlite://{}?mode=rwc", path.display()));
        let (code, log) = run_to_end(server).await;
        assert_eq!(code, 1, "{}: {log}", path.display());
        assert!(log.contains(&format!("{} cannot be written", path.display())), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        assert!(bootstrap(folder.path()).is_none());
    }
}

#[tokio::test]
async fn a_postgresql_that_goes_away_is_a_503_until_it_is_back() {
    a_database_that_goes_away_is_a_503_until_it_is_back(Backend::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_that_goes_away_is_a_503_until_it_is_back() {
    a_database_that_goes_away_is_a_503_until_it_is_back(Backend::Mariadb).await;
}

async fn a_database_that_goes_away_is_a_503_until_it_is_back(backend: Backend) {
    use base64::Engine as _;
    let Some(home) = Home::new(backend).await else { return };
    let mut url = reqwest::Url::parse(&home.database.url).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let proxy = tests::proxy::Proxy::start(target).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();

    let port = free_port();
    let mut server = home.command(port);
    server.env("AUTHPI_DATABASE_URL", url.as_str());
    server.env("AUTHPI_MASTER_KEY", base64::engine::general_purpose::STANDARD.encode([9; 32]));
    let mut server = Server::start(server, port).await;
    let credentials = bootstrap(home.folder.path()).unwrap();
    let root = caller(&credentials);
    let issuers = format!("/v1/accounts/{}/issuers", credentials["account_id"].as_str().unwrap());
    let made = root.post(&issuers, serde_json::json!({ "name": "before" })).expect(201).await;

    proxy.cut();
    for _ in 0..2 {
        for call in [root.get(&issuers), root.post(&issuers, serde_json::json!({ "name": "x" })), root.get("/readyz")] {
            let refused = call.expect(503).await;
            assert_eq!(refused.body["error"], "temporarily_unavailable", "{refused}");
            assert_eq!(refused.body["retryable"], true, "{refused}");
            assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
        }
    }
    root.get("/healthz").expect(200).await;

    proxy.restore();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let ready = async {
        while root.get("/readyz").send().await.status != 200 {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("it recovers by itself");
    root.get(&format!("{issuers}/{}", made.id())).expect(200).await;
    root.post(&issuers, serde_json::json!({ "name": "after" })).expect(201).await;
    assert!(server.child.try_wait().unwrap().is_none(), "the process went on");
    server.child.kill().await.unwrap();
    home.remove().await;
}
