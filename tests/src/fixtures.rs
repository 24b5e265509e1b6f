//! Things that many tests begin with.

use serde_json::{Value, json};

use crate::{App, Caller};

impl App {
    /// A new issuer; returns the path below it.
    pub async fn issuer(&self) -> String {
        let made = self.root().post(&self.path("/issuers"), json!({ "name": "acme" })).expect(201).await;
        self.path(&format!("/issuers/{}", made.id()))
    }

    /// A new organization of the issuer at `issuer`; returns the path below it.
    pub async fn organization(&self, issuer: &str) -> String {
        let path = format!("{issuer}/organizations");
        let made = self.root().post(&path, json!({ "name": "Acme" })).expect(201).await;
        format!("{path}/{}", made.id())
    }

    /// A new user of the issuer at `issuer`; returns its id.
    pub async fn user(&self, issuer: &str, email: &str) -> String {
        self.root().post(&format!("{issuer}/users"), json!({ "email": email })).expect(201).await.id()
    }

    /// A new account key with `scopes`; returns its id and secret.
    pub async fn account_key(&self, scopes: &[&str]) -> (String, String) {
        let body = json!({ "name": "k", "restrictions": { "scopes": scopes } });
        let made = self.root().post(&self.path("/api-keys"), body).expect(201).await;
        (made.id(), made.text("secret_plain"))
    }

    /// The path of the organization behind the account, below the platform issuer.
    pub async fn account_organization(&self) -> String {
        let account = self.root().get(&self.path("")).expect(200).await;
        let id = |name: &str| account.data()["organization"][name].as_str().unwrap().to_owned();
        self.path(&format!("/issuers/{}/organizations/{}", id("issuer_id"), id("id")))
    }

    /// Another account, opened by somebody of the platform: its first key, and its id.
    pub async fn another_account(&self) -> (Caller, String) {
        let organization = self.account_organization().await;
        let users = format!("{}/users", organization.split_once("/organizations/").unwrap().0);
        let boss = json!({ "email": "boss@example.com", "profile": { "email_verified": true } });
        let boss = self.root().post(&users, boss).expect(201).await.id();
        let token = json!({ "name": "cli", "restrictions": { "scopes": ["*:**"] } });
        let token = self.root().post(&format!("{users}/{boss}/tokens"), token).expect(201).await;
        let bearer = self.with_bearer(&token.text("token_plain"));
        let opened = bearer.post("/v1/accounts", json!({ "name": "Umbrella" })).expect(201).await;
        let key = &opened.data()["api_key"];
        let key = self.with_key(key["id"].as_str().unwrap(), key["secret_plain"].as_str().unwrap());
        (key, opened.id())
    }

    /// All events of the account, oldest first.
    pub async fn events(&self, query: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = self.path(&format!("/events?limit=100&{query}{cursor}"));
            let page = self.root().get(&path).expect(200).await;
            events.extend(page.data().as_array().unwrap().iter().cloned());
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        events.reverse();
        events
    }

    /// The types of [`App::events`].
    pub async fn event_types(&self, query: &str) -> Vec<String> {
        self.events(query).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}
