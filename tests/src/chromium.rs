//! Chromium without a screen, driven by the DevTools protocol over pipes: no port, and no library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::tab::{Look, Tab};

/// Longer than anything takes here, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian and others have it.
const PLACES: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// The program, if there is one here. It must be where `AUTHPI_TEST_REQUIRE` says so.
///
/// # Panics
/// When it must be there and is not.
#[allow(clippy::print_stderr, reason = "what is left out is said")]
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("AUTHPI_TEST_CHROMIUM").map(PathBuf::from);
    let found = named.or_else(|| PLACES.map(PathBuf::from).into_iter().find(|path| path.exists()));
    if found.is_none() {
        let required = std::env::var("AUTHPI_TEST_REQUIRE").as_deref() == Ok("all");
        assert!(!required, "there is no Chromium, and every part is required");
        eprintln!("left out: the pages in a browser (no Chromium; Debian: apt-get install chromium)");
    }
    found
}

/// The browser; it ends with the value.
pub struct Chromium {
    line: Arc<Line>,
    _child: Child,
    _home: TempDir,
}

/// What goes over the pipes.
pub(crate) struct Line {
    next: AtomicU64,
    outbox: mpsc::UnboundedSender<Value>,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Value>>>,
    tabs: Mutex<BTreeMap<String, Arc<Seen>>>,
}

/// What happened in a tab.
pub(crate) struct Seen {
    pub(crate) requests: Mutex<Vec<String>>,
    pictures: BTreeSet<String>,
    pub(crate) loads: watch::Sender<u64>,
    pub(crate) errors: Mutex<Vec<String>>,
}

impl Chromium {
    /// Starts it; `None` where there is none.
    ///
    /// # Panics
    /// When it does not start, or must be there and is not.
    pub async fn start() -> Option<Self> {
        let program = program()?;
        let home = tempfile::tempdir().unwrap();
        // It reads from 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-sync"])
            .args([
                "--disable-component-update",
                "--disable-background-networking",
                "--lang=en-US",
                "--no-proxy-server",
            ])
            .arg(format!("--user-data-dir={}", home.path().display()))
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (outbox, inbox) = mpsc::unbounded_channel();
        let line = Line { next: AtomicU64::new(1), outbox, waiting: Mutex::default(), tabs: Mutex::default() };
        let line = Arc::new(line);
        tokio::spawn(write(child.stdin.take().unwrap(), inbox));
        tokio::spawn(read(child.stdout.take().unwrap(), Arc::clone(&line)));
        line.call(None, "Browser.getVersion", json!({})).await;
        Some(Self { line, _child: child, _home: home })
    }

    /// A new tab.
    pub async fn tab(&self, look: Look) -> Tab {
        let line = &self.line;
        let context = line.call(None, "Target.createBrowserContext", json!({})).await["browserContextId"].clone();
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = line.call(None, "Target.createTarget", target).await["targetId"].clone();
        let attached = line.call(None, "Target.attachToTarget", json!({ "targetId": target, "flatten": true })).await;
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let seen = Arc::new(Seen {
            requests: Mutex::default(),
            pictures: look.pictures.iter().cloned().collect(),
            loads: watch::Sender::new(0),
            errors: Mutex::default(),
        });
        line.tabs.lock().unwrap().insert(session.clone(), Arc::clone(&seen));
        let tab = Tab { line: Arc::clone(line), session, seen, look };
        for domain in ["Page.enable", "Network.enable", "DOM.enable", "Log.enable"] {
            tab.call(domain, json!({})).await;
        }
        tab.call("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*" }] })).await;
        tab.dress().await;
        tab
    }
}

/// Messages end with a zero byte.
async fn write(mut pipe: ChildStdin, mut inbox: mpsc::UnboundedReceiver<Value>) {
    while let Some(message) = inbox.recv().await {
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        if pipe.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(pipe: ChildStdout, line: Arc<Line>) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while pipe.read_until(0, &mut bytes).await.is_ok_and(|count| count > 0) {
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        bytes.clear();
        if let Some(id) = message["id"].as_u64() {
            if let Some(asked) = line.waiting.lock().unwrap().remove(&id) {
                let _ = asked.send(message);
            }
        } else if let Some(session) = message["sessionId"].as_str() {
            let seen = line.tabs.lock().unwrap().get(session).cloned();
            if let Some(seen) = seen {
                happened(&line, session, &seen, &message);
            }
        }
    }
}

/// A picture for addresses that would be elsewhere.
const PICTURE: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="40" height="40" rx="9" fill="#0b7a75"/><path d="M12 27 20 11l8 16h-5l-3-6-3 6z" fill="#fff"/><text x="50" y="27" font-family="sans-serif" font-size="20" font-weight="700" fill="#0b7a75">Acme</text></svg>"##;

fn happened(line: &Line, session: &str, seen: &Seen, message: &Value) {
    let parameters = &message["params"];
    match message["method"].as_str().unwrap_or_default() {
        "Page.loadEventFired" => seen.loads.send_modify(|count| *count += 1),
        "Log.entryAdded" => {
            let text = format!("{} {}", parameters["entry"]["text"], parameters["entry"]["url"]);
            seen.errors.lock().unwrap().push(text);
        }
        "Fetch.requestPaused" => {
            let url = parameters["request"]["url"].as_str().unwrap();
            seen.requests.lock().unwrap().push(url.to_owned());
            let id = &parameters["requestId"];
            let (method, answer) = if seen.pictures.contains(url) {
                let headers = json!([{ "name": "content-type", "value": "image/svg+xml" }]);
                let body = STANDARD.encode(PICTURE);
                let answer = json!({ "requestId": id, "responseCode": 200, "responseHeaders": headers, "body": body });
                ("Fetch.fulfillRequest", answer)
            } else if url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:") {
                ("Fetch.continueRequest", json!({ "requestId": id }))
            } else {
                ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "BlockedByClient" }))
            };
            line.post(Some(session), method, &answer);
        }
        _ => {}
    }
}

impl Line {
    fn post(&self, session: Option<&str>, method: &str, parameters: &Value) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let _ = self.outbox.send(message);
        id
    }

    pub(crate) async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap();
            let id = self.post(session, method, &parameters);
            waiting.insert(id, sender);
        }
        let answer = tokio::time::timeout(PATIENCE, receiver).await;
        let mut answer = answer.unwrap_or_else(|_| panic!("no answer to {method}")).unwrap();
        assert!(answer.get("error").is_none(), "{method} {parameters}: {answer}");
        answer["result"].take()
    }
}
