#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use authpi_core::timestamp::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::certified::acceptor;

/// When a server begins to speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    AtOnce,
    WhenAsked,
    Never,
}

/// A mail server on loopback.
struct Sink {
    port: u16,
    certificate: String,
    /// What it was told, line by line; `(tls)` where encryption began.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Starts one whose certificate is for `name`.
    async fn start(begins: Begins, name: &str) -> Self {
        let (acceptor, certificate) = acceptor(&[name]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, begins, acceptor.clone(), Arc::clone(&shared)));
            }
        });
        Self { port, certificate, heard }
    }

    fn url(&self, begins: Begins) -> String {
        match begins {
            Begins::AtOnce => format!("smtps://ada:hunter2@localhost:{}", self.port),
            Begins::WhenAsked | Begins::Never => format!("smtp://ada:hunter2@localhost:{}?tls=required", self.port),
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, begins: Begins, acceptor: TlsAcceptor, heard: Arc<Mutex<Vec<String>>>) {
    let mut stream = stream;
    if begins != Begins::AtOnce {
        stream.write_all(b"220 sink\r\n").await.unwrap();
        let extension = if begins == Begins::WhenAsked { Some("STARTTLS") } else { None };
        if !converse(&mut stream, extension, &heard).await {
            return;
        }
    }
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    heard.lock().unwrap().push("(tls)".to_owned());
    if begins == Begins::AtOnce {
        stream.write_all(b"220 sink\r\n").await.unwrap();
    }
    converse(&mut stream, Some("AUTH PLAIN"), &heard).await;
}

/// Talks until the client leaves; true when it wants TLS instead.
async fn converse<S>(stream: &mut S, extension: Option<&str>, heard: &Mutex<Vec<String>>) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return false;
        }
        let line = line.trim_end().to_owned();
        if in_data && line != "." {
            continue;
        }
        heard.lock().unwrap().push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match (verb, extension) {
            ("EHLO", Some(extension)) => format!("250-sink\r\n250 {extension}\r\n"),
            ("STARTTLS", Some("STARTTLS")) => "220 go on\r\n".to_owned(),
            ("AUTH", _) => "235 welcome\r\n".to_owned(),
            ("DATA", _) => "354 go on\r\n".to_owned(),
            _ => "250 fine\r\n".to_owned(),
        };
        in_data = verb == "DATA";
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() || verb == "QUIT" {
            return false;
        }
        if verb == "STARTTLS" {
            return true;
        }
    }
}

fn mail() -> OutgoingMail {
    OutgoingMail {
        message_id: "mail_1@id.example".to_owned(),
        date: Timestamp::from_millis(1_800_000_000_000),
        from_name: "Acme".to_owned(),
        reply_to: None,
        to: "ada@example.com".to_owned(),
        subject: "Hello".to_owned(),
        text: "Hello".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        language: "en".to_owned(),
    }
}

async fn sent(url: &str, authority: Option<&str>) -> Result<(), MailFailure> {
    SmtpMailer::connect_trusting(url, "no-reply@id.example", authority).unwrap().send(&mail()).await
}

fn tells_nothing(heard: &[String]) -> bool {
    heard.iter().all(|line| ["EHLO", "STARTTLS", "QUIT"].iter().any(|verb| line.starts_with(verb)))
}

#[tokio::test]
async fn mail_and_credentials_go_over_tls_from_the_beginning_or_once_it_was_agreed() {
    for begins in [Begins::AtOnce, Begins::WhenAsked] {
        let sink = Sink::start(begins, "localhost").await;
        assert_eq!(sent(&sink.url(begins), Some(&sink.certificate)).await, Ok(()), "{begins:?}");
        let heard = sink.heard();
        let before: Vec<_> = heard.iter().take_while(|line| *line != "(tls)").cloned().collect();
        assert!(tells_nothing(&before), "{before:?}");
        let after = heard.get(before.len() + 1..).unwrap_or_default();
        for verb in ["AUTH", "MAIL FROM:<no-reply@id.example>", "RCPT TO:<ada@example.com>", "DATA"] {
            assert!(after.iter().any(|line| line.starts_with(verb)), "{begins:?}: {verb} in {heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_learns_nothing() {
    for begins in [Begins::AtOnce, Begins::WhenAsked] {
        let sink = Sink::start(begins, "localhost").await;
        assert_eq!(sent(&sink.url(begins), None).await, Err(MailFailure::Temporary), "{begins:?}");
        let other = Sink::start(begins, "localhost").await;
        let trusted = Some(other.certificate.as_str());
        assert_eq!(sent(&sink.url(begins), trusted).await, Err(MailFailure::Temporary), "{begins:?}");
        assert!(tells_nothing(&sink.heard()), "{:?}", sink.heard());
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    for begins in [Begins::AtOnce, Begins::WhenAsked] {
        let sink = Sink::start(begins, "elsewhere.example").await;
        let refused = sent(&sink.url(begins), Some(&sink.certificate)).await;
        assert_eq!(refused, Err(MailFailure::Temporary), "{begins:?}");
        assert!(tells_nothing(&sink.heard()), "{:?}", sink.heard());
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail_in_clear() {
    let sink = Sink::start(Begins::Never, "localhost").await;
    let refused = sent(&sink.url(Begins::Never), Some(&sink.certificate)).await;
    assert_eq!(refused, Err(MailFailure::Temporary));
    assert!(tells_nothing(&sink.heard()), "{:?}", sink.heard());
}

#[tokio::test]
async fn what_is_no_certificate_is_not_trusted() {
    for bad in ["", "not a certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let made = SmtpMailer::connect_trusting("smtps://mail.example.com", "a@b.c", Some(bad));
        assert!(matches!(made.err(), Some(MailSetupError::Certificate)), "{bad}");
    }
}
