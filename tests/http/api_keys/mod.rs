//! /v1/accounts/{account_id}/api-keys and …/organizations/{org_id}/api-keys

mod create;
mod home;
mod life_cycle;
mod read;

use std::time::Duration;

use serde_json::{Value, json};
use tests::{App, Caller, Reply};

use super::DRIVER;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn body(name: &str, scopes: &[&str]) -> Value {
    json!({ "name": name, "restrictions": { "scopes": scopes } })
}

async fn made(app: &App, body: Value) -> Reply {
    app.root().post(&app.path("/api-keys"), body).expect(201).await
}

/// A key of an organization; returns the path of the organization, too.
async fn of_tenant(app: &App, scopes: &[&str]) -> (String, Reply) {
    let organization = app.organization(&app.issuer().await).await;
    let key = app.root().post(&format!("{organization}/api-keys"), body("tenant", scopes)).expect(201).await;
    (organization, key)
}

fn holder(app: &App, key: &Reply) -> Caller {
    app.with_key(&key.id(), &key.text("secret_plain"))
}

fn path(app: &App, key: &Reply) -> String {
    app.path(&format!("/api-keys/{}", key.id()))
}

/// Demands that the key is as good as unknown.
async fn refused(caller: &Caller) {
    let reply = caller.get("/v1/me").expect(401).await;
    assert_eq!(reply.refusal().0, "unauthorized_client");
    assert!(reply.header("www-authenticate").starts_with("Basic"));
}
