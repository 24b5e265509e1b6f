//! What has expired: API keys, personal tokens, delegations, invitations. One rule for all of them.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// How long everything here lasts.
const LASTS: Duration = Duration::from_hours(1);

/// A resource that expires, where it is read, and where it is revoked.
struct Expiring {
    kind: &'static str,
    path: String,
    made: Reply,
    expires_at: i64,
}

impl Expiring {
    async fn all(app: &App) -> Vec<Self> {
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        let agent = app.root().post(&format!("{issuer}/agents"), json!({ "name": "n" })).expect(201).await.id();
        let expires_at = app.now() + i64::try_from(LASTS.as_millis()).unwrap();
        let restricted = json!({ "name": "x", "restrictions": { "scopes": ["a:read"] }, "expires_at": expires_at });
        let delegated = json!({ "agent_id": agent, "scopes": ["a:read"], "expires_at": expires_at });
        let delegations = format!("{issuer}/users/{user}/delegations");
        let mut all = Vec::new();
        for (kind, to, at, body) in [
            ("key", app.path("/api-keys"), app.path("/api-keys"), restricted.clone()),
            ("token", format!("{issuer}/users/{user}/tokens"), app.path("/tokens"), restricted),
            ("delegation", delegations.clone(), delegations, delegated),
        ] {
            let made = app.root().post(&to, body).expect(201).await;
            all.push(Self { kind, path: format!("{at}/{}", made.id()), made, expires_at });
        }
        all
    }

    async fn read(&self, app: &App) -> Reply {
        app.root().get(&self.path).expect(200).await
    }
}

fn note(reply: &Reply) -> [&Value; 4] {
    ["status", "status_at", "status_reason", "status_by"].map(|name| &reply.data()[name])
}

#[tokio::test]
async fn what_has_expired_did_so_at_its_time_and_by_nobody() {
    let app = App::start(DRIVER).await;
    let all = Expiring::all(&app).await;
    for one in all.iter().filter(|one| one.kind != "delegation") {
        let (action, body) = ("block", json!({ "status_reason": "odd", "status_by": "helpdesk" }));
        if one.kind == "key" {
            app.root().post(&format!("{}/{action}", one.path), body).expect(200).await;
        } else {
            app.root().patch(&one.path, json!({ "status": "blocked", "status_reason": "odd" })).expect(200).await;
        }
    }
    app.advance(LASTS + Duration::from_secs(5));
    for one in &all {
        let expired = one.read(&app).await;
        let expected = [json!("expired"), json!(one.expires_at), Value::Null, Value::Null];
        assert_eq!(note(&expired), expected.each_ref(), "{}", one.kind);
    }
}

#[tokio::test]
async fn what_has_expired_can_be_revoked_for_good_once() {
    let app = App::start(DRIVER).await;
    let all = Expiring::all(&app).await;
    app.advance(LASTS * 2);
    for one in &all {
        let body = json!({ "status_reason": "gone", "status_by": "helpdesk" });
        let revoked = app.root().post(&format!("{}/revoke", one.path), body).expect(200).await;
        let expected = [json!("revoked"), json!(app.now()), json!("gone"), json!("helpdesk")];
        assert_eq!(note(&revoked), expected.each_ref(), "{}", one.kind);
        let events = app.events("").await.len();
        let again = app.root().act(&format!("{}/revoke", one.path)).expect(200).await;
        assert_eq!((again.data(), again.header("etag")), (revoked.data(), revoked.header("etag")), "{}", one.kind);
        assert_eq!(app.events("").await.len(), events, "{}", one.kind);
    }
    let types = "event_types=api-key.updated,user.personal-token.updated,user.delegation.revoked";
    let mut told = app.event_types(types).await;
    told.sort();
    assert_eq!(told, ["api-key.updated", "user.delegation.revoked", "user.personal-token.updated"]);
}

#[tokio::test]
async fn an_expiry_makes_another_entity_tag_that_still_names_the_version() {
    let app = App::start(DRIVER).await;
    let all = Expiring::all(&app).await;
    for one in &all {
        app.root().get(&one.path).header("if-none-match", one.made.header("etag")).expect(304).await;
    }
    app.advance(LASTS);
    for one in &all {
        let plain = one.made.header("etag");
        let expired = app.root().get(&one.path).header("if-none-match", plain).expect(200).await;
        let tag = expired.header("etag").to_owned();
        assert_eq!(tag, format!("\"{}.expired\"", plain.trim_matches('"')), "{}", one.kind);
        app.root().get(&one.path).header("if-none-match", &tag).expect(304).await;
        let revoke = format!("{}/revoke", one.path);
        app.root().act(&revoke).header("if-match", "\"1.expired\"").expect(412).await;
        app.root().act(&revoke).header("if-match", &tag).expect(200).await;
        app.root().get(&one.path).header("if-none-match", &tag).expect(200).await;
    }
}

#[tokio::test]
async fn the_state_of_an_owner_makes_another_entity_tag() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "ann@example.com").await;
    let body = json!({ "name": "x", "restrictions": { "scopes": ["a:read"] } });
    let made = app.root().post(&format!("{issuer}/users/{user}/tokens"), body.clone()).expect(201).await;
    let organization = app.organization(&issuer).await;
    let key = app.root().post(&format!("{organization}/api-keys"), body).expect(201).await;
    for (owner, one) in [
        (format!("{issuer}/users/{user}"), app.path(&format!("/tokens/{}", made.id()))),
        (organization.clone(), app.path(&format!("/api-keys/{}", key.id()))),
    ] {
        let active = app.root().get(&one).expect(200).await.header("etag").to_owned();
        app.root().patch(&owner, json!({ "status": "suspended" })).expect(200).await;
        let suspended = app.root().get(&one).header("if-none-match", &active).expect(200).await;
        assert_eq!(suspended.data()["status"], "suspended");
        let tag = suspended.header("etag").to_owned();
        app.root().get(&one).header("if-none-match", &tag).expect(304).await;
        app.root().patch(&owner, json!({ "status": "active" })).expect(200).await;
        let back = app.root().get(&one).header("if-none-match", &tag).expect(200).await;
        assert_eq!((back.header("etag"), &back.data()["status"]), (active.as_str(), &json!("active")));
    }
}
