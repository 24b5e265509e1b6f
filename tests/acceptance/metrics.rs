//! The figures of the example server, as the dashboard asks for them.

use tests::Backend;
use tests::server::{Home, Server, free_port};

#[tokio::test]
async fn requests_are_shown_by_operation_class_of_status_and_quantile() {
    let home = Home::new(Backend::Sqlite).await.unwrap();
    let (port, shown) = (free_port(), free_port());
    let mut command = home.command(port);
    command.env("AUTHPI_METRICS_LISTEN", format!("127.0.0.1:{shown}"));
    let server = Server::start(command, port).await;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    client.get(format!("{}/v1/me", server.base)).send().await.unwrap();
    client.get(format!("{}/v1/nowhere", server.base)).send().await.unwrap();
    let page = client.get(format!("http://127.0.0.1:{shown}/metrics")).send().await.unwrap().text().await.unwrap();
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
