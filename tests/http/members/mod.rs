//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members

mod account;
mod add;
mod change;

use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An issuer, an organization of it, and the members of that.
struct Ground {
    app: App,
    issuer: String,
    organization: String,
    members: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let organizations = format!("{issuer}/organizations");
        let made = app.root().post(&organizations, organization).expect(201).await;
        let organization = format!("{organizations}/{}", made.id());
        let members = format!("{organization}/members");
        Self { app, issuer, organization, members }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    async fn user(&self, name: &str) -> String {
        self.app.user(&self.issuer, &format!("{name}@example.com")).await
    }

    async fn add(&self, body: Value) -> Reply {
        self.app.root().post(&self.members, body).expect(201).await
    }

    async fn joined(&self, name: &str, scopes: &[&str]) -> String {
        let user = self.user(name).await;
        self.add(json!({ "member_id": user, "scopes": scopes })).await;
        user
    }

    fn one(&self, member: &str) -> String {
        format!("{}/{member}", self.members)
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.members)).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["member_id"].as_str().unwrap().to_owned()).collect()
    }
}
