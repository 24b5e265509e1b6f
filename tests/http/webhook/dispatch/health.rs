//! Receivers that fail, and those that are gone.

use super::*;

/// A webhook whose circuit has opened at the first attempt.
async fn failing(ground: &Ground) -> Value {
    let more = json!({ "events": ["organization.created"], "circuit_breaker": { "failure_threshold": 1 } });
    let webhook = ground.webhook("/in", more).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    assert_eq!((ground.status(&webhook).await.0.as_str(), ground.received("/in").len()), ("failing", 1));
    webhook
}

#[tokio::test]
async fn a_circuit_opens_pauses_probes_and_closes() {
    let ground = Ground::start().await;
    let breaker = json!({ "failure_threshold": 3, "cooldown_seconds": 60 });
    let retry = json!({ "initial_delay_seconds": 1, "multiplier": 1 });
    let more = json!({ "events": ["organization.created"], "circuit_breaker": breaker, "retry": retry });
    let webhook = ground.webhook("/in", more).await;
    let watcher = ground.webhook("/watch", json!({ "events": ["webhook.paused", "webhook.resumed"] })).await;
    ground.receiver.answer(500, &[], "");
    for name in ["one", "two", "three"] {
        ground.organization(name).await;
    }
    // The watcher fails once, too: its turn comes again when the receiver is well.
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 3);
    assert_eq!(ground.status(&webhook).await, ("failing".to_owned(), Some("circuit_open".to_owned())));
    assert_eq!(ground.told("webhook.paused").await, [json!({ "cause": "circuit_open" })]);
    let probe_at = ground.app.now() + 60_000;
    for delivery in ground.deliveries(&webhook, "").await {
        assert_eq!(delivery["next_attempt_at"], probe_at, "at the end of the cooldown");
    }
    ground.app.advance(Duration::from_secs(59));
    ground.organization("four").await;
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 0, "nothing is attempted while it is open");
    ground.app.advance(Duration::from_secs(1));
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 1, "one probe");
    ground.app.advance(Duration::from_secs(119));
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 0, "the cooldown has doubled");
    assert_eq!(ground.told("webhook.paused").await.len(), 1, "told once");
    ground.receiver.answer(204, &[], "");
    ground.app.advance(Duration::from_secs(1));
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 4, "a probe, and then all that waited");
    assert_eq!(ground.status(&webhook).await, ("active".to_owned(), Some("circuit_closed".to_owned())));
    assert_eq!(ground.told("webhook.resumed").await, [json!({ "cause": "circuit_closed" })]);
    assert_eq!(ground.deliveries(&webhook, "status=delivered").await.len(), 4);
    ground.app.advance(Duration::from_mins(10));
    ground.work().await;
    let watched = ground.deliveries(&watcher, "status=delivered").await;
    assert_eq!(watched.len(), 2);
}

#[tokio::test]
async fn a_receiver_that_fails_for_five_days_is_given_up() {
    let ground = Ground::start().await;
    let webhook = failing(&ground).await;
    ground.app.advance(Duration::from_hours(5 * 24 - 1));
    ground.work().await;
    assert_eq!(ground.status(&webhook).await.0, "failing");
    ground.app.advance(Duration::from_hours(2));
    ground.organization("two").await;
    ground.work().await;
    assert_eq!(ground.status(&webhook).await, ("disabled".to_owned(), Some("exhausted".to_owned())));
    assert_eq!(
        ground.told("webhook.paused").await,
        [json!({ "cause": "circuit_open" }), json!({ "cause": "exhausted" })]
    );
    ground.receiver.received();
    ground.app.advance(Duration::from_hours(24 * 3));
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 0);
    assert!(
        ground.deliveries(&webhook, "status=failed").await.iter().all(|delivery| delivery["last_error"] == "expired")
    );
}

#[tokio::test]
async fn a_receiver_that_nothing_is_left_for_is_given_up_after_five_days_too() {
    let ground = Ground::start().await;
    let more = json!({ "events": ["organization.created"], "circuit_breaker": { "failure_threshold": 1 },
        "retry": { "max_attempts": 1 } });
    let webhook = ground.webhook("/in", more).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    assert_eq!(ground.deliveries(&webhook, "status=failed").await.len(), 1, "no attempt is left");
    for _ in 0..2 {
        ground.app.advance(Duration::from_hours(5 * 12) - Duration::from_secs(1));
        ground.work().await;
        assert_eq!(ground.status(&webhook).await.0, "failing");
    }
    ground.app.advance(Duration::from_secs(2));
    ground.work().await;
    assert_eq!(ground.status(&webhook).await, ("disabled".to_owned(), Some("exhausted".to_owned())));
    let causes = [json!({ "cause": "circuit_open" }), json!({ "cause": "exhausted" })];
    assert_eq!(ground.told("webhook.paused").await, causes);
    assert_eq!(ground.received("/in").len(), 1);
}

#[tokio::test]
async fn a_breaker_that_is_turned_off_closes_its_circuit() {
    let ground = Ground::start().await;
    let webhook = failing(&ground).await;
    ground.receiver.answer(204, &[], "");
    ground.patch(&webhook, json!({ "circuit_breaker": { "enabled": false } })).await;
    assert_eq!(ground.status(&webhook).await.0, "active");
    assert_eq!(ground.told("webhook.resumed").await, [json!({ "cause": "manual" })]);
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 1, "what waited for the cooldown is due");
}

#[tokio::test]
async fn a_webhook_that_was_disabled_stays_that_whatever_else_is_changed() {
    let ground = Ground::start().await;
    let webhook = failing(&ground).await;
    ground.patch(&webhook, json!({ "status": "disabled", "circuit_breaker": { "enabled": false } })).await;
    ground.patch(&webhook, json!({ "description": "renamed" })).await;
    ground.patch(&webhook, json!({ "circuit_breaker": { "enabled": false } })).await;
    assert_eq!(ground.status(&webhook).await.0, "disabled");
    assert!(ground.told("webhook.resumed").await.is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"] })).await;
    ground.receiver.answer(410, &[], "");
    ground.organization("one").await;
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 1);
    assert_eq!(ground.status(&webhook).await, ("disabled".to_owned(), Some("gone".to_owned())));
    assert_eq!(ground.deliveries(&webhook, "status=failed").await[0]["last_error"], "http_410");
    assert_eq!(ground.told("webhook.paused").await, [json!({ "cause": "gone" })]);
    ground.organization("two").await;
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 0);
    assert_eq!(ground.deliveries(&webhook, "").await.len(), 1, "nothing is queued for it any more");
}
