//! The figures of the example server, as the dashboard asks for them.

#![allow(clippy::disallowed_methods, reason = "a process goes by real time")]

use std::time::Duration;

use serde_json::{Value, json};
use tests::server::{Home, Server, free_port};
use tests::{Backend, Caller, Receiver};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn figures(client: &reqwest::Client, port: u16) -> String {
    client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn requests_are_shown_by_operation_class_of_status_and_quantile() {
    let home = Home::new(Backend::Sqlite).await.unwrap();
    let (port, shown) = (free_port(), free_port());
    let mut command = home.command(port);
    command.env("AUTHPI_METRICS_LISTEN", format!("127.0.0.1:{shown}"));
    let server = Server::start(command, port).await;
    let client = client();
    client.get(format!("{}/v1/me", server.base)).send().await.unwrap();
    client.get(format!("{}/v1/nowhere", server.base)).send().await.unwrap();
    let page = figures(&client, shown).await;
    for line in [
        "authpi_requests_total{operation=\"getMe\",status=\"4xx\"} 1",
        "authpi_requests_total{operation=\"unknown\",status=\"4xx\"} 1",
        "authpi_request_duration_seconds{operation=\"getMe\",quantile=\"0.99\"} ",
        "authpi_request_duration_seconds_count{operation=\"getMe\"} 1",
        "authpi_request_duration_seconds_sum{operation=\"getMe\"} ",
    ] {
        assert!(page.lines().any(|shown| shown.starts_with(line)), "{line} is not in\n{page}");
    }
    let elsewhere = client.get(format!("{}/metrics", server.base)).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404, "not where strangers call");
    drop(server);
    home.remove().await;
}

#[tokio::test]
async fn deliveries_attempts_and_circuits_are_counted() {
    let home = Home::new(Backend::Sqlite).await.unwrap();
    let (port, shown) = (free_port(), free_port());
    let mut command = home.command(port);
    command.env("AUTHPI_METRICS_LISTEN", format!("127.0.0.1:{shown}")).env("AUTHPI_ALLOW_PRIVATE_NETWORK", "on");
    let server = Server::start(command, port).await;
    let bootstrap: Value =
        serde_json::from_slice(&std::fs::read(home.folder.path().join("bootstrap.json")).unwrap()).unwrap();
    let text = |name: &str| bootstrap[name].as_str().unwrap().to_owned();
    let root = Caller::new(&text("core_url"), Some((text("key_id"), text("key_secret"))));
    let account = format!("/v1/accounts/{}", text("account_id"));
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.answer(500, &[], "");
    for receiver in [&good, &bad] {
        let body = json!({ "url": receiver.base, "auth": { "type": "none" }, "events": ["issuer.created"],
            "circuit_breaker": { "failure_threshold": 1 } });
        root.post(&format!("{account}/webhooks"), body).expect(201).await;
    }
    root.post(&format!("{account}/issuers"), json!({ "name": "acme" })).expect(201).await;
    let lines = [
        "authpi_webhook_deliveries_total{status=\"pending\"} 2",
        "authpi_webhook_deliveries_total{status=\"delivered\"} 1",
        "authpi_webhook_deliveries_total{status=\"retrying\"} 1",
        "authpi_webhook_attempts_total{outcome=\"delivered\"} 1",
        "authpi_webhook_attempts_total{outcome=\"failed\"} 1",
        "authpi_webhook_first_attempts_total{outcome=\"delivered\"} 1",
        "authpi_webhook_first_attempts_total{outcome=\"failed\"} 1",
        "authpi_webhook_attempt_seconds_count 2",
        "authpi_webhook_delay_seconds_count 1",
        "authpi_webhook_in_flight 0",
        "authpi_webhook_circuits_open 1",
        "authpi_outbox_lag_seconds{consumer=\"webhooks\"} 0",
        "authpi_outbox_lag_seconds{consumer=\"chain\"} 0",
    ];
    let client = client();
    let begun = std::time::Instant::now();
    let missing = async || {
        let page = figures(&client, shown).await;
        lines.into_iter().filter(|line| !page.lines().any(|shown| shown == *line)).collect::<Vec<_>>()
    };
    // What nobody counts on the way is looked at every 15 seconds.
    while !missing().await.is_empty() && begun.elapsed() < Duration::from_secs(45) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(missing().await, [""; 0], "{}", figures(&client, shown).await);
    drop(server);
    home.remove().await;
}
