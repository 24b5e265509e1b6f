//! What ends sessions.

use std::time::Duration;

use authpi_core::error::Refusal;
use serde_json::{Value, json};
use tests::sessions::{IDLE_TIMEOUT, TTL};

use super::Ground;

#[tokio::test]
async fn time_ends_a_session_and_says_so_once() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let rp = ground.rp(&op).await;
    ground.app.advance(Duration::from_secs(u64::from(IDLE_TIMEOUT) - 1));
    ground.work().await;
    assert_eq!(ground.told("session.expired").await, []);
    ground.app.issue_tokens(&ground.issuer, &rp).await;
    ground.app.advance(Duration::from_secs(1));
    let read = ground.get(&op).await;
    let ended_at = ground.app.now();
    assert_eq!((read.text("status").as_str(), &read.data()["status_at"]), ("expired", &json!(ended_at)));
    assert_eq!(ground.status(&rp).await, "active", "it was used a second ago");
    ground.app.advance(Duration::from_secs(20));
    ground.work().await;
    let expected = (op.clone(), json!({ "cause": "idle_timeout" }));
    assert_eq!(ground.told("session.expired").await, [expected]);
    let read = ground.get(&op).await;
    assert_eq!((&read.data()["status_at"], &read.data()["revoked_at"]), (&json!(ended_at), &Value::Null));
    ground.work().await;
    assert_eq!(ground.told("session.expired").await.len(), 1);
    for _ in 0..TTL / (IDLE_TIMEOUT / 2) {
        if ground.status(&rp).await == "active" {
            ground.app.issue_tokens(&ground.issuer, &rp).await;
        }
        ground.app.advance(Duration::from_secs(u64::from(IDLE_TIMEOUT) / 2));
    }
    ground.work().await;
    let (last, data) = ground.told("session.expired").await.pop().unwrap();
    assert_eq!((last, data), (rp.clone(), json!({ "cause": "max_age" })), "no activity moves the absolute end");
    let refresh_count = ground.get(&rp).await.data()["refresh_count"].as_u64().unwrap();
    assert!(refresh_count > 10, "{refresh_count}");
}

#[tokio::test]
async fn the_fifty_first_session_of_a_type_expires_the_oldest() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let first = ground.rp(&op).await;
    for _ in 0..60 {
        ground.app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    }
    assert_eq!(ground.told("session.expired").await, [], "what has no token yet displaces nobody");
    for _ in 0..49 {
        ground.op().await;
    }
    for _ in 0..49 {
        ground.rp(&op).await;
    }
    assert_eq!(ground.told("session.expired").await, [], "fifty of each are fine");
    let waiting = ground.app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    ground.app.issue_tokens(&ground.issuer, &waiting).await;
    let limit = json!({ "cause": "session_limit" });
    assert_eq!(ground.told("session.expired").await, [(first.clone(), limit.clone())]);
    ground.op().await;
    assert_eq!(ground.told("session.expired").await, [(first, limit.clone()), (op.clone(), limit)]);
    assert_eq!(ground.status(&op).await, "expired");
}

#[tokio::test]
async fn sessions_follow_the_status_of_their_user() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let rp = ground.rp(&op).await;
    let frozen_before = ground.op().await;
    ground.act(&frozen_before, "suspend").await;
    ground.set_status("suspended").await;
    for id in [&op, &rp, &frozen_before] {
        assert_eq!(ground.status(id).await, "suspended");
    }
    let refused = ground.app.try_log_in(&ground.issuer, &ground.user).await;
    assert!(matches!(refused, Err(Refusal::Conflict { .. })), "{refused:?}");
    ground.app.root().act(&format!("{}/reactivate", ground.one(&op))).expect(409).await;
    ground.set_status("active").await;
    assert_eq!(ground.status(&op).await, "active");
    assert_eq!(ground.status(&rp).await, "active");
    assert_eq!(ground.status(&frozen_before).await, "suspended", "somebody else's freeze stays");

    ground.set_status("blocked").await;
    let told = ground.told("session.terminated").await;
    let data = json!({ "cause": "user_status", "reason": "abuse" });
    let expected = [&op, &rp, &frozen_before].map(|id| (id.clone(), data.clone()));
    assert_eq!(told, expected);
    ground.set_status("active").await;
    assert_eq!(ground.status(&op).await, "revoked", "what has ended does not come back");
    let late = ground.op().await;
    ground.set_status("disabled").await;
    assert_eq!(ground.status(&late).await, "revoked");
}

#[tokio::test]
async fn the_sessions_of_a_deleted_user_client_or_issuer_are_terminated_in_steps() {
    let ground = Ground::new().await;
    let (root, op) = (ground.app.root(), ground.op().await);
    let rp = ground.rp(&op).await;
    let unused = ground.app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    root.delete(&format!("{}/clients/{}", ground.issuer, ground.client)).expect(204).await;
    ground.work().await;
    let data = json!({ "cause": "revoked", "reason": "client_deleted" });
    assert_eq!(ground.told("session.terminated").await, [(rp, data.clone()), (unused, data)]);
    assert_eq!(ground.status(&op).await, "active");

    let token = json!({ "name": "t", "restrictions": {} });
    let token = root.post(&format!("{}/tokens", ground.of_user()), token).expect(201).await.id();
    root.delete(&ground.of_user()).expect(204).await;
    let deleted = &ground.app.events("event_types=user.deleted").await[0];
    let cascade = &deleted["data"]["cascade"];
    assert_eq!((&cascade["sessions"], &cascade["personal_tokens"]), (&json!(1), &json!(1)));
    ground.app.root().get(&format!("{}/sessions", ground.of_user())).expect(404).await;
    root.get(&ground.app.path(&format!("/tokens/{token}"))).expect(404).await;
    ground.work().await;
    let (last, data) = ground.told("session.terminated").await.pop().unwrap();
    assert_eq!((last, data), (op, json!({ "cause": "user_status", "reason": "user_deleted" })));

    let bob = ground.app.user(&ground.issuer, "bob@example.com").await;
    let last_op = ground.app.log_in(&ground.issuer, &bob).await;
    root.delete(&ground.issuer).expect(204).await;
    let deleted = &ground.app.events("event_types=issuer.deleted").await[0];
    assert_eq!(deleted["data"]["cascade"]["sessions"], 1);
    ground.work().await;
    let (last, data) = ground.told("session.terminated").await.pop().unwrap();
    assert_eq!((last, data), (last_op, json!({ "cause": "revoked", "reason": "issuer_deleted" })));
}

#[tokio::test]
async fn a_user_is_logged_out_everywhere_in_one_call() {
    let ground = Ground::new().await;
    let (root, op) = (ground.app.root(), ground.op().await);
    let (rp, second) = (ground.rp(&op).await, ground.op().await);
    let token = json!({ "name": "t", "restrictions": {} });
    let token = root.post(&format!("{}/tokens", ground.of_user()), token).expect(201).await.id();
    let path = format!("{}/sessions/revoke-all", ground.of_user());
    let agent = root.post(&format!("{}/agents", ground.issuer), json!({ "name": "Bot" })).expect(201).await.id();
    let given = json!({ "agent_id": agent, "scopes": ["a:read"] });
    root.post(&format!("{}/delegations", ground.of_user()), given).expect(201).await;
    ground.app.trust_device(&ground.issuer, &ground.user).await;
    let counts = |sessions: u32, others: u32| {
        json!({
            "sessions_revoked": sessions, "devices_revoked": others, "tokens_revoked": others,
            "delegations_revoked": others,
        })
    };
    let done = root.post(&path, json!({ "reason": "left_company" })).expect(200).await;
    assert_eq!(done.data(), &counts(3, 0));
    let data = json!({ "cause": "revoked", "reason": "left_company" });
    let expected = [&op, &rp, &second].map(|id| (id.clone(), data.clone()));
    assert_eq!(ground.told("session.terminated").await, expected);
    assert_eq!(ground.get(&rp).await.text("revoked_reason"), "left_company");

    ground.op().await;
    ground.set_status("suspended").await;
    let also = json!({ "also": ["trusted_devices", "personal_tokens", "delegations"] });
    let done = root.post(&path, also.clone()).expect(200).await;
    assert_eq!(done.data(), &counts(1, 1), "in any status");
    let token = root.get(&ground.app.path(&format!("/tokens/{token}"))).expect(200).await;
    assert_eq!(token.text("status"), "revoked");
    assert_eq!(root.post(&path, also).expect(200).await.data(), &counts(0, 0));
    assert_eq!(root.act(&path).expect(200).await.data(), &counts(0, 0), "a body is not needed");
    let refused = root.post(&path, json!({ "also": ["everything"], "reasons": 1 })).expect(400).await;
    assert_eq!(refused.refusal().1, ["also.0 invalid_enum_value", "reasons unknown_field"]);
}

#[tokio::test]
async fn what_ends_sessions_is_told_before_each_of_them() {
    let ground = Ground::new().await;
    let (root, verifiers) = (ground.app.root(), format!("{}/verifiers", ground.of_user()));
    let news = async |count: usize| {
        let mut all = ground.app.events(&format!("user_id={}", ground.user)).await;
        all.split_off(count).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let password = |text: &str| json!({ "type": "password", "password": text });
    root.post(&verifiers, password("k7!qZp2vv-Rw9xT4mN6bH8cJ")).expect(201).await;
    let op = ground.op().await;
    ground.rp(&op).await;
    ground.app.trust_device(&ground.issuer, &ground.user).await;
    root.post(&verifiers, json!({ "type": "temporary-password" })).expect(201).await;
    let before = news(0).await.len();
    root.post(&verifiers, password("3dK5-gurkensalat-0hW+iE=jU")).expect(201).await;
    let expected = [
        "user.password.changed",
        "user.verifier.deleted",
        "session.terminated",
        "session.terminated",
        "user.device.revoked",
    ];
    assert_eq!(news(before).await, expected);
    let events = ground.app.events("event_types=user.password.changed,session.terminated").await;
    assert_eq!(events[0]["data"]["sessions_terminated"], 2);
    assert!(events.is_sorted_by_key(|event| event["id"].as_str().unwrap().to_owned()), "{events:?}");

    ground.op().await;
    let before = news(0).await.len();
    ground.set_status("blocked").await;
    assert_eq!(news(before).await, ["user.blocked", "session.terminated"]);
    ground.set_status("active").await;

    for _ in 0..50 {
        ground.op().await;
    }
    let before = news(0).await.len();
    ground.op().await;
    assert_eq!(news(before).await, ["session.created", "session.expired"], "one too many");
}
