//! Receivers that are dead or slow, beside one that is well.

use std::time::Duration;

use serde_json::json;
use tests::{App, Dns, Driver, Receiver};
use tokio::net::TcpListener;

/// Accepts connections and never answers.
struct Silent {
    base: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Silent {
    async fn start(host: u8) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::new(127, 0, 0, host), 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                open.push(connection);
            }
        });
        Self { base, task }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_delays_no_other() {
    let (dns, well) = (Dns::start().await, Receiver::start().await);
    let silent = futures_util::future::join_all((2..=20).map(Silent::start)).await;
    let app = App::start_reaching(Driver::Axum, &dns).await;
    let issuer = app.issuer().await;
    // As many silent ones as an account may have, and one that is well.
    for url in silent.iter().map(|silent| &silent.base).chain([&well.base]) {
        let body = json!({ "url": format!("{url}/in"), "auth": { "type": "none" }, "events": ["organization.created"],
            "retry": { "timeout_seconds": 30 } });
        app.root().post(&app.path("/webhooks"), body).expect(201).await;
    }
    let workers = app.authpi.start();
    for _ in 0..30 {
        app.organization(&issuer).await;
    }
    let mut arrived = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while arrived < 30 {
            tick.tick().await;
            arrived += well.received().len();
        }
    });
    assert!(waited.await.is_ok(), "{arrived} of 30 arrived while 19 endpoints are silent");
    workers.stop().await;
}
