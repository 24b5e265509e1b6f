//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/revoke-access

use authpi_core::worker;
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

/// An organization with an API key, and a user with sessions, one of them selected to it.
struct Ground {
    app: App,
    issuer: String,
    organization: String,
    key: String,
    selected: String,
    multi: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let organization = app.organization(&issuer).await;
        let user = app.user(&issuer, "ann@example.com").await;
        let root = app.root();
        let client = json!({ "name": "Shop", "settings": {}, "confidential": true });
        let client = root.post(&format!("{issuer}/clients"), client).expect(201).await.id();
        let key = root.post(&format!("{organization}/api-keys"), json!({ "name": "k" })).expect(201).await.id();
        let op = app.log_in(&issuer, &user).await;
        let org_id = organization.rsplit('/').next();
        let selected = app.authorize(&issuer, &user, &op, &client, org_id).await;
        app.issue_tokens(&issuer, &selected).await;
        let multi = app.authorize(&issuer, &user, &op, &client, None).await;
        app.issue_tokens(&issuer, &multi).await;
        Self { app, issuer, organization, key, selected, multi }
    }

    fn path(&self) -> String {
        format!("{}/revoke-access", self.organization)
    }

    async fn key_status(&self) -> String {
        self.app.root().get(&self.app.path(&format!("/api-keys/{}", self.key))).expect(200).await.text("status")
    }

    async fn session_status(&self, id: &str) -> String {
        self.app.root().get(&format!("{}/sessions/{id}", self.issuer)).expect(200).await.text("status")
    }

    async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events(&format!("event_types={kind}")).await;
        events.iter().map(|event| event["data"].clone()).collect()
    }
}

#[tokio::test]
async fn access_through_an_organization_ends_in_steps_and_comes_back_with_none_of_it() {
    let ground = Ground::new().await;
    let (root, reactivate) = (ground.app.root(), json!({ "status": "active" }));
    let done = root.post(&ground.path(), json!({ "reason": "contract_ended" })).expect(200).await;
    let counts =
        |body: &Value| ["sessions_revoked", "keys_blocked", "delegations_revoked"].map(|name| body[name].clone());
    assert_eq!(counts(done.data()), [json!(1), json!(1), json!(0)], "what is covered, not what is gone");
    let shown = &done.data()["organization"];
    assert_eq!((&shown["status"], &shown["status_reason"]), (&json!("suspended"), &json!("contract_ended")));
    assert_eq!(done.header("etag"), format!("\"{}\"", shown["updated_at"]));
    assert_eq!(ground.told("organization.suspended").await.len(), 1);
    assert_eq!(ground.key_status().await, "suspended", "nothing new can start");
    assert_eq!(ground.session_status(&ground.selected).await, "active");
    let early = root.patch(&ground.organization, reactivate.clone()).expect(409).await;
    assert_eq!(early.refusal().0, "conflict");

    worker::run_once(ground.app.authpi.services()).await.unwrap();
    assert_eq!(ground.key_status().await, "blocked");
    assert_eq!(ground.session_status(&ground.selected).await, "revoked");
    assert_eq!(ground.session_status(&ground.multi).await, "active", "it loses the organization alone");
    let data = json!({ "cause": "organization_revoked", "reason": "contract_ended" });
    assert_eq!(ground.told("session.terminated").await, [data]);
    let by = ground.app.key.0.clone();
    assert_eq!(ground.told("api-key.blocked").await, [json!({ "reason": "contract_ended", "by": by })]);

    let again = root.act(&ground.path()).expect(200).await;
    assert_eq!(counts(again.data()), [json!(0), json!(0), json!(0)]);
    root.patch(&ground.organization, reactivate).expect(200).await;
    assert_eq!(ground.key_status().await, "blocked");
    assert_eq!(ground.session_status(&ground.selected).await, "revoked");
}

#[tokio::test]
async fn the_same_order_twice_is_carried_out_once_and_a_replay_gives_the_first_answer() {
    let ground = Ground::new().await;
    let order = || ground.app.root().act(&ground.path()).header("idempotency-key", "once").expect(200);
    let first = order().await;
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    let replayed = order().await;
    assert_eq!((replayed.data(), replayed.header("idempotent-replayed")), (first.data(), "true"));
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    assert_eq!(ground.told("session.terminated").await.len(), 1);
}

#[tokio::test]
async fn keys_made_after_the_order_are_left_alone() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    root.act(&ground.path()).expect(200).await;
    ground.app.advance(std::time::Duration::from_millis(1));
    let late =
        root.post(&format!("{}/api-keys", ground.organization), json!({ "name": "late" })).expect(201).await.id();
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    let late = root.get(&ground.app.path(&format!("/api-keys/{late}"))).expect(200).await;
    assert_eq!(late.text("status"), "suspended", "with its organization, and not blocked");
}

#[tokio::test]
async fn an_account_keeps_its_own_organization_and_bad_input_changes_nothing() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let own = ground.app.account_organization().await;
    root.act(&format!("{own}/revoke-access")).expect(409).await;
    let bad = root.post(&ground.path(), json!({ "reason": 7, "typo": 1 })).expect(400).await;
    assert_eq!(bad.refusal().1, ["reason invalid_type", "typo unknown_field"]);
    root.act(&ground.path()).header("if-match", "\"1\"").expect(412).await;
    let unknown = format!("{}/organizations/org_0000000000000000000000000/revoke-access", ground.issuer);
    root.act(&unknown).expect(404).await;
    let organization = root.get(&ground.organization).expect(200).await;
    assert_eq!(organization.text("status"), "active");
}
