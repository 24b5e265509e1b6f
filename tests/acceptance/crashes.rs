//! Events and processes: one that dies loses none, several share the work.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tests::crash::Victim;
use tests::server::{Home, Server, free_port};
use tests::{Backend, Caller, Receiver};
use tokio::process::Command;

tests::on_every_database! {
    a_kill_at_any_point_loses_no_event_and_invents_none,
    processes_share_deliveries_and_send_none_twice,
}

async fn a_kill_at_any_point_loses_no_event_and_invents_none(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let (victim, servers) = Victim::start(home, backend).await;
    let outcome = victim.suffer(servers, 5, 1).await;
    assert!(outcome.answered > 0 && outcome.events > outcome.answered && outcome.redelivered > 0, "{outcome:?}");
}

/// How often each event arrived, once `wanted` have.
async fn arrived(receiver: &Receiver, wanted: usize) -> HashMap<String, usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while seen.len() < wanted {
            tick.tick().await;
            for request in receiver.received() {
                *seen.entry(request.header("webhook-id").to_owned()).or_default() += 1;
            }
        }
    });
    waited.await.expect("all events arrive");
    seen
}

async fn processes_share_deliveries_and_send_none_twice(backend: Backend) {
    if backend == Backend::Sqlite {
        // A file has one process; that a second one is refused is tested with the server.
        return;
    }
    let Some(home) = Home::new(backend).await else { return };
    let receiver = Receiver::start().await;
    let mut servers = Vec::new();
    for _ in 0..2 {
        let port = free_port();
        let mut command = home.command(port);
        command.env("AUTHPI_ALLOW_PRIVATE_NETWORK", "on");
        servers.push(Server::start(command, port).await);
    }
    let bootstrap = std::fs::read(home.folder.path().join("bootstrap.json")).unwrap();
    let bootstrap: Value = serde_json::from_slice(&bootstrap).unwrap();
    let text = |name: &str| bootstrap[name].as_str().unwrap().to_owned();
    let callers: Vec<Caller> =
        servers.iter().map(|server| Caller::new(&server.base, Some((text("key_id"), text("key_secret"))))).collect();
    let account = format!("/v1/accounts/{}", text("account_id"));
    let body =
        json!({ "url": format!("{}/in", receiver.base), "auth": { "type": "none" }, "events": ["issuer.created"] });
    callers[0].post(&format!("{account}/webhooks"), body).expect(201).await;
    let issuers = format!("{account}/issuers");
    let made = (0..60).map(|number| callers[number % 2].post(&issuers, json!({ "name": "one" })).expect(201));
    futures_util::future::join_all(made).await;
    let seen = arrived(&receiver, 60).await;
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    // What either of them had in its hands is recorded before it ends; nothing is left for anybody to send again.
    for server in &mut servers {
        let pid = server.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        server.child.wait().await.unwrap();
    }
    assert_eq!(receiver.received().len(), 0);
    drop(servers);
    home.remove().await;
}
