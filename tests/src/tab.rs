//! A tab of Chromium: what a person does in it, and what they see.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::chromium::{Line, PATIENCE, Seen};

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
    pub(crate) line: Arc<Line>,
    pub(crate) session: String,
    pub(crate) seen: Arc<Seen>,
    pub(crate) look: Look,
}

impl Tab {
    pub(crate) async fn call(&self, method: &str, parameters: Value) -> Value {
        self.line.call(Some(&self.session), method, parameters).await
    }

    pub(crate) async fn dress(&self) {
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
