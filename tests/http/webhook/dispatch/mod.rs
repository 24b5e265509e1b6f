//! How events reach them.

mod answers;
mod attempts;
mod crowds;
mod health;
mod readable;

use std::time::Duration;

use authpi_core::event::repository::Consumer;
use authpi_core::worker::run_once;
use serde_json::{Value, json};
use tests::{App, Dns, Receiver};

use super::{DRIVER, create};

/// An app that reaches receivers on loopback.
struct Ground {
    app: App,
    issuer: String,
    receiver: Receiver,
    _dns: Dns,
}

impl Ground {
    async fn start() -> Self {
        let dns = Dns::start().await;
        let receiver = Receiver::start().await;
        let app = App::start_reaching(DRIVER, &dns).await;
        let issuer = app.issuer().await;
        Self { app, issuer, receiver, _dns: dns }
    }

    /// A webhook that leads to the receiver; `more` is merged into the body.
    async fn webhook(&self, path: &str, more: Value) -> Value {
        let mut body = json!({ "url": format!("{}{path}", self.receiver.base), "auth": { "type": "none" } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(&self.app, body).await
    }

    async fn work(&self) {
        run_once(self.app.authpi.services()).await.unwrap();
    }

    async fn organization(&self, name: &str) {
        self.app.root().post(&format!("{}/organizations", self.issuer), json!({ "name": name })).expect(201).await;
    }

    /// Types of the bodies that came at `path`, in order.
    fn received(&self, path: &str) -> Vec<String> {
        let received = self.receiver.received().into_iter().filter(|request| request.path == path);
        let kind = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["type"].as_str().unwrap().to_owned();
        received.map(|request| kind(&request.body)).collect()
    }

    async fn deliveries(&self, webhook: &Value, query: &str) -> Vec<Value> {
        let path = self.app.path(&format!("/webhooks/{}/deliveries?{query}", webhook["id"].as_str().unwrap()));
        self.app.root().get(&path).expect(200).await.data().as_array().unwrap().clone()
    }

    async fn status(&self, webhook: &Value) -> (String, Option<String>) {
        let path = self.app.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
        let found = self.app.root().get(&path).expect(200).await;
        let reason = found.data()["status_reason"].as_str().map(str::to_owned);
        (found.text("status"), reason)
    }

    async fn patch(&self, webhook: &Value, body: Value) {
        let path = self.app.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
        self.app.root().patch(&path, body).expect(200).await;
    }

    /// `data` of the events of this type, oldest first.
    async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events(&format!("event_types={kind}")).await;
        events.into_iter().map(|event| event["data"].clone()).collect()
    }
}
