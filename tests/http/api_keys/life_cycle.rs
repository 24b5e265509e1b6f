//! Rotation, block, revocation and expiry.

use std::time::Duration;

use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::json;
use tests::App;

use super::{DAY, DRIVER, MINUTE, body, holder, made, path, refused};

#[tokio::test]
async fn the_secret_before_a_rotation_works_for_fifteen_minutes() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &["events:read"])).await;
    let old = holder(&app, &key);
    app.advance(MINUTE);
    let rotated = app.root().act(&format!("{}/rotate", path(&app, &key))).expect(200).await;
    assert_eq!(rotated.data().as_object().unwrap().keys().collect::<Vec<_>>(), ["secret_plain"]);
    let secret = rotated.text("secret_plain");
    let new = app.with_key(&key.id(), &secret);
    let read = app.root().get(&path(&app, &key)).expect(200).await;
    assert_eq!(read.header("etag"), rotated.header("etag"));
    assert_eq!(read.data()["secret"]["hint"], secret[secret.len() - 8..]);
    assert_eq!(read.data()["secret"]["rotated_at"], app.now());
    assert_eq!(read.data()["secret"]["previous_valid_until"], app.now() + 15 * 60_000);
    let item = app.root().get(&app.path(&format!("/api-keys?q={}", key.id()))).expect(200).await;
    assert_eq!(item.data()[0]["last_rotated_at"], app.now());
    app.advance(MINUTE * 15 - Duration::from_millis(1));
    old.get("/v1/me").expect(200).await;
    new.get("/v1/me").expect(200).await;
    app.advance(Duration::from_millis(1));
    refused(&old).await;
    new.get("/v1/me").expect(200).await;
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["action"], "rotated");
}

#[tokio::test]
async fn a_second_rotation_ends_the_oldest_secret_at_once() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rotate = format!("{}/rotate", path(&app, &key));
    let first = holder(&app, &key);
    let second = app.with_key(&key.id(), &app.root().act(&rotate).expect(200).await.text("secret_plain"));
    first.get("/v1/me").expect(200).await;
    app.advance(MINUTE);
    let third = app.with_key(&key.id(), &app.root().act(&rotate).expect(200).await.text("secret_plain"));
    refused(&first).await;
    second.get("/v1/me").expect(200).await;
    third.get("/v1/me").expect(200).await;
    app.advance(MINUTE * 15);
    refused(&second).await;
    third.get("/v1/me").expect(200).await;
}

#[tokio::test]
async fn of_sixteen_parallel_rotations_with_one_etag_one_wins() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rotate = format!("{}/rotate", path(&app, &key));
    let racers = (0..16).map(|_| app.root().act(&rotate).header("if-match", key.header("etag")).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(200), statuses(412)), (1, 15));
    assert_eq!(app.event_types("event_types=api-key.updated").await.len(), 1);
}

#[tokio::test]
async fn a_block_is_recorded_and_taken_back_and_repeats_change_nothing() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let (path, caller) = (path(&app, &key), holder(&app, &key));
    let note = json!({ "status_reason": "leak_suspected", "status_by": "billing" });
    app.advance(MINUTE);
    let blocked = app.root().post(&format!("{path}/block"), note).expect(200).await;
    assert_eq!(blocked.data()["status"], "blocked");
    assert_eq!(blocked.data()["status_at"], app.now());
    assert_eq!(blocked.data()["status_reason"], "leak_suspected");
    assert_eq!(blocked.data()["status_by"], "billing");
    refused(&caller).await;
    app.advance(MINUTE);
    let again = app.root().act(&format!("{path}/block")).expect(200).await;
    assert_eq!((again.data(), again.header("etag")), (blocked.data(), blocked.header("etag")));
    app.root().patch(&path, json!({ "status": "blocked", "status_reason": "other" })).expect(200).await;
    let unblocked = app.root().act(&format!("{path}/unblock")).expect(200).await;
    assert_eq!(unblocked.data()["status"], "active");
    assert_eq!(unblocked.data()["status_by"], app.key.0);
    caller.get("/v1/me").expect(200).await;
    let again = app.root().act(&format!("{path}/unblock")).expect(200).await;
    assert_eq!(again.header("etag"), unblocked.header("etag"));
    app.root().patch(&path, json!({ "status": "blocked" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    let stale = app.root().act(&format!("{path}/block")).header("if-match", key.header("etag")).expect(412).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
    let events = app.events("event_types=api-key.blocked,api-key.unblocked,api-key.updated").await;
    let seen: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"].clone())).collect();
    let by_key = json!({ "reason": null, "by": app.key.0 });
    assert_eq!(
        seen,
        [
            ("api-key.blocked", json!({ "reason": "leak_suspected", "by": "billing" })),
            ("api-key.unblocked", by_key.clone()),
            ("api-key.blocked", by_key.clone()),
            ("api-key.unblocked", by_key),
        ]
    );
}

#[tokio::test]
async fn a_revoked_key_never_comes_back() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let path = path(&app, &key);
    app.root().act(&format!("{path}/block")).expect(200).await;
    let note = json!({ "status_reason": "rotated_out" });
    let revoked = app.root().post(&format!("{path}/revoke"), note).expect(200).await;
    assert_eq!(revoked.data()["status"], "revoked");
    assert_eq!(revoked.data()["status_reason"], "rotated_out");
    app.advance(MINUTE);
    let again = app.root().act(&format!("{path}/revoke")).expect(200).await;
    assert_eq!((again.data(), again.header("etag")), (revoked.data(), revoked.header("etag")));
    for call in [
        app.root().act(&format!("{path}/unblock")),
        app.root().act(&format!("{path}/block")),
        app.root().act(&format!("{path}/rotate")),
        app.root().patch(&path, json!({ "status": "active" })),
    ] {
        assert_eq!(call.expect(409).await.refusal().0, "conflict");
    }
    let refusal = app.root().patch(&path, json!({ "status": "revoked" })).expect(400).await;
    assert_eq!(refusal.refusal().1, ["status invalid_enum_value"]);
    refused(&holder(&app, &key)).await;
    let events = app.events("event_types=api-key.updated,api-key.unblocked").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["action"], "revoked");
}

#[tokio::test]
async fn an_expired_key_is_refused_at_once_and_announced_by_the_sweep() {
    let app = App::start(DRIVER).await;
    let expires = app.now() + 60_000;
    let with_expiry = |expires: i64| json!({ "name": "k", "restrictions": {}, "expires_at": expires });
    let key = made(&app, with_expiry(expires)).await;
    let (path, caller) = (path(&app, &key), holder(&app, &key));
    for past in [app.now(), 1] {
        let refused = app.root().post(&app.path("/api-keys"), with_expiry(past)).expect(400).await;
        assert_eq!(refused.refusal().1, ["expires_at too_small"]);
    }
    app.advance(MINUTE - Duration::from_millis(1));
    caller.get("/v1/me").expect(200).await;
    app.advance(Duration::from_millis(1));
    refused(&caller).await;
    let read = app.root().get(&path).expect(200).await;
    assert_eq!((&read.data()["status"], &read.data()["status_at"]), (&json!("expired"), &json!(expires)));
    assert_eq!(app.root().act(&format!("{path}/rotate")).expect(409).await.refusal().0, "conflict");
    assert_eq!(app.event_types("event_types=api-key.updated").await.len(), 0, "the sweep says it");
    for _ in 0..2 {
        worker::run_once(app.authpi.services()).await.unwrap();
    }
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["data"]["action"], &events[0]["subject"]["key_id"]), (&json!("expired"), &json!(key.id())));
    // A later expiry brings it back, and is announced anew.
    app.root().patch(&path, json!({ "expires_at": app.now() + 60_000 })).expect(200).await;
    caller.get("/v1/me").expect(200).await;
    app.advance(MINUTE);
    worker::run_once(app.authpi.services()).await.unwrap();
    let events = app.events("event_types=api-key.updated").await;
    let actions: Vec<_> = events.iter().map(|event| event["data"]["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["expired", "updated", "expired"]);
    app.root().patch(&path, json!({ "expires_at": null })).expect(200).await;
    app.advance(DAY * 400);
    caller.get("/v1/me").expect(200).await;
}
