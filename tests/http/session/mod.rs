//! /v1/accounts/{account_id}/issuers/{issuer_id}/sessions, and those of a user

mod end;
mod life_cycle;

use authpi_core::worker;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An issuer with a user and a client.
struct Ground {
    app: App,
    issuer: String,
    user: String,
    client: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        let client = json!({ "name": "Shop", "settings": {}, "confidential": true });
        let client = app.root().post(&format!("{issuer}/clients"), client).expect(201).await.id();
        Self { app, issuer, user, client }
    }

    async fn op(&self) -> String {
        self.app.log_in(&self.issuer, &self.user).await
    }

    /// A session of the client, in use.
    async fn rp(&self, op: &str) -> String {
        let id = self.app.authorize(&self.issuer, &self.user, op, &self.client, None).await;
        self.app.issue_tokens(&self.issuer, &id).await;
        id
    }

    fn one(&self, id: &str) -> String {
        format!("{}/sessions/{id}", self.issuer)
    }

    fn of_user(&self) -> String {
        format!("{}/users/{}", self.issuer, self.user)
    }

    async fn get(&self, id: &str) -> Reply {
        self.app.root().get(&self.one(id)).expect(200).await
    }

    async fn status(&self, id: &str) -> String {
        self.get(id).await.text("status")
    }

    async fn act(&self, id: &str, action: &str) -> Reply {
        self.app.root().act(&format!("{}/{action}", self.one(id))).expect(200).await
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let list = self.app.root().get(&format!("{}/sessions?{query}", self.of_user())).expect(200).await;
        assert_eq!((&list.body["has_more"], &list.body["next_cursor"]), (&json!(false), &Value::Null));
        list.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn set_status(&self, status: &str) {
        let patch = json!({ "status": status, "status_reason": "abuse" });
        self.app.root().patch(&self.of_user(), patch).expect(200).await;
    }

    /// Session and data of the events of a type.
    async fn told(&self, kind: &str) -> Vec<(String, Value)> {
        let events = self.app.events(&format!("event_types={kind}")).await;
        let told = |event: &Value| (event["subject"]["session_id"].as_str().unwrap().to_owned(), event["data"].clone());
        events.iter().map(told).collect()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }
}
