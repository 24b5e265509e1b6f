//! /v1/accounts/{account_id}/tokens, those of a user, and what they are good for as credentials

mod bearer;
mod introspection;
mod life_cycle;
mod team;

use std::time::Duration;

use authpi_core::web::services::Options;
use serde_json::{Value, json};
use tests::{App, Caller, Reply};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// An issuer with a user.
struct Ground {
    app: App,
    issuer: String,
    user: String,
}

impl Ground {
    async fn of(app: App) -> Self {
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        Self { app, issuer, user }
    }

    async fn new() -> Self {
        Self::of(App::start(DRIVER).await).await
    }

    /// Behind a proxy that says who calls.
    async fn proxied() -> Self {
        let options = Options {
            rate_limits: false,
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            proxy_hops: 1,
            ..Options::default()
        };
        Self::of(App::start_with(DRIVER, options).await).await
    }

    fn issuer_id(&self) -> &str {
        self.issuer.rsplit('/').next().unwrap()
    }

    fn of_user(&self) -> String {
        format!("{}/users/{}/tokens", self.issuer, self.user)
    }

    fn one(&self, token: &str) -> String {
        self.app.path(&format!("/tokens/{token}"))
    }

    async fn make(&self, body: Value) -> Reply {
        self.app.root().post(&self.of_user(), body).expect(201).await
    }

    async fn named(&self, name: &str) -> Reply {
        self.make(json!({ "name": name, "restrictions": { "scopes": ["a:read"] } })).await
    }

    fn bearing(&self, made: &Reply) -> Caller {
        self.app.with_bearer(&made.text("token_plain"))
    }

    async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events(&format!("event_types=user.personal-token.{kind}")).await;
        events.iter().map(|event| event["data"].clone()).collect()
    }

    async fn introspect(&self, token: &str) -> Value {
        self.introspect_with(json!({ "token": token })).await
    }

    async fn introspect_with(&self, body: Value) -> Value {
        let path = format!("{}/tokens/introspect", self.issuer);
        self.app.root().post(&path, body).expect(200).await.data().clone()
    }

    async fn set_user_status(&self, status: &str) {
        let path = format!("{}/users/{}", self.issuer, self.user);
        self.app.root().patch(&path, json!({ "status": status })).expect(200).await;
    }
}

fn inactive(kind: &str, reason: &str) -> Value {
    json!({ "active": false, "type": kind, "reason": reason })
}
