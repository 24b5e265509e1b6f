//! /v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/trusted-devices and …/devices

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// A user, and its devices.
struct Ground {
    app: App,
    issuer: String,
    id: String,
    user: String,
    trusted: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let id = app.user(&issuer, "ada@example.com").await;
        let user = format!("{issuer}/users/{id}");
        let trusted = format!("{user}/trusted-devices");
        Self { app, issuer, id, user, trusted }
    }

    async fn trust(&self, fingerprint: &str) -> String {
        let body = json!({ "fingerprint": fingerprint });
        self.app.root().post(&self.trusted, body).expect(201).await.text("device_id")
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let page = self.app.root().get(&format!("{}/{what}", self.user)).expect(200).await;
        assert_eq!(page.body["has_more"], false);
        page.data().as_array().unwrap().clone()
    }

    async fn ids(&self, what: &str) -> Vec<String> {
        self.list(what).await.iter().map(|device| device["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn seen(&self, cookie: &str) -> (String, bool) {
        let seen = self.app.sign_in_from(&self.issuer, &self.id, cookie).await;
        (seen.device.id.to_string(), seen.is_new)
    }

    /// Subject and data of the events of one type about the user.
    async fn events(&self, kind: &str) -> Vec<(Value, Value)> {
        let events = self.app.events(&format!("user_id={}&event_types={kind}", self.id)).await;
        events.into_iter().map(|event| (event["subject"]["device_id"].clone(), event["data"].clone())).collect()
    }
}

#[tokio::test]
async fn a_device_is_trusted_for_the_time_that_is_stated_or_set() {
    let ground = Ground::new().await;
    let body = json!({ "fingerprint": "abc", "name": "Laptop", "user_agent": "Mozilla/5.0", "ttl_seconds": 60 });
    let made = ground.app.root().post(&ground.trusted, body).expect(201).await;
    let until = ground.app.now() + 60_000;
    assert_eq!(made.data()["expires_at"], until);
    let listed = ground.list("trusted-devices").await;
    let fingerprint = listed[0]["fingerprint"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": made.text("device_id"), "fingerprint": fingerprint, "name": "Laptop", "user_agent": "Mozilla/5.0",
        "trusted_at": ground.app.now(), "expires_at": until, "last_used_at": null,
    });
    assert_eq!(listed, [expected]);
    assert_eq!((fingerprint.len(), fingerprint == "abc"), (64, false), "hashed at rest");
    let told = (json!(made.text("device_id")), json!({ "expires_at": until }));
    assert_eq!(ground.events("user.device.trusted").await, [told]);
    assert!(ground.ids("devices").await.is_empty(), "nobody signed in from it");

    let thirty_days = ground.app.root().post(&ground.trusted, json!({ "fingerprint": "def" })).expect(201).await;
    assert_eq!(thirty_days.data()["expires_at"], ground.app.now() + 30 * 24 * 3_600_000);
    ground.app.advance(Duration::from_mins(1));
    assert_eq!(ground.ids("trusted-devices").await, [thirty_days.text("device_id")], "the other's time is over");
    ground.app.root().delete(&format!("{}/{}", ground.trusted, made.text("device_id"))).expect(404).await;
}

#[tokio::test]
async fn the_same_device_is_trusted_anew() {
    let ground = Ground::new().await;
    let first = ground.trust("abc").await;
    let told = ground.list("trusted-devices").await[0]["fingerprint"].as_str().unwrap().to_owned();
    ground.app.advance(DAY);
    for fingerprint in ["abc", &told] {
        let body = json!({ "fingerprint": fingerprint, "name": "Desk" });
        let again = ground.app.root().post(&ground.trusted, body).expect(201).await;
        assert_eq!(again.text("device_id"), first, "{fingerprint}");
        assert_eq!(again.data()["expires_at"], ground.app.now() + 30 * 24 * 3_600_000);
    }
    let listed = ground.list("trusted-devices").await;
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("Desk")));
    assert_eq!(ground.events("user.device.trusted").await.len(), 3);
}

#[tokio::test]
async fn of_more_than_twenty_the_first_is_dropped() {
    let ground = Ground::new().await;
    let first = ground.trust("0").await;
    for number in 1..20 {
        ground.app.advance(Duration::from_secs(1));
        ground.trust(&number.to_string()).await;
    }
    let second = ground.list("trusted-devices").await.pop().unwrap();
    assert_eq!(second["id"], json!(first));
    ground.app.advance(Duration::from_secs(1));
    let last = ground.trust("20").await;
    let left = ground.ids("trusted-devices").await;
    assert_eq!((left.len(), left.contains(&first), &left[0]), (20, false, &last), "newest first");
    assert_eq!(ground.events("user.device.revoked").await, [(json!(first), json!({ "count": 1 }))]);
}

#[tokio::test]
async fn where_the_issuer_wants_none_no_device_is_trusted() {
    let ground = Ground::new().await;
    let none = json!({ "settings": { "security": { "trusted_device_ttl": 0 } } });
    ground.app.root().patch(&ground.issuer, none).expect(200).await;
    let body = json!({ "fingerprint": "abc", "ttl_seconds": 60 });
    let refused = ground.app.root().post(&ground.trusted, body).expect(409).await;
    assert_eq!(refused.body["error"], "conflict");
    for (body, problem) in [
        (json!({}), "fingerprint required"),
        (json!({ "fingerprint": "" }), "fingerprint too_short"),
        (json!({ "fingerprint": "a", "ttl_seconds": 0 }), "ttl_seconds too_small"),
        (json!({ "fingerprint": "a", "ttl_seconds": 31_536_001 }), "ttl_seconds too_big"),
        (json!({ "fingerprint": "a", "typo": 1 }), "typo unknown_field"),
        (json!({ "fingerprint": 1 }), "fingerprint invalid_type"),
    ] {
        let refused = ground.app.root().post(&ground.trusted, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, [problem], "{body}");
    }
}

#[tokio::test]
async fn trust_is_taken_back_from_one_or_all() {
    let ground = Ground::new().await;
    let (one, other, third) = (ground.trust("1").await, ground.trust("2").await, ground.trust("3").await);
    let path = format!("{}/{one}", ground.trusted);
    ground.app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    ground.app.root().delete(&path).expect(204).await;
    ground.app.root().delete(&path).expect(404).await;
    let all = format!("{}/revoke-all", ground.trusted);
    ground.app.root().act(&all).header("if-match", "\"1\"").expect(412).await;
    let revoked = ground.app.root().act(&all).expect(200).await;
    assert_eq!(revoked.data(), &json!({ "revoked_count": 2 }));
    let again = ground.app.root().act(&all).expect(200).await;
    assert_eq!(again.data(), &json!({ "revoked_count": 0 }));
    let mut told: Vec<_> = ground.events("user.device.revoked").await;
    assert_eq!(told.remove(0), (json!(one), json!({ "count": 1 })));
    assert!(
        told.contains(&(json!(other), json!({ "count": 1 }))) && told.contains(&(json!(third), json!({ "count": 1 })))
    );
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn a_device_is_known_for_half_a_year_after_the_last_login() {
    let ground = Ground::new().await;
    let began = ground.app.now();
    let (id, is_new) = ground.seen("cookie").await;
    assert!(is_new);
    ground.app.advance(DAY);
    assert_eq!(ground.seen("cookie").await, (id.clone(), false));
    let known = ground.list("devices").await.pop().unwrap();
    let expected = json!({
        "id": id, "fingerprint": known["fingerprint"], "name": "Chrome / macOS", "user_agent": "Mozilla/5.0",
        "country": "DE", "first_seen_at": began, "last_seen_at": ground.app.now(), "login_count": 2, "trusted": false,
    });
    assert_eq!(known, expected);
    let trusted = ground.trust(known["fingerprint"].as_str().unwrap()).await;
    assert_eq!(trusted, id, "the same record, by the fingerprint that is told");
    assert_eq!(ground.list("devices").await[0]["trusted"], true);
    ground.app.root().delete(&format!("{}/{id}", ground.trusted)).expect(204).await;
    assert_eq!(ground.list("devices").await[0]["trusted"], false, "it stays known");

    ground.app.advance(DAY * 180);
    assert!(ground.list("devices").await.is_empty());
    let (_, is_new) = ground.seen("cookie").await;
    assert!(is_new, "what was forgotten is new");
    assert_eq!(ground.list("devices").await[0]["login_count"], 1);
    ground.app.advance(DAY * 180);
    authpi_core::worker::run_once(ground.app.authpi.services()).await.unwrap();
    assert!(ground.seen("cookie").await.0 != id, "the record was removed");
}

#[tokio::test]
async fn of_more_than_fifty_known_devices_the_stalest_is_forgotten() {
    let ground = Ground::new().await;
    for number in 0..50 {
        ground.app.advance(Duration::from_secs(1));
        ground.seen(&format!("cookie {number}")).await;
    }
    ground.app.advance(Duration::from_secs(1));
    ground.seen("cookie 0").await;
    ground.app.advance(Duration::from_secs(1));
    let (newest, _) = ground.seen("one more").await;
    let known = ground.ids("devices").await;
    assert_eq!((known.len(), &known[0]), (50, &newest), "last seen first");
    assert!(!ground.seen("cookie 0").await.1, "it was seen again");
    assert!(ground.seen("cookie 1").await.1, "it was not seen for longest");
}

#[tokio::test]
async fn devices_go_with_their_user() {
    let ground = Ground::new().await;
    ground.trust("abc").await;
    ground.seen("cookie").await;
    ground.app.root().delete(&ground.user).expect(204).await;
    for what in ["trusted-devices", "devices"] {
        ground.app.root().get(&format!("{}/{what}", ground.user)).expect(404).await;
    }
    let deleted = ground.app.events(&format!("user_id={}&event_types=user.deleted", ground.id)).await;
    assert_eq!(deleted[0]["data"]["cascade"]["devices"], 2);
}
