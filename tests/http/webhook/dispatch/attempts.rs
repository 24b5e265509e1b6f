//! Attempts, from the first to the last.

use super::*;

#[tokio::test]
async fn an_event_reaches_each_webhook_that_wants_it_once() {
    let ground = Ground::start().await;
    ground.work().await;
    let all = ground.webhook("/all", json!({})).await;
    let typed = ground.webhook("/typed", json!({ "events": ["organization.created"] })).await;
    let elsewhere = json!({ "subjects": [{ "issuer_id": "i_0kfz3m8q1w5e9r2t6y4u7i3i1" }] });
    ground.webhook("/elsewhere", elsewhere).await;
    ground.organization("one").await;
    ground.work().await;
    ground.work().await;
    let mut received = ground.receiver.received();
    received.sort_by(|one, two| (&one.path, one.header("webhook-id")).cmp(&(&two.path, two.header("webhook-id"))));
    let seen: Vec<_> = received
        .iter()
        .map(|request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(request.header("webhook-id"), body["data"]["id"].as_str().unwrap());
            (request.path.clone(), body["type"].as_str().unwrap().to_owned())
        })
        .collect();
    let at = |path: &str, kind: &str| (path.to_owned(), kind.to_owned());
    let expected =
        [("/all", "webhook.created"), ("/all", "webhook.created"), ("/all", "webhook.created")].map(|(a, b)| at(a, b));
    assert_eq!(seen[..3], expected, "itself and those made later");
    assert_eq!(seen[3..], [at("/all", "organization.created"), at("/typed", "organization.created")]);
    let delivered = ground.deliveries(&typed, "status=delivered").await;
    assert_eq!(delivered.len(), 1);
    assert_eq!((&delivered[0]["attempt_count"], &delivered[0]["last_response_status"]), (&json!(1), &json!(204)));
    assert_eq!(delivered[0]["next_attempt_at"], Value::Null);
    assert_eq!(ground.deliveries(&all, "").await.len(), 4);
    let store = &ground.app.authpi.services().store;
    assert_eq!(store.reads().events().waiting_since(Consumer::Webhooks).await.unwrap(), None);
}

#[tokio::test]
async fn a_failed_delivery_comes_again_by_its_schedule_with_the_same_bytes() {
    let ground = Ground::start().await;
    let retry = json!({ "initial_delay_seconds": 60, "multiplier": 2, "max_attempts": 4 });
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"], "retry": retry })).await;
    ground.receiver.answer(500, &[], "no");
    ground.organization("one").await;
    ground.work().await;
    let first = ground.receiver.received();
    assert_eq!(first.len(), 1);
    let waits = &ground.deliveries(&webhook, "status=retrying").await[0];
    assert_eq!((&waits["attempt_count"], &waits["last_error"]), (&json!(1), &json!("http_500")));
    let delay = waits["next_attempt_at"].as_i64().unwrap() - ground.app.now();
    assert!((48_000..=72_000).contains(&delay), "60 s and a fifth more or less: {delay}");
    ground.app.advance(Duration::from_secs(47));
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 0, "not before its time");
    ground.app.advance(Duration::from_secs(26));
    ground.receiver.answer(503, &[("retry-after", "1000")], "");
    ground.work().await;
    let second = ground.receiver.received();
    assert_eq!((second[0].header("x-webhook-attempt"), &second[0].body), ("2", &first[0].body));
    assert_eq!(second[0].header("webhook-id"), first[0].header("webhook-id"));
    let waits = &ground.deliveries(&webhook, "status=retrying").await[0];
    assert_eq!(waits["next_attempt_at"].as_i64().unwrap() - ground.app.now(), 1_000_000, "as the receiver asks");
    ground.app.advance(Duration::from_secs(1_000));
    ground.receiver.answer(204, &[], "");
    ground.work().await;
    assert_eq!(ground.receiver.received()[0].body, first[0].body);
    let done = &ground.deliveries(&webhook, "").await[0];
    assert_eq!((&done["status"], &done["attempt_count"]), (&json!("delivered"), &json!(3)));
    assert_eq!((&done["last_error"], &done["retry_workflow_id"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_delivery_whose_budget_is_used_up_has_failed_and_can_be_queued_anew() {
    let ground = Ground::start().await;
    let retry = json!({ "initial_delay_seconds": 1, "max_attempts": 2 });
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"], "retry": retry })).await;
    ground.receiver.answer(404, &[], "");
    ground.organization("one").await;
    ground.work().await;
    ground.app.advance(Duration::from_secs(2));
    ground.work().await;
    let before = ground.receiver.received();
    assert_eq!(before.len(), 2);
    let failed = &ground.deliveries(&webhook, "status=failed").await[0];
    assert_eq!((&failed["attempt_count"], &failed["next_attempt_at"]), (&json!(2), &Value::Null));
    ground.app.advance(Duration::from_hours(24));
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 0);
    let again = ground.app.path(&format!("/webhooks/{}/redeliver", webhook["id"].as_str().unwrap()));
    assert_eq!(ground.app.root().act(&again).expect(202).await.data()["queued"], 1);
    ground.work().await;
    ground.app.advance(Duration::from_secs(2));
    ground.receiver.answer(200, &[], "");
    ground.work().await;
    let after = ground.receiver.received();
    assert_eq!(after.len(), 2, "one more failure, then a success");
    assert!(after.iter().chain(&before).all(|request| request.body == before[0].body), "the same bytes");
    assert_eq!(ground.deliveries(&webhook, "status=delivered").await.len(), 1);
}

#[tokio::test]
async fn what_was_queued_anew_keeps_the_bytes_of_its_first_attempt() {
    let ground = Ground::start().await;
    let retry = json!({ "initial_delay_seconds": 1, "max_attempts": 1 });
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"], "retry": retry })).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    ground.patch(&webhook, json!({ "retry": { "max_attempts": 3 } })).await;
    let again = ground.app.path(&format!("/webhooks/{}/redeliver", webhook["id"].as_str().unwrap()));
    assert_eq!(ground.app.root().act(&again).expect(202).await.data()["queued"], 1);
    ground.work().await;
    // What the body was made of is gone: only what was kept can be sent.
    ground.app.advance(Duration::from_secs(2));
    let services = ground.app.authpi.services();
    let mut unit = services.store.begin(services.now()).await.unwrap();
    while unit.events().purge(services.now(), services.now(), 100).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    ground.receiver.answer(204, &[], "");
    ground.work().await;
    let received = ground.receiver.received();
    assert_eq!(received.len(), 3, "the first one, and two since it was queued anew");
    assert!(received.iter().all(|request| request.body == received[0].body));
    assert_eq!(ground.deliveries(&webhook, "status=delivered").await.len(), 1);
}

#[tokio::test]
async fn what_waits_for_a_disabled_webhook_goes_on_when_it_is_activated() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"] })).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("before").await;
    ground.work().await;
    ground.patch(&webhook, json!({ "status": "disabled" })).await;
    ground.receiver.answer(204, &[], "");
    ground.receiver.received();
    ground.organization("meanwhile").await;
    ground.app.advance(Duration::from_hours(1));
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 0);
    ground.patch(&webhook, json!({ "status": "active" })).await;
    ground.organization("after").await;
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 2, "what happened while it was disabled is not for it");
    assert_eq!(ground.deliveries(&webhook, "status=delivered").await.len(), 2);
}

#[tokio::test]
async fn what_happened_while_it_was_disabled_is_not_for_a_webhook_that_was_activated_before_anybody_looked() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created", "webhook.resumed"] })).await;
    let minute = || ground.app.advance(Duration::from_mins(1));
    ground.organization("before").await;
    minute();
    ground.patch(&webhook, json!({ "status": "disabled" })).await;
    ground.organization("at once").await;
    minute();
    ground.organization("meanwhile").await;
    minute();
    ground.patch(&webhook, json!({ "status": "active" })).await;
    ground.organization("after").await;
    ground.work().await;
    assert_eq!(ground.received("/in"), ["organization.created", "webhook.resumed", "organization.created"]);
}

#[tokio::test]
async fn an_activated_webhook_gets_what_waits_for_a_retry_at_once() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"] })).await;
    ground.receiver.answer(500, &[], "");
    for name in ["one", "two"] {
        ground.organization(name).await;
    }
    ground.work().await;
    ground.receiver.received();
    ground.patch(&webhook, json!({ "status": "disabled" })).await;
    ground.patch(&webhook, json!({ "status": "active" })).await;
    ground.receiver.answer(204, &[], "");
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 2);
}

#[tokio::test]
async fn what_nobody_could_deliver_for_a_week_is_given_up() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"] })).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    ground.patch(&webhook, json!({ "status": "disabled" })).await;
    ground.receiver.received();
    ground.app.advance(Duration::from_hours(7 * 24) + Duration::from_secs(1));
    ground.work().await;
    let expired = &ground.deliveries(&webhook, "status=failed").await[0];
    assert_eq!((&expired["last_error"], &expired["attempt_count"]), (&json!("expired"), &json!(1)));
    assert_eq!(ground.receiver.received().len(), 0);
}

#[tokio::test]
async fn a_webhook_is_not_told_of_its_own_pause_while_it_is_paused() {
    let ground = Ground::start().await;
    let more =
        json!({ "events": ["organization.created", "webhook.paused"], "circuit_breaker": { "failure_threshold": 1 } });
    let webhook = ground.webhook("/in", more).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    assert_eq!(ground.status(&webhook).await.0, "failing");
    let kinds: Vec<_> = ground.deliveries(&webhook, "").await.iter().map(|one| one["event_type"].clone()).collect();
    assert_eq!(kinds, ["organization.created"]);
}

#[tokio::test]
async fn attempts_see_the_address_and_the_secrets_of_their_time() {
    let ground = Ground::start().await;
    let more = json!({ "auth": { "type": "bearer" }, "events": ["organization.created"] });
    let webhook = ground.webhook("/old", more).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    let old = ground.receiver.received().remove(0);
    let url = format!("{}/new", ground.receiver.base);
    ground.patch(&webhook, json!({ "url": url, "auth": { "type": "bearer", "regenerate": true } })).await;
    ground.receiver.answer(204, &[], "");
    ground.app.advance(Duration::from_mins(1));
    ground.work().await;
    let new = ground.receiver.received().remove(0);
    assert_eq!((new.path.as_str(), &new.body), ("/new", &old.body));
    assert_ne!(new.header("authorization"), old.header("authorization"));
    assert!(new.header("authorization").starts_with("Bearer whb_"));
}

#[tokio::test]
async fn a_lease_that_was_lost_is_taken_up_again_and_five_count_as_an_attempt() {
    let ground = Ground::start().await;
    let webhook = ground.webhook("/in", json!({ "events": ["organization.created"] })).await;
    ground.patch(&webhook, json!({ "status": "disabled" })).await;
    ground.patch(&webhook, json!({ "status": "active" })).await;
    ground.receiver.answer(500, &[], "");
    ground.organization("one").await;
    ground.work().await;
    ground.receiver.received();
    ground.receiver.answer(204, &[], "");
    ground.app.advance(Duration::from_mins(1));
    let services = ground.app.authpi.services();
    let account = ground.app.account.parse().unwrap();
    // Processes that die with a delivery in their hands.
    for lost in 0..5 {
        let now = services.now();
        let mut unit = services.store.begin(now).await.unwrap();
        let found = unit.reads().webhooks().of_accounts(&[account]).await.unwrap().webhooks.remove(0);
        let due = unit.deliveries().due(&[(&found, 10)]).await.unwrap().remove(0).deliveries;
        assert_eq!((due.len(), due[0].lost_leases), (1, u32::from(lost > 0) * (lost - u32::from(lost > 0))));
        let leased = due[0].clone().leased(Duration::from_secs(15), now);
        assert_eq!(unit.deliveries().write(&[(leased, due[0].updated_at)]).await.unwrap(), 0);
        unit.commit().await.unwrap();
        ground.work().await;
        assert_eq!(ground.receiver.received().len(), 0, "it is in somebody's hands");
        ground.app.advance(Duration::from_secs(46));
    }
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 0, "nobody knows whether it was sent");
    let lost = &ground.deliveries(&webhook, "status=retrying").await[0];
    assert_eq!((&lost["last_error"], &lost["attempt_count"]), (&json!("lease_expired"), &json!(2)));
    ground.app.advance(Duration::from_hours(1));
    ground.work().await;
    assert_eq!(ground.receiver.received().len(), 1);
}
