//! Receivers that answer with too much, too slowly, or with an invitation to go elsewhere.

use std::time::Duration;

use tests::Wire;
use tests::wire::{hear, say};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::{FORBIDDEN, NAME, Scene};

/// What a receiver says, and how it ends.
#[derive(Clone)]
struct Speech {
    first: String,
    /// Said again and again, as long as anybody listens.
    endless: String,
    /// Between two of these.
    pause: Option<Duration>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Hold,
    Reset,
}

fn once(text: &str, end: End) -> Speech {
    Speech { first: text.to_owned(), endless: String::new(), pause: None, end }
}

fn flood(first: &str, endless: &str) -> Speech {
    Speech { first: first.to_owned(), endless: endless.to_owned(), pause: None, end: End::Close }
}

fn drip(first: &str, endless: &str) -> Speech {
    Speech { pause: Some(Duration::from_millis(20)), ..flood(first, endless) }
}

/// Says it all, and tells how many bytes found a listener.
async fn speak(mut stream: TlsStream<TcpStream>, speech: Speech, told: mpsc::UnboundedSender<usize>) {
    hear(&mut stream).await;
    say(&mut stream, &speech.first).await;
    let mut bytes = speech.first.len();
    if !speech.endless.is_empty() {
        let mut timer = tokio::time::interval(speech.pause.unwrap_or(Duration::from_millis(1)));
        while say(&mut stream, &speech.endless).await {
            bytes += speech.endless.len();
            if speech.pause.is_some() {
                timer.tick().await;
            }
        }
    }
    match speech.end {
        End::Close => {}
        End::Hold => drop(hear(&mut stream).await),
        End::Reset => stream.get_ref().0.set_zero_linger().unwrap(),
    }
    drop(stream);
    let _ = told.send(bytes);
}

/// The class of the outcome, and how many bytes were said before the connection was over.
async fn outcome(speech: Speech, timeout: Duration) -> (String, usize) {
    let (told, mut ended) = mpsc::unbounded_channel();
    let scene = Scene::new(move |stream| speak(stream, speech.clone(), told.clone())).await;
    let outcome = scene.post_within(&scene.url(NAME), timeout).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), ended.recv()).await;
    let bytes = ended.expect("the connection is given up").unwrap();
    scene.trap_is_untouched().await;
    (outcome, bytes)
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn whoever_is_slow_is_given_up_in_time() {
    let headless = "timeout";
    // What the status says stands.
    let answered = "http_200, timeout";
    for (what, speech, expected) in [
        ("silent", once("", End::Hold), headless),
        ("a head that drips", drip("HTTP/1.1 200 ", "x"), headless),
        ("headers that drip", drip(OK, "a: b\r\n"), headless),
        ("a body that drips", drip(&format!("{OK}content-length: 1000\r\n\r\n"), "x"), answered),
        ("chunks that drip", drip(&format!("{OK}transfer-encoding: chunked\r\n\r\n"), "1\r\nx\r\n"), answered),
        ("a body that does not come", once(&format!("{OK}content-length: 1\r\n\r\n"), End::Hold), answered),
        ("hints that drip", drip("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), headless),
        ("a flood of hints", flood("", &"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100)), headless),
        ("a flood of continues", flood("", &"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)), headless),
    ] {
        assert_eq!(outcome(speech, Duration::from_millis(500)).await.0, expected, "{what}");
    }
}

#[tokio::test]
async fn of_too_much_only_a_little_is_read() {
    let long = "x".repeat(16 * 1024);
    let chunked = format!("{OK}transfer-encoding: chunked\r\n\r\n");
    for (what, speech, expected) in [
        ("a body without end", flood(&format!("{OK}\r\n"), &long), "http_200"),
        ("a long body", flood(&format!("{OK}content-length: 999999999999\r\n\r\n"), &long), "http_200"),
        ("chunks without end", flood(&chunked, &"1\r\nx\r\n".repeat(1_000)), "http_200"),
        ("compressed", flood(&format!("{OK}content-encoding: gzip\r\n\r\n"), &long), "http_200"),
        ("headers without end", flood(OK, &"a: b\r\n".repeat(1_000)), "connect"),
        ("a header without end", flood(&format!("{OK}a: "), &long), "connect"),
        ("a status line without end", flood("HTTP/1.1 200 ", &long), "connect"),
        ("an extension of a chunk without end", flood(&format!("{chunked}1;"), &long), "http_200, connect"),
        ("trailers without end", flood(&format!("{chunked}0\r\n"), &"a: b\r\n".repeat(1_000)), "http_200, connect"),
    ] {
        let (outcome, bytes) = outcome(speech, Duration::from_secs(20)).await;
        assert_eq!(outcome, expected, "{what}");
        assert!(bytes < 32 * 1024 * 1024, "{what}: {bytes} bytes, what lies in the buffers of the system included");
    }
}

#[tokio::test]
async fn an_answer_whose_head_breaks_off_or_is_none_is_no_answer() {
    for (what, speech) in [
        ("nothing", once("", End::Close)),
        ("a reset", once("", End::Reset)),
        ("half a head", once(OK, End::Close)),
        ("half a head and a reset", once(OK, End::Reset)),
        ("another protocol", once("SSH-2.0-OpenSSH_9.2\r\n\r\n", End::Close)),
        ("two lengths", once(&format!("{OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab"), End::Close)),
        ("a length that is none", once(&format!("{OK}content-length: -1\r\n\r\n"), End::Close)),
        ("a hint alone", once("HTTP/1.1 103 Early Hints\r\n\r\n", End::Close)),
    ] {
        assert_eq!(outcome(speech, Duration::from_secs(20)).await.0, "connect", "{what}");
    }
}

#[tokio::test]
async fn the_status_stands_when_the_body_breaks_off_and_the_connection_is_not_used_again() {
    for status in [200, 204, 410, 500] {
        let head = format!("HTTP/1.1 {status} Said\r\n");
        for (what, text) in [
            ("half a body", format!("{head}content-length: 1000\r\n\r\nhalf")),
            ("half a chunk", format!("{head}transfer-encoding: chunked\r\n\r\n9\r\nhalf")),
        ] {
            for end in [End::Close, End::Reset] {
                let (outcome, _) = outcome(once(&text, end), Duration::from_secs(20)).await;
                // Nothing follows a 204, whatever its headers say.
                let expected = if status == 204 { "http_204".to_owned() } else { format!("http_{status}, connect") };
                assert_eq!(outcome, expected, "{what}");
            }
        }
    }
    // Held open with half a body owing: the next request needs a connection of its own.
    let scene = Scene::new(|mut stream| async move {
        while !hear(&mut stream).await.is_empty() {
            say(&mut stream, format!("{OK}content-length: 1000\r\n\r\nhalf")).await;
        }
    })
    .await;
    for _ in 0..2 {
        let outcome = scene.post_within(&scene.url(NAME), Duration::from_millis(500)).await;
        assert_eq!(outcome, "http_200, timeout");
    }
    assert_eq!(scene.receiver.connections(), 2);
}

#[tokio::test]
async fn nothing_that_an_answer_says_leads_elsewhere() {
    let waiting = Wire::trap(&format!("{FORBIDDEN}:0")).await;
    let trap = waiting.address;
    for target in [format!("https://{trap}/"), format!("http://{trap}/"), format!("//{trap}/"), "/elsewhere".to_owned()]
    {
        for status in [300, 301, 302, 303, 305, 307, 308] {
            let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
            let (outcome, _) = outcome(once(&head, End::Close), Duration::from_secs(20)).await;
            assert_eq!(outcome, format!("http_{status}"), "{target}");
        }
        let head = format!("{OK}refresh: 0;url={target}\r\nlink: <{target}>;rel=preload\r\nalt-svc: h2=\"{trap}\"\r\n");
        let head = format!("{head}set-cookie: a=b\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(outcome(once(&head, End::Close), Duration::from_secs(20)).await.0, "http_200", "{target}");
    }
    assert!(waiting.is_untouched().await, "an answer was followed");
}

#[tokio::test]
async fn a_redirect_to_the_trap_is_not_followed_on_a_kept_connection_either_and_cookies_are_not_kept() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let scene = Scene::new(move |mut stream: TlsStream<TcpStream>| {
        let told = told.clone();
        async move {
            let port = stream.get_ref().0.local_addr().unwrap().port();
            loop {
                let request = hear(&mut stream).await;
                if request.is_empty() {
                    return;
                }
                told.send(String::from_utf8(request).unwrap().to_lowercase()).unwrap();
                let head =
                    format!("HTTP/1.1 307 Moved\r\nlocation: https://{FORBIDDEN}:{port}/\r\nset-cookie: a=b\r\n");
                say(&mut stream, format!("{head}content-length: 0\r\n\r\n")).await;
            }
        }
    })
    .await;
    for _ in 0..2 {
        assert_eq!(scene.post(&scene.url(NAME)).await, "http_307");
        let request = heard.recv().await.unwrap();
        assert!(request.contains(&format!("\r\nhost: {NAME}:")), "{request}");
        for header in ["cookie:", "referer:", "proxy-", "authorization:", "accept-encoding:"] {
            assert!(!request.contains(header), "{request}");
        }
    }
    assert_eq!(scene.receiver.connections(), 1);
    scene.trap_is_untouched().await;
}
