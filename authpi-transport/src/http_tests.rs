#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn client(options: OutgoingOptions) -> GuardedClient {
    // A name server that nobody listens at: no test asks the world.
    let resolver = Resolver::new(&[SocketAddr::from(([127, 0, 0, 1], 9))]);
    GuardedClient::new(options, resolver).unwrap()
}

fn open() -> GuardedClient {
    client(OutgoingOptions { allow_private_network: true, ..OutgoingOptions::default() })
}

fn request(url: &str) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(10),
        answer_limit: 1_000,
    }
}

/// A server on loopback that writes `pieces`, each after `pause`, to whoever connects.
async fn serve(pieces: Vec<Vec<u8>>, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            for piece in &pieces {
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                let mut timer = tokio::time::interval(pause.max(Duration::from_millis(1)));
                timer.tick().await;
                timer.tick().await;
            }
        }
    });
    base
}

/// A server that hears the beginning of a handshake, and hangs up or resets.
async fn broken(resets: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            if resets {
                stream.set_zero_linger().unwrap();
            }
        }
    });
    base
}

/// A server whose certificate is its own.
async fn with_certificate() -> String {
    let (acceptor, _) = crate::certified::acceptor(&["127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    base
}

#[test]
fn a_url_is_stored_only_when_it_leads_outside() {
    let client = tokio::runtime::Runtime::new().unwrap().block_on(async { client(OutgoingOptions::default()) });
    for good in [
        "https://example.com/hook?x=1",
        "https://example.com:8443/",
        "https://EXAMPLE.com./",
        "https://bücher.example/",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://localhost.example.com/",
        "https://notlocal.example/",
    ] {
        assert_eq!(client.check(&good.parse().unwrap()), Ok(()), "{good}");
    }
    for bad in [
        "http://example.com/",
        "ftp://example.com/",
        "https://user@example.com/",
        "https://:secret@example.com/",
        "https://example.com/#top",
        "https://example.com:80/",
        "https://example.com:22/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://printer.local/",
        "https://db.internal/",
        "https://router.home.arpa/",
        "https://intranet/",
        "https://127.0.0.1/",
        // The same in the spellings that a URL parser understands.
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
    ] {
        assert!(client.check(&bad.parse().unwrap()).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn an_address_literal_is_refused_before_anything_is_connected() {
    let base = serve(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()], Duration::ZERO).await;
    let https = base.replace("http:", "https:");
    let guarded = client(OutgoingOptions::default());
    assert_eq!(guarded.send(request(&https)).await.unwrap_err(), HttpFailure::Blocked);
    assert_eq!(open().send(request(&base)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_network_that_the_operator_allows_is_reached_and_no_other() {
    let allowed =
        client(OutgoingOptions { allowed_networks: vec!["127.0.0.2".parse().unwrap()], ..OutgoingOptions::default() });
    assert_eq!(allowed.check(&"https://127.0.0.2/".parse().unwrap()), Ok(()));
    assert!(allowed.check(&"https://127.0.0.3/".parse().unwrap()).is_err());
    assert!(allowed.check(&"http://127.0.0.2/".parse().unwrap()).is_err(), "http stays refused");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_to_follow() {
    let head = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
    let base = serve(vec![head.to_vec()], Duration::ZERO).await;
    let answer = open().send(request(&base)).await.unwrap();
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn of_a_huge_answer_only_as_much_is_read_as_was_asked_for() {
    let mut pieces = vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()];
    pieces.extend(std::iter::repeat_n(vec![b'x'; 64 * 1024], 1_000));
    let base = serve(pieces, Duration::from_millis(1)).await;
    let answer = open().send(request(&base)).await.unwrap();
    assert_eq!(answer.body.unwrap().len(), 1_000);
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up_in_time_and_its_status_stands() {
    let mut pieces = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec()];
    pieces.extend(std::iter::repeat_n(b"x".to_vec(), 1_000));
    let base = serve(pieces, Duration::from_millis(20)).await;
    let hurried = OutgoingRequest { timeout: Duration::from_millis(300), ..request(&base) };
    let answer = open().send(hurried).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref().unwrap_err()), (200, &HttpFailure::Timeout));
    assert_eq!(answer.whole().unwrap_err(), HttpFailure::Timeout, "for whom it is nothing without its body");
    let base = serve(vec![b"HTTP/1.1 200 ".to_vec(), b"OK\r\n\r\n".to_vec()], Duration::from_secs(1)).await;
    let hurried = OutgoingRequest { timeout: Duration::from_millis(300), ..request(&base) };
    assert_eq!(open().send(hurried).await.unwrap_err(), HttpFailure::Timeout, "a status that does not come is none");
}

#[tokio::test]
async fn failures_are_told_by_their_class_alone() {
    let plain = serve(vec![b"this is no handshake".to_vec()], Duration::ZERO).await.replace("http:", "https:");
    assert_eq!(open().send(request(&plain)).await.unwrap_err(), HttpFailure::Tls);
    let silent = broken(false).await;
    assert_eq!(open().send(request(&silent)).await.unwrap_err(), HttpFailure::Tls, "it hangs up in the handshake");
    let resetting = broken(true).await;
    assert_eq!(
        open().send(request(&resetting)).await.unwrap_err(),
        HttpFailure::Connect,
        "a reset tells nothing of TLS"
    );
    let unknown = with_certificate().await;
    assert_eq!(open().send(request(&unknown)).await.unwrap_err(), HttpFailure::Tls, "nobody vouches for it");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(open().send(request(&format!("http://{nobody}"))).await.unwrap_err(), HttpFailure::Connect);
    let unknown = OutgoingRequest { timeout: Duration::from_secs(30), ..request("https://nowhere.invalid/") };
    assert_eq!(open().send(unknown).await.unwrap_err(), HttpFailure::Dns);
}

#[test]
fn addresses_of_both_families_are_tried_however_many_there_are_of_one() {
    let six = |last: u16| IpAddr::from([0x2600, 0, 0, 0, 0, 0, 0, last]);
    let four = |last: u8| IpAddr::from([93, 184, 216, last]);
    let named = (1..=8).map(six).chain((1..=4).map(four));
    let expected = [six(1), four(1), six(2), four(2), six(3), four(3), six(4), four(4)];
    assert_eq!(tried(named), expected);
    assert_eq!(tried((1..=9).map(four)), (1..=8).map(four).collect::<Vec<_>>());
}
