//! Outgoing requests of the real client, with a name server that tells it whatever it likes.

use std::time::Duration;

use authpi_core::transport::{HttpFailure, OutgoingRequest};
use authpi_transport::{OutgoingOptions, TokioOptions, tokio_with};
use bytes::Bytes;
use http::{HeaderMap, Method};
use tests::{Dns, Receiver};

fn options(dns: &Dns, allowed: &[&str]) -> TokioOptions {
    let allowed_networks = allowed.iter().map(|network| network.parse().unwrap()).collect();
    let outgoing = OutgoingOptions { allowed_networks, ..OutgoingOptions::default() };
    TokioOptions { outgoing, name_servers: vec![dns.address], ..TokioOptions::default() }
}

async fn failure(options: TokioOptions, url: &str) -> HttpFailure {
    let request = OutgoingRequest {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(10),
        answer_limit: 1_000,
    };
    tokio_with(options).unwrap().http.send(request).await.unwrap_err()
}

#[tokio::test]
async fn a_name_is_refused_when_any_of_its_addresses_is_not_public() {
    let dns = Dns::start().await;
    for (name, addresses) in [
        ("inside.example", vec!["127.0.0.1"]),
        ("mixed.example", vec!["1.1.1.1", "10.0.0.1"]),
        ("metadata.example", vec!["169.254.169.254"]),
        ("mapped.example", vec!["::ffff:127.0.0.1"]),
        ("families.example", vec!["1.1.1.1", "::1"]),
        ("translated.example", vec!["64:ff9b::7f00:1"]),
    ] {
        for address in addresses {
            dns.address_of(name, address.parse().unwrap());
        }
        let failed = failure(options(&dns, &[]), &format!("https://{name}/")).await;
        assert_eq!(failed, HttpFailure::Blocked, "{name}");
    }
    assert_eq!(failure(options(&dns, &[]), "https://unknown.example/").await, HttpFailure::Dns);
}

#[tokio::test]
async fn what_is_connected_to_is_the_address_that_was_checked() {
    let dns = Dns::start().await;
    let receiver = Receiver::start().await;
    let port = receiver.base.rsplit(':').next().unwrap().to_owned();
    dns.address_of("allowed.example", "127.0.0.1".parse().unwrap());
    // The receiver speaks no TLS: that the handshake fails tells that it was reached, and a refusal that it was not.
    let url = format!("https://allowed.example:{port}/");
    assert_eq!(failure(options(&dns, &["127.0.0.0/8"]), &url).await, HttpFailure::Tls);
    assert_eq!(failure(options(&dns, &["127.0.0.2"]), &url).await, HttpFailure::Blocked);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn txt_records_come_whole_and_what_is_not_there_is_no_failure() {
    let dns = Dns::start().await;
    let resolver = tokio_with(options(&dns, &[])).unwrap().dns;
    let long = "x".repeat(600);
    dns.txt("long.example", &long);
    dns.txt("long.example", "second");
    dns.address_of("other.example", "1.1.1.1".parse().unwrap());
    let mut found = resolver.txt("long.example").await.unwrap();
    found.sort();
    assert_eq!(found, ["second".to_owned(), long]);
    assert_eq!(resolver.txt("other.example").await.unwrap(), Vec::<String>::new(), "a name without such records");
    assert_eq!(resolver.txt("unknown.example").await.unwrap(), Vec::<String>::new());
    dns.forget("long.example");
    assert_eq!(resolver.txt("long.example").await.unwrap(), Vec::<String>::new(), "nothing is remembered");
    dns.fail(true);
    assert!(resolver.txt("long.example").await.is_err());
}
