//! /v1/accounts/{account_id}/issuers/{issuer_id}/sessions, and those of a user

use std::time::Duration;

use authpi_core::error::Refusal;
use authpi_core::worker;
use serde_json::{Value, json};
use tests::sessions::{IDLE_TIMEOUT, TTL};
use tests::{App, Reply};

use super::DRIVER;

/// An issuer with a user and a client.
struct Ground {
    app: App,
    issuer: String,
    user: String,
    client: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        let client = json!({ "name": "Shop", "settings": {}, "confidential": true });
        let client = app.root().post(&format!("{issuer}/clients"), client).expect(201).await.id();
        Self { app, issuer, user, client }
    }

    async fn op(&self) -> String {
        self.app.log_in(&self.issuer, &self.user).await
    }

    /// A session of the client, in use.
    async fn rp(&self, op: &str) -> String {
        let id = self.app.authorize(&self.issuer, &self.user, op, &self.client, None).await;
        self.app.issue_tokens(&self.issuer, &id).await;
        id
    }

    fn one(&self, id: &str) -> String {
        format!("{}/sessions/{id}", self.issuer)
    }

    fn of_user(&self) -> String {
        format!("{}/users/{}", self.issuer, self.user)
    }

    async fn get(&self, id: &str) -> Reply {
        self.app.root().get(&self.one(id)).expect(200).await
    }

    async fn status(&self, id: &str) -> String {
        self.get(id).await.text("status")
    }

    async fn act(&self, id: &str, action: &str) -> Reply {
        self.app.root().act(&format!("{}/{action}", self.one(id))).expect(200).await
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let list = self.app.root().get(&format!("{}/sessions?{query}", self.of_user())).expect(200).await;
        assert_eq!((&list.body["has_more"], &list.body["next_cursor"]), (&json!(false), &Value::Null));
        list.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn set_status(&self, status: &str) {
        let patch = json!({ "status": status, "status_reason": "abuse" });
        self.app.root().patch(&self.of_user(), patch).expect(200).await;
    }

    /// Session and data of the events of a type.
    async fn told(&self, kind: &str) -> Vec<(String, Value)> {
        let events = self.app.events(&format!("event_types={kind}")).await;
        let told = |event: &Value| (event["subject"]["session_id"].as_str().unwrap().to_owned(), event["data"].clone());
        events.iter().map(told).collect()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }
}

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
