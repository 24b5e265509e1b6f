//! A session from its beginning on.

use std::time::Duration;

use serde_json::{Value, json};
use tests::sessions::{IDLE_TIMEOUT, TTL};

use super::Ground;

#[tokio::test]
async fn a_session_reads_back_whole_with_its_etag() {
    let ground = Ground::new().await;
    let (app, op) = (&ground.app, ground.op().await);
    let read = ground.get(&op).await;
    let issuer_id = ground.issuer.rsplit('/').next().unwrap();
    let now = app.now();
    let expected = json!({
        "id": op, "user_id": ground.user, "issuer_id": issuer_id, "type": "op", "status": "active",
        "status_at": null, "status_reason": null, "status_by": null,
        "authentication": {
            "method": "password", "amr": ["pwd"], "acr": "aal1", "mfa": false, "authenticated_at": 1_800_000_000_000_i64,
        },
        "op_session_id": null,
        "device": { "user_agent": null, "ip": null, "fingerprint": null, "name": "Firefox / Linux", "trusted": false },
        "location": { "ip": "192.0.2.7", "country": null, "region": null, "city": null },
        "origin": null, "ttl": TTL, "idle_timeout": IDLE_TIMEOUT, "last_activity_at": now,
        "access_token_issued_at": null, "refresh_token_issued_at": null, "refresh_count": 0,
        "compromised": false, "compromised_at": null, "compromised_reason": null,
        "revoked_reason": null, "revoked_at": null, "expires_at": now + i64::from(TTL) * 1000, "client": null,
        "metadata": {}, "created_at": now, "updated_at": now,
    });
    assert_eq!(read.data(), &expected);
    assert_eq!(read.header("etag"), format!("\"{now}\""));
    let tag = format!("\"{now}\"");
    app.root().get(&ground.one(&op)).header("if-none-match", &tag).expect(304).await;

    let rp = app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    let read = ground.get(&rp).await;
    let told = ["type", "status", "op_session_id", "client"].map(|name| read.data()[name].clone());
    let client = json!({ "id": ground.client, "name": "Shop" });
    assert_eq!(told, [json!("rp"), json!("inactive"), json!(op), client]);
    app.issue_tokens(&ground.issuer, &rp).await;
    let read = ground.get(&rp).await;
    assert_eq!((read.text("status").as_str(), &read.data()["access_token_issued_at"]), ("active", &json!(now)));

    let created = app.events("event_types=session.created").await;
    assert_eq!(created.len(), 2, "once each, when it comes into being");
    let data = |kind: &str| {
        json!({
            "session_type": kind, "method": "password", "amr": ["pwd"], "new_device": false,
            "expires_at": now + i64::from(TTL) * 1000,
        })
    };
    assert_eq!((&created[0]["data"], &created[1]["data"]), (&data("op"), &data("rp")));
    let subject = |session: &str| json!({ "account_id": app.account, "issuer_id": issuer_id, "user_id": ground.user, "session_id": session });
    assert_eq!(created[0]["subject"], subject(&op));
    let mut of_client = subject(&rp);
    of_client["client_id"] = json!(ground.client);
    assert_eq!(created[1]["subject"], of_client);
}

#[tokio::test]
async fn revoking_an_op_session_revokes_those_of_clients_with_it() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let (first, second) = (ground.rp(&op).await, ground.rp(&op).await);
    let other_op = ground.op().await;
    let other = ground.rp(&other_op).await;
    ground.act(&second, "revoke").await;
    assert_eq!(ground.told("session.terminated").await.len(), 1, "a client's session ends alone");
    assert_eq!(ground.status(&op).await, "active");

    ground.app.advance(Duration::from_secs(1));
    let body = json!({ "reason": "stolen laptop" });
    let revoked = ground.app.root().post(&format!("{}/revoke", ground.one(&op)), body).expect(200).await;
    let now = ground.app.now();
    let data = revoked.data();
    assert_eq!((&data["status"], &data["status_reason"]), (&json!("revoked"), &json!("stolen laptop")));
    assert_eq!((&data["revoked_reason"], &data["revoked_at"]), (&json!("stolen laptop"), &json!(now)));
    assert_eq!(data["status_by"], json!(ground.app.key.0));
    let child = ground.get(&first).await;
    assert_eq!((&child.data()["status"], &child.data()["revoked_at"]), (&json!("revoked"), &json!(now)));
    assert_eq!(ground.status(&other).await, "active");
    let told = ground.told("session.terminated").await;
    let expected = [
        (second, json!({ "cause": "revoked", "reason": null })),
        (op.clone(), json!({ "cause": "revoked", "reason": null })),
        (first, json!({ "cause": "parent", "reason": null })),
    ];
    assert_eq!(told, expected, "free text stays on the session");

    ground.app.advance(Duration::from_secs(1));
    let again = ground.act(&op, "revoke").await;
    assert_eq!(again.data(), data, "a session that has ended stays as it is");
    assert_eq!(ground.told("session.terminated").await.len(), 3);
}

#[tokio::test]
async fn suspending_an_op_session_freezes_those_of_clients_and_reactivating_restores_the_rest() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let [plain, frozen_before, ended_meanwhile] = [ground.rp(&op).await, ground.rp(&op).await, ground.rp(&op).await];
    ground.act(&frozen_before, "suspend").await;
    let body = json!({ "reason": "fraud_check" });
    let suspended = ground.app.root().post(&format!("{}/suspend", ground.one(&op)), body).expect(200).await;
    assert_eq!(suspended.text("status"), "suspended");
    for id in [&plain, &frozen_before, &ended_meanwhile] {
        assert_eq!(ground.status(id).await, "suspended");
    }
    let step = json!({ "from": "active", "to": "suspended" });
    let of_reason = |reason: Value| json!({ "changes": ["status"], "status": step, "reason": reason });
    let expected = [
        (frozen_before.clone(), of_reason(Value::Null)),
        (op.clone(), of_reason(json!("fraud_check"))),
        (plain.clone(), of_reason(json!("fraud_check"))),
        (ended_meanwhile.clone(), of_reason(json!("fraud_check"))),
    ];
    assert_eq!(ground.told("session.updated").await, expected);
    let version = ground.get(&op).await.header("etag").to_owned();
    assert_eq!(ground.act(&op, "suspend").await.header("etag"), version, "twice is once");
    let refused = ground.app.root().act(&format!("{}/reactivate", ground.one(&plain))).expect(409).await;
    assert_eq!(refused.refusal().0, "conflict", "its parent keeps it frozen");

    ground.act(&ended_meanwhile, "revoke").await;
    assert_eq!(ground.act(&op, "reactivate").await.text("status"), "active");
    let statuses = [&plain, &frozen_before, &ended_meanwhile].map(|id| ground.status(id));
    let statuses = futures_util::future::join_all(statuses).await;
    assert_eq!(statuses, ["active", "suspended", "revoked"]);
    assert_eq!(ground.act(&frozen_before, "reactivate").await.text("status"), "active");
    let back = ground.told("session.updated").await;
    let back: Vec<_> = back.iter().skip(4).map(|(id, data)| (id, &data["status"]["to"])).collect();
    assert_eq!(back, [(&op, &json!("active")), (&plain, &json!("active")), (&frozen_before, &json!("active"))]);
}

#[tokio::test]
async fn the_life_cycle_has_no_other_steps() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let unused = ground.app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    let refuse = async |id: &str, action: &str| {
        let refused = ground.app.root().act(&format!("{}/{action}", ground.one(id))).expect(409).await;
        assert_eq!(refused.refusal().0, "conflict");
    };
    refuse(&unused, "suspend").await;
    assert_eq!(ground.act(&op, "reactivate").await.text("status"), "active", "nothing to take back");
    assert_eq!(ground.act(&unused, "revoke").await.text("status"), "revoked");
    ground.act(&op, "revoke").await;
    for action in ["suspend", "reactivate"] {
        refuse(&op, action).await;
    }
    let late = ground.op().await;
    ground.act(&late, "suspend").await;
    ground.app.advance(Duration::from_secs(IDLE_TIMEOUT.into()));
    assert_eq!(ground.status(&late).await, "expired");
    refuse(&late, "reactivate").await;
    assert_eq!(
        ground.act(&late, "revoke").await.text("status"),
        "expired",
        "revoking one that is over changes nothing"
    );
    let unknown = ground.one("s_0000000000000000000000000");
    for action in ["suspend", "reactivate", "revoke"] {
        ground.app.root().act(&format!("{unknown}/{action}")).expect(404).await;
    }
    let bad = json!({ "reason": "x".repeat(1001), "why": 1 });
    let refused = ground.app.root().post(&format!("{}/revoke", ground.one(&op)), bad).expect(400).await;
    assert_eq!(refused.refusal().1, ["reason too_long", "why unknown_field"]);
}

#[tokio::test]
async fn metadata_is_written_in_any_status_and_nothing_else_is() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let read = ground.get(&op).await;
    let (root, path) = (ground.app.root(), ground.one(&op));
    let changed = root.patch(&path, json!({ "metadata": { "case": 7, "open": true } })).expect(200).await;
    assert_eq!(changed.data()["metadata"], json!({ "case": 7, "open": true }));
    assert_ne!(changed.header("etag"), read.header("etag"));
    ground.act(&op, "revoke").await;
    let body = json!({ "metadata": { "open": null } });
    let changed = root.patch(&path, body.clone()).expect(200).await;
    assert_eq!((changed.text("status").as_str(), &changed.data()["metadata"]), ("revoked", &json!({ "case": 7 })));
    let again = root.patch(&path, body).expect(200).await;
    assert_eq!(again.header("etag"), changed.header("etag"), "a change of nothing");
    let told = ground.told("session.updated").await;
    let expected = (op.clone(), json!({ "changes": ["metadata"] }));
    assert_eq!(told, [expected.clone(), expected]);
    let whole = changed.data().clone();
    root.patch(&path, whole).expect(200).await;
    let refused = root.patch(&path, json!({ "metadata": { "_a": 1 }, "ttls": 1 })).expect(400).await;
    assert_eq!(refused.refusal().1, ["metadata._a invalid_format", "ttls unknown_field"]);
    root.patch(&path, json!({})).header("if-match", read.header("etag")).expect(412).await;
}

#[tokio::test]
async fn a_list_shows_a_users_sessions_newest_first_and_ended_ones_for_thirty_days() {
    let ground = Ground::new().await;
    let op = ground.op().await;
    let rp = ground.rp(&op).await;
    let unused = ground.app.authorize(&ground.issuer, &ground.user, &op, &ground.client, None).await;
    let bob = ground.app.user(&ground.issuer, "bob@example.com").await;
    ground.app.log_in(&ground.issuer, &bob).await;
    let frozen = ground.op().await;
    ground.act(&frozen, "suspend").await;
    let ended = ground.op().await;
    ground.act(&ended, "revoke").await;
    let all = [&ended, &frozen, &unused, &rp, &op].map(Clone::clone);
    assert_eq!(ground.listed("").await, all);
    assert_eq!(ground.listed("status=active").await, [rp.clone(), op.clone()]);
    assert_eq!(ground.listed("status=inactive").await, [unused]);
    assert_eq!(ground.listed("status=suspended").await, [frozen]);
    assert_eq!(ground.listed("status=revoked").await, [ended.clone()]);
    ground.app.advance(Duration::from_secs(IDLE_TIMEOUT.into()));
    assert_eq!(ground.listed("status=expired").await.len(), 4, "before any sweep says so");
    let path = format!("{}/sessions?status=gone", ground.of_user());
    let refused = ground.app.root().get(&path).expect(400).await;
    assert_eq!(refused.refusal().1, ["status invalid_enum_value"]);
    let nobody = format!("{}/users/usr_0000000000000000000000000/sessions", ground.issuer);
    ground.app.root().get(&nobody).expect(404).await;

    ground.work().await;
    let day = Duration::from_hours(24);
    ground.app.advance(30 * day - Duration::from_secs(IDLE_TIMEOUT.into()));
    assert_eq!(ground.listed("status=revoked").await, [ended.clone()]);
    ground.app.advance(Duration::from_millis(1));
    assert_eq!(ground.listed("status=revoked").await, [""; 0]);
    ground.work().await;
    ground.app.root().get(&ground.one(&ended)).expect(404).await;
    assert_eq!(ground.listed("").await.len(), 4);
    ground.app.advance(day);
    ground.work().await;
    ground.app.root().get(&ground.one(&op)).expect(404).await;
}
