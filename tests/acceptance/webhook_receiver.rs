//! What the platform sends, a service takes that knows nothing but the verifier.

use std::sync::Arc;
use std::time::Duration;

use authpi_core::event::catalogue;
use authpi_core::transport::ManualClock;
use authpi_core::webhook::model::DeliveryStatus;
use authpi_verifier::{Clock, WebhookRefused, WebhookVerifier, kind};
use serde_json::json;
use tests::receiver::Received;
use tests::{App, Dns, Driver, Receiver};

/// The clock of the platform is that of the service.
struct SameClock(Arc<ManualClock>);

impl Clock for SameClock {
    fn now(&self) -> i64 {
        authpi_core::transport::Clock::now(&*self.0).as_millis() / 1_000
    }
}

/// An app with a webhook that leads to a receiver, and a delivery that can be sent again and again.
struct Sending {
    app: App,
    receiver: Receiver,
    webhook: String,
    delivery: String,
    secret: String,
    token: String,
    _dns: Dns,
}

impl Sending {
    async fn start() -> Self {
        let dns = Dns::start().await;
        let receiver = Receiver::start().await;
        let app = App::start_reaching(Driver::Axum, &dns).await;
        app.issuer().await;
        let body = json!({ "url": format!("{}/in", receiver.base), "auth": { "type": "bearer+signature" },
            "events": ["webhook.paused"] });
        let made = app.root().post(&app.path("/webhooks"), body).expect(201).await;
        let event = app.events("event_types=issuer.created").await[0]["id"].as_str().unwrap().to_owned();
        let delivery = app.deliver(&app.account, &made.id(), &event, DeliveryStatus::Failed).await;
        let plain = |name: &str| made.data()["auth"][name].as_str().unwrap().to_owned();
        let (secret, token) = (plain("signature_secret_plain"), plain("bearer_token_plain"));
        Self {
            webhook: app.path(&format!("/webhooks/{}", made.id())),
            app,
            receiver,
            delivery,
            secret,
            token,
            _dns: dns,
        }
    }

    fn verifier(&self) -> WebhookVerifier<authpi_verifier::RecentIds, SameClock> {
        WebhookVerifier::new(&self.secret).unwrap().with_clock(SameClock(Arc::clone(&self.app.clock)))
    }

    async fn send(&self) -> Received {
        self.app.root().act(&format!("{}/deliveries/{}/redeliver", self.webhook, self.delivery)).expect(200).await;
        self.receiver.received().remove(0)
    }
}

#[tokio::test]
async fn what_is_sent_is_verified_and_says_what_the_list_of_events_says() {
    let sending = Sending::start().await;
    let verifier = sending.verifier().with_token(&sending.token);
    let sent = sending.send().await;
    let delivery = verifier.verify(&sent.headers, &sent.body).await.unwrap();
    let listed = sending.app.events("event_types=issuer.created").await.remove(0);
    assert_eq!(serde_json::to_value(delivery.event()).unwrap()["id"], listed["id"]);
    let (event, text) = (delivery.event(), |value: &serde_json::Value| value.as_str().map(str::to_owned));
    assert_eq!(event.kind, kind::ISSUER_CREATED);
    assert_eq!((event.trace.clone(), event.trigger.clone()), (text(&listed["trace"]), text(&listed["trigger"])));
    assert_eq!(event.subject.issuer_id, text(&listed["subject"]["issuer_id"]));
    assert_eq!(event.subject.account_id, text(&listed["subject"]["account_id"]));
    assert_eq!(event.subject.others.len(), 0);
    let actor = event.auth.as_ref().unwrap();
    assert_eq!(
        (Some(actor.kind.clone()), &actor.key_id),
        (text(&listed["auth"]["type"]), &text(&listed["auth"]["key_id"]))
    );
    assert_eq!(actor.others.len(), 0, "{:?}", actor.others);
    assert_eq!((event.timestamp, &event.data), (listed["timestamp"].as_i64().unwrap(), &listed["data"]));
    assert_eq!(delivery.envelope().issuerid, event.subject.issuer_id);
    assert_eq!(delivery.envelope().subject, event.subject.issuer_id);
}

#[tokio::test]
async fn an_event_that_was_not_handled_is_let_in_again_and_one_that_was_is_not() {
    let sending = Sending::start().await;
    let verifier = sending.verifier();
    let first = sending.send().await;
    drop(verifier.verify(&first.headers, &first.body).await.unwrap());
    sending.app.advance(Duration::from_secs(301));
    let late = verifier.verify(&first.headers, &first.body).await.unwrap_err();
    assert!(matches!(late, WebhookRefused::Timestamp), "{late}");
    let second = sending.send().await;
    verifier.verify(&second.headers, &second.body).await.unwrap().handled().await.unwrap();
    let third = sending.send().await;
    let again = verifier.verify(&third.headers, &third.body).await.unwrap_err();
    assert_eq!((again.to_string().as_str(), again.status()), ("the event was handled before", 200));
}

#[tokio::test]
async fn a_secret_that_is_replaced_is_missed_by_neither_side() {
    let sending = Sending::start().await;
    let old = sending.verifier();
    let body = json!({ "auth": { "type": "bearer+signature", "regenerate": true } });
    let changed = sending.app.root().patch(&sending.webhook, body).expect(200).await;
    let new = changed.data()["auth"]["signature_secret_plain"].as_str().unwrap();
    let (both, sent) = (sending.verifier().or_secret(new).unwrap(), sending.send().await);
    for verifier in [&old, &both] {
        verifier.check(&sent.headers, &sent.body).unwrap();
    }
    sending.app.advance(Duration::from_hours(25));
    let sent = sending.send().await;
    assert!(matches!(old.check(&sent.headers, &sent.body), Err(WebhookRefused::Signature)));
    both.check(&sent.headers, &sent.body).unwrap();
}

#[test]
fn the_verifier_knows_the_types_that_webhooks_receive() {
    let deliverable = catalogue::ALL.iter().filter(|kind| kind.is_deliverable()).map(|kind| kind.as_str());
    assert_eq!(kind::ALL, deliverable.collect::<Vec<_>>());
}
