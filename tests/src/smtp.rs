//! A mail server on loopback that keeps what it is given, or refuses it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with the next mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes them.
    Accepting,
    /// 451 to every mail: try again later.
    Busy,
    /// 550 to every recipient: never.
    Refusing,
    /// 554 in place of a greeting: no service.
    Closed,
    /// 530 to every sender: not without credentials.
    Guarded,
}

/// A mail as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// `MAIL FROM`
    pub from: String,
    /// `RCPT TO`
    pub to: String,
    /// Headers and body.
    pub data: String,
}

struct Inside {
    mood: Mood,
    received: Vec<Received>,
    attempts: usize,
}

/// The server; stops with the value.
pub struct SmtpSink {
    /// `smtp://127.0.0.1:port`
    pub url: String,
    inside: Arc<Mutex<Inside>>,
    task: JoinHandle<()>,
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpSink {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside { mood: Mood::Accepting, received: Vec::new(), attempts: 0 }));
        let shared = Arc::clone(&inside);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&shared)));
            }
        });
        Self { url, inside, task }
    }

    /// What it does from here on.
    pub fn becomes(&self, mood: Mood) {
        self.inside().mood = mood;
    }

    /// What it took, in order.
    pub fn received(&self) -> Vec<Received> {
        self.inside().received.clone()
    }

    /// How many mails it was offered.
    pub fn attempts(&self) -> usize {
        self.inside().attempts
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Received {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let (headers, _) = self.data.split_once("\r\n\r\n").unwrap();
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{name}: ");
        let line = unfolded.lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
        line.unwrap_or_else(|| panic!("no header {name} in {headers}"))
    }

    /// Both bodies with their transfer encoding undone.
    pub fn text(&self) -> String {
        decoded(&self.data)
    }
}

/// Undoes quoted-printable and base64, part by part.
pub fn decoded(data: &str) -> String {
    use base64::Engine as _;
    let mut text = String::new();
    for part in data.split("\r\n--") {
        let Some((headers, body)) = part.split_once("\r\n\r\n") else { continue };
        if headers.contains("Content-Transfer-Encoding: base64") {
            let joined: String = body.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(joined).unwrap();
            text.push_str(&String::from_utf8(bytes).unwrap());
        } else if headers.contains("Content-Transfer-Encoding: quoted-printable") {
            text.push_str(&quoted_printable(body));
        } else {
            text.push_str(body);
        }
        text.push('\n');
    }
    text.replace("\r\n", "\n")
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap(), rest.next().unwrap()];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

async fn talk(stream: TcpStream, inside: Arc<Mutex<Inside>>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut from, mut to) = (String::new(), String::new());
    if inside.lock().unwrap_or_else(PoisonError::into_inner).mood == Mood::Closed {
        let _ = writer.write_all(b"554 no service here\r\n").await;
        return;
    }
    writer.write_all(b"220 sink\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let mood = inside.lock().unwrap_or_else(PoisonError::into_inner).mood;
        let command = line.to_ascii_uppercase();
        let path = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = if command.starts_with("EHLO") {
            "250-sink\r\n250 8BITMIME"
        } else if command.starts_with("MAIL FROM") {
            from = path();
            if mood == Mood::Guarded { "530 authentication required" } else { "250 ok" }
        } else if command.starts_with("RCPT TO") {
            to = path();
            inside.lock().unwrap_or_else(PoisonError::into_inner).attempts += 1;
            if mood == Mood::Refusing { "550 no such mailbox" } else { "250 ok" }
        } else if command == "DATA" {
            writer.write_all(b"354 go on\r\n").await.unwrap();
            let mut data = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "." {
                    break;
                }
                data.push_str(line.strip_prefix('.').unwrap_or(&line));
                data.push_str("\r\n");
            }
            if mood == Mood::Busy {
                "451 try again later"
            } else {
                let received = Received { from: from.clone(), to: to.clone(), data };
                inside.lock().unwrap_or_else(PoisonError::into_inner).received.push(received);
                "250 taken"
            }
        } else if command == "QUIT" {
            let _ = writer.write_all(b"221 bye\r\n").await;
            return;
        } else {
            "250 ok"
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
