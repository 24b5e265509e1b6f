//! Receivers that are not who they should be.

use std::time::Duration;

use tests::authority::self_signed;
use tests::wire::{hear, say};
use tests::{Authority, Wire};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{ALLOWED, NAME, Scene};

/// The class of the outcome, and whether a request was heard.
async fn outcome(trusted: &Authority, acceptor: TlsAcceptor) -> (String, bool) {
    let (told, mut heard) = mpsc::unbounded_channel();
    let speak = move |mut stream: TlsStream<TcpStream>| {
        let told = told.clone();
        async move {
            if !hear(&mut stream).await.is_empty() {
                told.send(()).unwrap();
                say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    };
    let receiver = Wire::start_tls("127.0.0.2:0", acceptor, speak).await;
    let scene = Scene::with(receiver, trusted.pem()).await;
    let outcome = scene.post(&scene.url(NAME)).await;
    assert_eq!(scene.receiver.connections(), 1);
    scene.trap_is_untouched().await;
    (outcome, heard.try_recv().is_ok())
}

#[tokio::test]
async fn only_a_certificate_that_is_good_for_the_name_is_spoken_to() {
    let (trusted, other) = (Authority::new(), Authority::new());
    assert_eq!(outcome(&trusted, trusted.server(NAME)).await, ("http_200".to_owned(), true));
    for (what, acceptor) in [
        ("another name", trusted.server("other.example")),
        ("a part of the name", trusted.server("example")),
        ("the address", trusted.server(ALLOWED)),
        ("a wildcard above", trusted.server("*.hook.example")),
        ("expired", trusted.server_in(NAME, 2000, 2020)),
        ("not yet good", trusted.server_in(NAME, 2080, 2090)),
        ("of an unknown authority", other.server(NAME)),
        ("vouches for itself", self_signed(NAME)),
    ] {
        assert_eq!(outcome(&trusted, acceptor).await, ("tls".to_owned(), false), "{what}");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_told_apart_from_a_connection_that_does() {
    for (what, answer, expected) in [
        // Alert: protocol_version (RFC 8446 §6).
        ("speaks old TLS only", &b"\x15\x03\x01\x00\x02\x02\x46"[..], "tls"),
        // ServerHello of TLS 1.1, of a length that is complete.
        (
            "answers in TLS 1.1",
            &b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00\x00\x2f\x00"[..],
            "tls",
        ),
        ("speaks no TLS", &b"HTTP/1.1 200 OK\r\n\r\n"[..], "tls"),
        ("hangs up", &b""[..], "tls"),
    ] {
        let receiver = Wire::start("127.0.0.2:0", move |mut stream| async move {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await;
            say(&mut stream, answer).await;
        });
        let scene = Scene::with(receiver.await, Authority::new().pem()).await;
        assert_eq!(scene.post(&scene.url(NAME)).await, expected, "{what}");
    }
    let receiver = Wire::start("127.0.0.2:0", |mut stream| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    });
    let scene = Scene::with(receiver.await, Authority::new().pem()).await;
    let timeout = Duration::from_millis(300);
    assert_eq!(scene.post_within(&scene.url(NAME), timeout).await, "timeout", "shakes no hand");
    let receiver = Wire::start("127.0.0.2:0", |stream| async move { stream.set_zero_linger().unwrap() });
    let scene = Scene::with(receiver.await, Authority::new().pem()).await;
    assert_eq!(scene.post(&scene.url(NAME)).await, "connect", "resets");
    let port = scene.receiver.address.port();
    scene.dns.address_of("nobody.example", "127.0.1.9".parse().unwrap());
    assert_eq!(scene.post(&format!("https://nobody.example:{port}/")).await, "connect", "nobody listens");
}

#[tokio::test]
async fn what_is_to_be_trusted_must_be_certificates() {
    for bad in ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let outgoing = authpi_transport::OutgoingOptions { trusted_certificates: bad.to_owned(), ..Default::default() };
        let options = authpi_transport::TokioOptions { outgoing, ..Default::default() };
        assert!(authpi_transport::tokio_with(options).is_err(), "{bad}");
    }
}
