//! /v1/accounts/{account_id}/webhooks

use std::time::Duration;

use authpi_core::webhook::model::{DeliveryStatus, signature};
use serde_json::{Value, json};
use tests::{App, Dns, Receiver};

use super::DRIVER;

async fn create(app: &App, body: Value) -> Value {
    app.root().post(&app.path("/webhooks"), body).expect(201).await.data().clone()
}

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

/// An app with a webhook that leads to a receiver, and a delivery to it.
struct Sending {
    app: App,
    receiver: Receiver,
    webhook: Value,
    path: String,
    delivery: String,
    _dns: Dns,
}

impl Sending {
    async fn start(status: DeliveryStatus) -> Self {
        let dns = Dns::start().await;
        let receiver = Receiver::start().await;
        let app = App::start_reaching(DRIVER, &dns).await;
        app.issuer().await;
        let body = json!({ "url": format!("{}/in", receiver.base), "auth": { "type": "bearer+signature" } });
        let webhook = create(&app, body).await;
        let path = app.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
        let mut sending = Self { app, receiver, webhook, path, delivery: String::new(), _dns: dns };
        sending.delivery = sending.deliver("issuer.created", status).await;
        sending
    }

    async fn deliver(&self, kind: &str, status: DeliveryStatus) -> String {
        let events = self.app.events(&format!("event_types={kind}")).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (webhook, event) = (text(&self.webhook["id"]), text(&events[0]["id"]));
        self.app.deliver(&self.app.account, &webhook, &event, status).await
    }

    fn redeliver(&self) -> tests::caller::Call {
        self.app.root().act(&format!("{}/deliveries/{}/redeliver", self.path, self.delivery))
    }
}

#[tokio::test]
async fn an_attempt_that_is_asked_for_is_a_signed_cloud_event() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    let app = &sending.app;
    let done = sending.redeliver().expect(200).await;
    let data = done.data();
    assert_eq!((&data["success"], &data["status"]), (&json!(true), &json!("delivered")));
    assert_eq!((&data["attempt_count"], &data["last_response_status"]), (&json!(1), &json!(204)));
    assert_eq!((&data["last_error"], &data["next_attempt_at"]), (&Value::Null, &Value::Null));
    let read = app.root().get(&format!("{}/deliveries/{}", sending.path, sending.delivery)).expect(200).await;
    let mut shown = data.clone();
    shown.as_object_mut().unwrap().remove("success");
    assert_eq!(read.data(), &shown);
    let received = sending.receiver.received();
    let [request] = received.as_slice() else { panic!("{} requests", received.len()) };
    let event = app.events("event_types=issuer.created").await.remove(0);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["data"], event);
    assert_eq!((&body["type"], &body["id"]), (&json!("issuer.created"), &event["id"]));
    assert_eq!(body["source"], format!("com.authpi.webhooks/v1/{}", sending.webhook["id"].as_str().unwrap()));
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in"));
    let (id, seconds) = (event["id"].as_str().unwrap(), app.now() / 1000);
    assert_eq!(request.header("webhook-id"), id);
    assert_eq!(request.header("webhook-timestamp"), seconds.to_string());
    assert_eq!(request.header("x-webhook-attempt"), "1");
    assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    let plain = |name: &str| sending.webhook[name].as_str().unwrap();
    assert_eq!(request.header("authorization"), format!("Bearer {}", plain("bearer_token_plain")));
    let signed = signature(plain("signature_secret_plain"), id, seconds, &request.body).unwrap();
    assert_eq!(request.header("webhook-signature"), signed);
    assert_eq!(request.header("x-webhook-signature"), signed);
    sending.redeliver().expect(200).await;
    let again = sending.receiver.received().remove(0);
    assert_eq!(again.body, request.body, "the same bytes");
    assert_eq!(again.header("x-webhook-attempt"), "2");
}

#[tokio::test]
async fn a_regenerated_secret_signs_beside_the_old_one_for_a_day() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    let body = json!({ "auth": { "type": "bearer+signature", "regenerate": true } });
    let new = sending.app.root().patch(&sending.path, body).expect(200).await;
    let count = async || {
        sending.redeliver().expect(200).await;
        let request = sending.receiver.received().remove(0);
        let bearer = request.header("authorization").to_owned();
        (request.header("webhook-signature").split(' ').count(), bearer)
    };
    let bearer = format!("Bearer {}", new.text("bearer_token_plain"));
    assert_eq!(count().await, (2, bearer.clone()));
    sending.app.advance(Duration::from_hours(24));
    assert_eq!(count().await, (1, bearer));
}

#[tokio::test]
async fn a_failed_attempt_is_told_by_its_class() {
    let sending = Sending::start(DeliveryStatus::Pending).await;
    sending.receiver.answer(302, &[("location", "http://127.0.0.1:9/")], "");
    let moved = sending.redeliver().expect(200).await;
    assert_eq!((&moved.data()["success"], &moved.data()["status"]), (&json!(false), &json!("failed")));
    assert_eq!((&moved.data()["last_error"], &moved.data()["last_response_status"]), (&json!("http_302"), &json!(302)));
    let nowhere = json!({ "url": "http://127.0.0.1:9/" });
    sending.app.root().patch(&sending.path, nowhere).expect(200).await;
    let refused = sending.redeliver().expect(200).await;
    assert_eq!(
        (&refused.data()["last_error"], &refused.data()["last_response_status"]),
        (&json!("connect"), &Value::Null)
    );
    let unknown = json!({ "url": "https://nowhere.example/" });
    sending.app.root().patch(&sending.path, unknown).expect(200).await;
    assert_eq!(sending.redeliver().expect(200).await.data()["last_error"], "dns");
    assert_eq!(sending.receiver.received().len(), 1);
    let listed = sending.app.root().get(&format!("{}/deliveries?status=failed", sending.path)).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_webhook() {
    let sending = Sending::start(DeliveryStatus::Retrying).await;
    sending.receiver.answer(410, &[], "");
    let gone = sending.redeliver().expect(200).await;
    assert_eq!(gone.data()["status"], "failed");
    let webhook = sending.app.root().get(&sending.path).expect(200).await;
    assert_eq!((&webhook.data()["status"], &webhook.data()["status_reason"]), (&json!("disabled"), &json!("gone")));
    let events = sending.app.events("event_types=webhook.paused").await;
    assert_eq!(events[0]["data"], json!({ "cause": "gone" }));
    assert_eq!(sending.redeliver().expect(409).await.refusal().0, "conflict");
}

#[tokio::test]
async fn a_replay_and_a_refusal_send_nothing() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    let first = sending.redeliver().header("idempotency-key", "once").expect(200).await;
    let replay = sending.redeliver().header("idempotency-key", "once").expect(200).await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!(replay.data(), first.data());
    assert_eq!(sending.receiver.received().len(), 1);
    sending.redeliver().header("if-match", "\"1\"").expect(412).await;
    let missing = format!("{}/deliveries/dlv_0000000000000000000000000/redeliver", sending.path);
    sending.app.root().act(&missing).expect(404).await;
    sending.app.root().patch(&sending.path, json!({ "status": "disabled" })).expect(200).await;
    sending.redeliver().expect(409).await;
    assert_eq!(sending.receiver.received().len(), 0);
}

#[tokio::test]
async fn of_parallel_attempts_at_one_delivery_one_is_made_at_a_time() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    let replies = futures_util::future::join_all((0..8).map(|_| sending.redeliver().send())).await;
    let made = replies.iter().filter(|reply| reply.status.as_u16() == 200).count();
    let refused = replies.iter().filter(|reply| reply.status.as_u16() == 409).count();
    assert_eq!(made + refused, 8, "{}", replies[0]);
    assert_eq!(sending.receiver.received().len(), made);
    let read = sending.app.root().get(&format!("{}/deliveries/{}", sending.path, sending.delivery)).expect(200).await;
    assert_eq!(read.data()["attempt_count"], made);
}

#[tokio::test]
async fn an_event_that_is_no_longer_kept_cannot_be_redelivered() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    sending.app.advance(Duration::from_hours(91 * 24));
    let mut unit = sending.app.authpi.services().store.begin(sending.app.authpi.services().now()).await.unwrap();
    let now = sending.app.authpi.services().now();
    while unit.events().purge(now, now, 100).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    let gone = sending.redeliver().expect(410).await;
    assert_eq!(gone.refusal().0, "gone");
    let skipped = sending.app.root().act(&format!("{}/redeliver", sending.path)).expect(202).await;
    assert_eq!(skipped.body, json!({ "data": { "queued": 0, "skipped": 1 } }));
}

#[tokio::test]
async fn failed_deliveries_are_queued_anew_with_a_new_budget() {
    let sending = Sending::start(DeliveryStatus::Failed).await;
    sending.app.advance(Duration::from_secs(1));
    let delivered = sending.deliver("webhook.created", DeliveryStatus::Delivered).await;
    let all = format!("{}/redeliver", sending.path);
    let none = json!({ "event_types": ["user.created"], "limit": 10 });
    let answer = sending.app.root().post(&all, none).expect(202).await;
    assert_eq!(answer.body, json!({ "data": { "queued": 0, "skipped": 0 } }));
    let refused = json!({ "limit": 1001, "event_types": ["api-key.verified"], "typo": 1 });
    let refused = sending.app.root().post(&all, refused).expect(400).await;
    assert_eq!(refused.refusal().1, ["event_types.0 invalid_enum_value", "limit too_big", "typo unknown_field"]);
    let answer = sending.app.root().act(&all).expect(202).await;
    assert_eq!(answer.body, json!({ "data": { "queued": 1, "skipped": 0 } }));
    let list = |query: &str| sending.app.root().get(&format!("{}/deliveries?{query}", sending.path));
    let pending = list("status=pending").expect(200).await;
    assert_eq!(pending.data()[0]["id"], sending.delivery);
    assert_eq!(pending.data()[0]["retry_workflow_id"], sending.delivery);
    let all = list("limit=1").expect(200).await;
    assert_eq!((&all.data()[0]["id"], &all.body["has_more"]), (&json!(delivered), &json!(true)));
    let next = all.body["next_cursor"].as_str().unwrap().to_owned();
    let rest = list(&format!("limit=1&cursor={next}")).expect(200).await;
    assert_eq!((&rest.data()[0]["id"], &rest.body["has_more"]), (&json!(sending.delivery), &json!(false)));
    let since = sending.app.now() - 1;
    let late = list(&format!("after={since}.0&event_type=issuer.created")).expect(200).await;
    assert_eq!(late.data().as_array().unwrap().len(), 1);
    assert_eq!(list("status=lost&event_type=x").expect(400).await.refusal().1.len(), 2);
}

#[tokio::test]
async fn what_waits_is_cancelled_when_its_webhook_is_deleted() {
    let sending = Sending::start(DeliveryStatus::Pending).await;
    let services = sending.app.authpi.services();
    let (account, webhook, delivery) = (
        sending.app.account.parse().unwrap(),
        sending.webhook["id"].as_str().unwrap().parse().unwrap(),
        sending.delivery.parse().unwrap(),
    );
    sending.app.root().delete(&sending.path).expect(204).await;
    authpi_core::worker::run_once(services).await.unwrap();
    let left = services.store.reads().webhooks().delivery(account, webhook, delivery).await.unwrap().unwrap();
    assert_eq!(left.status, DeliveryStatus::Cancelled);
}
