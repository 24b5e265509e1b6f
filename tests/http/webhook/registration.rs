//! Webhooks themselves.

use std::time::Duration;

use authpi_core::webhook::model::signature;
use serde_json::{Value, json};
use tests::{App, Dns};

use super::{DRIVER, create};

fn minimal(kind: &str) -> Value {
    json!({ "url": "https://hooks.example.com/in", "auth": { "type": kind } })
}

#[tokio::test]
async fn a_created_webhook_shows_its_secrets_once() {
    let app = App::start(DRIVER).await;
    let body = json!({
        "name": "crm", "description": "d", "url": "https://hooks.example.com/in",
        "auth": { "type": "bearer+signature", "signature_algorithm": "hmac-sha256" },
        "events": ["user.created", "user.deleted", "user.created"],
        "subjects": [{ "issuer_id": "i_0000000000000000000000001" }],
        "retry": { "max_attempts": 3 }, "circuit_breaker": { "enabled": false }, "metadata": { "crm": 7 },
    });
    let made = app.root().post(&app.path("/webhooks"), body).expect(201).await;
    let data = made.data();
    let token = made.text("bearer_token_plain");
    let secret = made.text("signature_secret_plain");
    assert!(token.starts_with("whb_") && token.len() == 47, "{token}");
    assert!(secret.starts_with("whsec_") && signature(&secret, "evt_1", 1, b"").is_some(), "{secret}");
    let last = |text: &str| format!("...{}", &text[text.len() - 6..]);
    assert_eq!(
        data["auth"],
        json!({
            "type": "bearer+signature", "bearer_token_hint": last(&token), "bearer_token_plain": token,
            "signature_algorithm": "hmac-sha256", "signature_secret_hint": last(&secret),
            "signature_secret_plain": secret,
        })
    );
    assert_eq!(data["events"], json!(["user.created", "user.deleted"]));
    assert_eq!(
        data["retry"],
        json!({ "max_attempts": 3, "initial_delay_seconds": 30, "multiplier": 4, "max_delay_seconds": 43200,
            "timeout_seconds": 15 })
    );
    assert_eq!(data["circuit_breaker"], json!({ "enabled": false, "failure_threshold": 10, "cooldown_seconds": 300 }));
    let read = app.root().get(&app.path(&format!("/webhooks/{}", made.id()))).expect(200).await;
    assert_eq!(read.header("etag"), made.header("etag"));
    assert_eq!(
        read.data()["auth"],
        json!({ "type": "bearer+signature", "bearer_token_hint": last(&token),
            "signature_algorithm": "hmac-sha256", "signature_secret_hint": last(&secret) })
    );
    assert!(!String::from_utf8_lossy(&read.bytes).contains(&secret[6..]));
    let events = app.events("event_types=webhook.created").await;
    assert_eq!(events[0]["subject"], json!({ "account_id": app.account, "webhook_id": made.id() }));
    assert_eq!(
        events[0]["data"],
        json!({ "name": "crm", "events": ["user.created", "user.deleted"], "auth_type": "bearer+signature" })
    );
    let listed = app.root().get(&app.path("/webhooks")).expect(200).await;
    let item = &listed.data()[0];
    assert_eq!(item["auth_type"], "bearer+signature");
    for name in ["status_at", "status_reason", "status_by"] {
        assert_eq!(item.get(name), Some(&Value::Null), "{name}");
    }
}

#[tokio::test]
async fn what_is_left_out_has_defaults() {
    let app = App::start(DRIVER).await;
    let made = create(
        &app,
        json!({
            "url": "https://hooks.example.com:8443/in?x=1", "auth_type": "none", "name": null, "description": null,
            "subjects": null, "retry": null, "circuit_breaker": null, "metadata": null, "status": null,
        }),
    )
    .await;
    assert_eq!(made["name"], "hooks.example.com");
    assert_eq!((&made["status"], &made["events"], &made["subjects"]), (&json!("active"), &json!([]), &json!([])));
    assert_eq!(made["auth"], json!({ "type": "none" }));
    assert_eq!(made["retry"]["max_attempts"], 10);
    assert!(made.get("bearer_token_plain").is_none());
    let paused = json!({ "url": "https://a.example/", "auth": { "type": "none" }, "status": "disabled" });
    assert_eq!(create(&app, paused).await["status"], "disabled");
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once() {
    let app = App::start(DRIVER).await;
    let refused = app.root().post(&app.path("/webhooks"), json!({})).expect(400).await;
    assert_eq!(refused.refusal().1, ["auth required", "url required"]);
    let body = json!({
        "name": "", "url": 7, "events": [], "auth": { "type": "basic", "signature_secret": "whsec_mine" },
        "subjects": [{ "org": "x" }], "retry": { "max_attempts": 16, "multiplier": 0 },
        "circuit_breaker": { "cooldown_seconds": 9 }, "status": "failing", "metadata": { "_x": 1 }, "typo": 1,
    });
    let refused = app.root().post(&app.path("/webhooks"), body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "auth.signature_secret unknown_field",
            "auth.type invalid_enum_value",
            "circuit_breaker.cooldown_seconds too_small",
            "events too_short",
            "metadata._x invalid_format",
            "name too_short",
            "retry.max_attempts too_big",
            "retry.multiplier too_small",
            "status invalid_enum_value",
            "subjects.0.org unknown_field",
            "typo unknown_field",
            "url invalid_type",
        ]
    );
    let body = json!({
        "url": "http://hooks.example.com/", "auth": { "type": "none" }, "subjects": [{}],
        "retry": { "initial_delay_seconds": 600, "max_delay_seconds": 60 },
    });
    let refused = app.root().post(&app.path("/webhooks"), body).expect(400).await;
    assert_eq!(refused.refusal().1, ["retry.max_delay_seconds too_small", "subjects.0 required", "url not_allowed"]);
    for name in ["api-key.verified", "user.*", "membership.added"] {
        let body = json!({ "url": "https://a.example/", "auth": { "type": "none" }, "events": ["user.created", name] });
        let refused = app.root().post(&app.path("/webhooks"), body).expect(400).await;
        assert_eq!(refused.refusal().1, ["events.1 invalid_enum_value"], "{name}");
    }
    assert_eq!(app.root().get(&app.path("/webhooks")).expect(200).await.data(), &json!([]));
}

#[tokio::test]
async fn a_url_must_lead_outside() {
    let app = App::start(DRIVER).await;
    let signed_in = json!({ "url": "https://user@hooks.example.com/", "auth": { "type": "none" } });
    let refused = app.root().post(&app.path("/webhooks"), signed_in).expect(400).await;
    assert_eq!(refused.refusal().1, ["url invalid_format"]);
    for url in [
        "https://hooks.example.com/#top",
        "https://hooks.example.com:22/",
        "https://localhost/",
        "https://db.internal/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
    ] {
        let body = json!({ "url": url, "auth": { "type": "none" } });
        let refused = app.root().post(&app.path("/webhooks"), body).expect(400).await;
        assert_eq!(refused.refusal().1, ["url not_allowed"], "{url}");
    }
    let dns = Dns::start().await;
    let open = App::start_reaching(DRIVER, &dns).await;
    let own = json!({ "url": format!("{}/v1/me", open.base), "auth": { "type": "none" } });
    let refused = open.root().post(&open.path("/webhooks"), own).expect(400).await;
    assert_eq!(refused.refusal().1, ["url not_allowed"], "also where private addresses are allowed");
}

#[tokio::test]
async fn a_patch_makes_secrets_anew_only_when_asked_or_needed() {
    let app = App::start(DRIVER).await;
    let made = create(&app, minimal("signature")).await;
    let path = app.path(&format!("/webhooks/{}", made["id"].as_str().unwrap()));
    let patch = async |body: Value| app.root().patch(&path, body).expect(200).await;
    let same = patch(json!({ "auth": { "type": "signature" } })).await;
    assert_eq!(same.data().get("signature_secret_plain"), None);
    assert_eq!(same.data()["auth"]["signature_secret_hint"], made["auth"]["signature_secret_hint"]);
    app.advance(Duration::from_secs(1));
    let new = patch(json!({ "auth": { "type": "signature", "regenerate": true } })).await;
    assert_ne!(new.text("signature_secret_plain"), made["signature_secret_plain"].as_str().unwrap());
    assert_eq!(new.data()["updated_at"], app.now());
    let both = patch(json!({ "auth_type": "bearer+signature" })).await;
    assert!(both.text("bearer_token_plain").starts_with("whb_"));
    assert_eq!(both.data().get("signature_secret_plain"), None, "what is there is kept");
    let none = patch(json!({ "auth": { "type": "none" } })).await;
    assert_eq!(none.data()["auth"], json!({ "type": "none" }));
    let changes: Vec<_> =
        app.events("event_types=webhook.updated").await.iter().map(|event| event["data"]["changes"].clone()).collect();
    assert_eq!(changes, vec![json!(["auth"]); 3]);
    let refused = app.root().patch(&path, json!({ "auth": { "bearer_token_plain": "x" } })).expect(400).await;
    assert_eq!(refused.refusal().1, ["auth.bearer_token_plain unknown_field"]);
}

#[tokio::test]
async fn a_patch_merges_clears_and_leaves_alone_what_it_does_not_change() {
    let app = App::start(DRIVER).await;
    let made = create(
        &app,
        json!({
            "name": "n", "url": "https://hooks.example.com/in", "auth": { "type": "none" }, "events": ["user.created"],
            "retry": { "max_attempts": 3, "multiplier": 2 },
        }),
    )
    .await;
    let path = app.path(&format!("/webhooks/{}", made["id"].as_str().unwrap()));
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    let fetched = app.root().get(&path).expect(200).await;
    let same = app.root().patch(&path, fetched.data().clone()).expect(200).await;
    assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    assert_eq!(app.event_types("").await.len(), events);
    let patch = json!({ "name": null, "events": null, "retry": null, "subjects": [{ "domain": "a" }] });
    let after = app.root().patch(&path, patch).header("if-match", fetched.header("etag")).expect(200).await;
    let data = after.data();
    assert_eq!((&data["name"], &data["events"]), (&json!("hooks.example.com"), &json!([])));
    assert_eq!((&data["retry"]["max_attempts"], &data["retry"]["multiplier"]), (&json!(10), &json!(4)));
    assert_eq!(data["subjects"], json!([{ "domain": "a" }]));
    let told = app.events("event_types=webhook.updated").await;
    assert_eq!(told[0]["data"], json!({ "changes": ["events", "name", "retry", "subjects"] }));
    app.root().patch(&path, json!({ "name": "x" })).header("if-match", fetched.header("etag")).expect(412).await;
    let refused = app.root().patch(&path, json!({ "url": null, "events": [] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["events too_short", "url invalid_type"]);
}

#[tokio::test]
async fn pausing_and_resuming_have_events_of_their_own() {
    let app = App::start(DRIVER).await;
    let made = create(&app, minimal("none")).await;
    let path = app.path(&format!("/webhooks/{}", made["id"].as_str().unwrap()));
    let paused = json!({ "status": "disabled", "status_reason": "Ann said so" });
    let after = app.root().patch(&path, paused).expect(200).await;
    assert_eq!((&after.data()["status"], &after.data()["status_by"]), (&json!("disabled"), &json!(app.key.0)));
    app.root().patch(&path, json!({ "status": "disabled" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    let refused = app.root().patch(&path, json!({ "status": "failing" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["status not_allowed"]);
    let events = app.events("event_types=webhook.paused,webhook.resumed,webhook.updated").await;
    let seen: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), &event["data"])).collect();
    let manual = json!({ "cause": "manual" });
    assert_eq!(seen, [("webhook.paused", &manual), ("webhook.resumed", &manual)]);
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_and_listed_for_thirty_days_by_its_status() {
    let app = App::start(DRIVER).await;
    let made = create(&app, minimal("bearer")).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let path = app.path(&format!("/webhooks/{id}"));
    app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    app.root().delete(&path).expect(204).await;
    app.root().get(&path).expect(404).await;
    app.root().delete(&path).expect(404).await;
    app.root().get(&format!("{path}/deliveries")).expect(404).await;
    assert_eq!(app.root().get(&app.path("/webhooks")).expect(200).await.data(), &json!([]));
    let deleted = async || {
        let listed = app.root().get(&app.path("/webhooks?status=deleted")).expect(200).await;
        listed.data().as_array().unwrap().iter().map(|item| (item["id"].clone(), item["status"].clone())).collect()
    };
    let seen: Vec<(Value, Value)> = deleted().await;
    assert_eq!(seen, [(json!(id), json!("deleted"))]);
    assert_eq!(app.event_types("event_types=webhook.deleted").await.len(), 1);
    app.advance(Duration::from_hours(30 * 24 + 1));
    authpi_core::worker::run_once(app.authpi.services()).await.unwrap();
    let seen: Vec<(Value, Value)> = deleted().await;
    assert_eq!(seen, []);
}

#[tokio::test]
async fn an_account_has_twenty_webhooks_however_many_ask_at_once() {
    let app = App::start(DRIVER).await;
    let racers = (0..30).map(|_| app.root().post(&app.path("/webhooks"), minimal("signature")).send());
    let replies = futures_util::future::join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (20, 10));
    let page = app.root().get(&app.path("/webhooks?limit=15&status=active")).expect(200).await;
    let next = page.body["next_cursor"].as_str().unwrap().to_owned();
    let rest = app.root().get(&app.path(&format!("/webhooks?limit=15&cursor={next}"))).expect(200).await;
    assert_eq!((rest.data().as_array().unwrap().len(), &rest.body["has_more"]), (5, &json!(false)));
}
