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

/// Longer than anything takes here, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

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
struct Line {
    next: AtomicU64,
    outbox: mpsc::UnboundedSender<Value>,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Value>>>,
    tabs: Mutex<BTreeMap<String, Arc<Seen>>>,
}

/// What happened in a tab.
struct Seen {
    requests: Mutex<Vec<String>>,
    pictures: BTreeSet<String>,
    loads: watch::Sender<u64>,
    errors: Mutex<Vec<String>>,
}

/// How a tab looks and works.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Width and height; a phone below 600.
    pub size: (u32, u32),
    /// Dark colours are preferred.
    pub dark: bool,
    /// No page runs a script.
    pub scripts_off: bool,
    /// Addresses of pictures elsewhere that are shown; all else elsewhere is refused, and noted.
    pub pictures: Vec<String>,
}

/// A tab with cookies of its own.
pub struct Tab {
    line: Arc<Line>,
    session: String,
    seen: Arc<Seen>,
    look: Look,
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

    async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
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

impl Tab {
    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.line.call(Some(&self.session), method, parameters).await
    }

    async fn dress(&self) {
        let Look { size: (width, height), dark, scripts_off, .. } = self.look;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": scripts_off })).await;
    }

    /// Goes to an address.
    pub async fn visit(&self, url: &str) {
        let mut loads = self.seen.loads.subscribe();
        loads.mark_unchanged();
        self.call("Page.navigate", json!({ "url": url })).await;
        self.loaded(loads, url).await;
    }

    async fn loaded(&self, mut loads: watch::Receiver<u64>, what: &str) {
        let loaded = tokio::time::timeout(PATIENCE, loads.changed()).await;
        assert!(loaded.is_ok(), "{what} loads nothing, at {}:\n{}", self.url().await, self.html().await);
    }

    /// Where the tab is.
    pub async fn url(&self) -> String {
        let history = self.call("Page.getNavigationHistory", json!({})).await;
        let current = usize::try_from(history["currentIndex"].as_u64().unwrap()).unwrap();
        history["entries"][current]["url"].as_str().unwrap().to_owned()
    }

    /// The page as it stands.
    pub async fn html(&self) -> String {
        let root = self.call("DOM.getDocument", json!({ "depth": 0 })).await["root"]["nodeId"].clone();
        self.call("DOM.getOuterHTML", json!({ "nodeId": root })).await["outerHTML"].as_str().unwrap().to_owned()
    }

    /// The heading of the page.
    pub async fn heading(&self) -> String {
        self.text("h1").await
    }

    /// What an element says.
    pub async fn text(&self, selector: &str) -> String {
        let node = self.find(selector).await;
        let html = self.call("DOM.getOuterHTML", json!({ "nodeId": node })).await["outerHTML"].clone();
        let mut text = String::new();
        for part in html.as_str().unwrap().split('<') {
            text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        }
        text.replace("&amp;", "&").trim().to_owned()
    }

    /// An attribute of an element.
    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let node = self.find(selector).await;
        let all = self.call("DOM.getAttributes", json!({ "nodeId": node })).await;
        let all = all["attributes"].as_array().unwrap();
        let index = all.iter().step_by(2).position(|known| known == name)?;
        Some(all[2 * index + 1].as_str().unwrap().to_owned())
    }

    /// The page has such an element.
    pub async fn has(&self, selector: &str) -> bool {
        self.look_up(selector).await != 0
    }

    async fn look_up(&self, selector: &str) -> u64 {
        let root = self.call("DOM.getDocument", json!({ "depth": 0 })).await["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector })).await;
        found["nodeId"].as_u64().unwrap()
    }

    async fn find(&self, selector: &str) -> u64 {
        let node = self.look_up(selector).await;
        assert!(node != 0, "no {selector} at {}:\n{}", self.url().await, self.html().await);
        node
    }

    /// Types into an element.
    pub async fn fill(&self, selector: &str, text: &str) {
        let node = self.find(selector).await;
        self.call("DOM.focus", json!({ "nodeId": node })).await;
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Clicks where an element is seen.
    pub async fn click(&self, selector: &str) {
        let node = self.find(selector).await;
        self.call("DOM.scrollIntoViewIfNeeded", json!({ "nodeId": node })).await;
        let model = self.call("DOM.getBoxModel", json!({ "nodeId": node })).await;
        let corners: Vec<f64> =
            model["model"]["border"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        let middle = |first: usize| f64::midpoint(corners[first], corners[first + 4]);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": middle(0), "y": middle(1), "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Clicks, and waits for the page that comes of it.
    pub async fn follow(&self, selector: &str) {
        let mut loads = self.seen.loads.subscribe();
        loads.mark_unchanged();
        self.click(selector).await;
        self.loaded(loads, selector).await;
    }

    /// Presses Enter, and waits for the page that comes of it.
    pub async fn enter(&self) {
        let mut loads = self.seen.loads.subscribe();
        loads.mark_unchanged();
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.call("Input.dispatchKeyEvent", event).await;
        }
        self.loaded(loads, "Enter").await;
    }

    /// Waits until the tab is at an address that begins like this.
    pub async fn arrived(&self, prefix: &str) {
        let arrival = async {
            let mut tick = tokio::time::interval(Duration::from_millis(50));
            while !self.url().await.starts_with(prefix) {
                tick.tick().await;
            }
        };
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        assert!(arrived.is_ok(), "not at {prefix}, but at {}:\n{}", self.url().await, self.html().await);
    }

    /// Takes a picture of the whole page.
    pub async fn picture(&self) -> Vec<u8> {
        let metrics = self.call("Page.getLayoutMetrics", json!({})).await;
        let (width, height) = self.look.size;
        let content = metrics["cssContentSize"]["height"].as_f64().unwrap();
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": content.max(f64::from(height)), "scale": 1 });
        let wish = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let data = self.call("Page.captureScreenshot", wish).await;
        STANDARD.decode(data["data"].as_str().unwrap()).unwrap()
    }

    /// Changes how the tab looks, until it is changed again.
    pub async fn turn(&mut self, size: (u32, u32), dark: bool) {
        (self.look.size, self.look.dark) = (size, dark);
        self.dress().await;
    }

    /// Addresses that were asked for since the last look, with whatever became of them.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.requests.lock().unwrap())
    }

    /// What the browser complained about since the last look.
    pub fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.errors.lock().unwrap())
    }

    /// Content is wider than the window: one would have to scroll sideways.
    pub async fn overflows(&self) -> bool {
        let metrics = self.call("Page.getLayoutMetrics", json!({})).await;
        metrics["cssContentSize"]["width"].as_f64().unwrap() > f64::from(self.look.size.0)
    }
}
