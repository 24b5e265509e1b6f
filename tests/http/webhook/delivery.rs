//! What is sent to them.

use std::time::Duration;

use authpi_core::webhook::model::{DeliveryStatus, signature};
use serde_json::{Value, json};
use tests::{App, Dns, Receiver};

use super::{DRIVER, create};

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
