//! `/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/delegations`

use std::time::Duration;

use authpi_core::worker::run_once;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

const DAY: i64 = 86_400_000;

/// A user who lets an agent act for them, and everything that a delegation may name.
struct Ground {
    app: App,
    issuer: String,
    user: String,
    agent: String,
    client: String,
    organization: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        let agent = app.root().post(&format!("{issuer}/agents"), json!({ "name": "n" })).expect(201).await.id();
        let body = json!({ "name": "c", "settings": {}, "confidential": true });
        let client = app.root().post(&format!("{issuer}/clients"), body).expect(201).await.id();
        let organization = app.organization(&issuer).await;
        let member = json!({ "member_id": user, "scopes": ["a:read"] });
        app.root().post(&format!("{organization}/members"), member).expect(201).await;
        Self { app, issuer, user, agent, client, organization }
    }

    fn org_id(&self) -> &str {
        self.organization.rsplit('/').next().unwrap()
    }

    fn all(&self) -> String {
        format!("{}/users/{}/delegations", self.issuer, self.user)
    }

    fn body(&self, more: &Value) -> Value {
        let mut body = json!({ "agent_id": self.agent, "scopes": ["orders:**"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    async fn grant(&self, more: Value) -> Reply {
        self.app.root().post(&self.all(), self.body(&more)).expect(201).await
    }

    async fn refused(&self, more: Value, status: u16) -> Vec<String> {
        self.app.root().post(&self.all(), self.body(&more)).expect(status).await.refusal().1
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.all())).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn causes(&self) -> Vec<Value> {
        let events = self.app.events("event_types=user.delegation.revoked").await;
        events.iter().map(|event| event["data"]["cause"].clone()).collect()
    }
}

#[tokio::test]
async fn a_delegation_reads_back_whole_with_its_etag_and_its_event() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let made = ground
        .grant(json!({
            "client_id": ground.client, "org_id": ground.org_id(), "reason": "Reads my orders",
            "metadata": { "ticket": 7 }, "expires_at": app.now() + DAY,
        }))
        .await;
    let path = format!("{}/{}", ground.all(), made.id());
    let read = app.root().get(&path).expect(200).await;
    assert_eq!((made.data(), made.header("etag")), (read.data(), read.header("etag")));
    let issuer_id = ground.issuer.rsplit('/').next().unwrap();
    assert_eq!(
        read.data(),
        &json!({
            "id": made.id(), "issuer_id": issuer_id, "user_id": ground.user, "agent_id": ground.agent,
            "client_id": ground.client, "org_id": ground.org_id(), "scopes": ["orders:**"], "status": "active",
            "status_at": null, "status_reason": null, "status_by": null, "granted_by": "admin",
            "reason": "Reads my orders", "expires_at": app.now() + DAY, "usage_count": 0, "last_used_at": null,
            "metadata": { "ticket": 7 }, "created_at": app.now(), "updated_at": app.now(),
        })
    );
    let event = &app.events("event_types=user.delegation.granted").await[0];
    assert_eq!(
        event["subject"],
        json!({
            "account_id": app.account, "issuer_id": issuer_id, "user_id": ground.user, "agent_id": ground.agent,
            "client_id": ground.client, "org_id": ground.org_id(), "delegation_id": made.id(),
        })
    );
    let data = json!({ "scopes": ["orders:**"], "expires_at": app.now() + DAY, "granted_by": "admin" });
    assert_eq!(event["data"], data);
}

#[tokio::test]
async fn it_holds_90_days_unless_said_and_366_at_most() {
    let ground = Ground::new().await;
    let now = ground.app.now();
    let plain = ground.grant(json!({})).await;
    assert_eq!(plain.data()["expires_at"], now + 90 * DAY);
    let long = ground.grant(json!({ "client_id": ground.client, "expires_at": now + 366 * DAY })).await;
    assert_eq!(long.data()["expires_at"], now + 366 * DAY);
    let org = ground.org_id().to_owned();
    for (expires_at, problem) in [
        (json!(now + 366 * DAY + 1), "expires_at too_big"),
        (json!(now), "expires_at too_small"),
        (json!("tomorrow"), "expires_at invalid_type"),
    ] {
        assert_eq!(ground.refused(json!({ "org_id": org, "expires_at": expires_at }), 400).await, [problem]);
    }
}

#[tokio::test]
async fn scopes_may_be_wild_but_not_of_openid_connect() {
    let ground = Ground::new().await;
    for (scopes, problems) in [
        (json!([]), vec!["scopes too_short"]),
        (json!(["a:read", "openid", "offline_access"]), vec!["scopes.1 not_allowed", "scopes.2 not_allowed"]),
        (json!(["a b"]), vec!["scopes.0 invalid_format"]),
        (json!((0..257).map(|n| format!("s{n}")).collect::<Vec<_>>()), vec!["scopes too_many"]),
        (json!(null), vec!["scopes invalid_type"]),
    ] {
        assert_eq!(ground.refused(json!({ "scopes": scopes }), 400).await, problems);
    }
    let most: Vec<_> = (0..256).map(|n| format!("s{n}:**")).collect();
    let made = ground.grant(json!({ "scopes": most })).await;
    assert_eq!(made.data()["scopes"].as_array().unwrap().len(), 256);
    let missing = ground.app.root().post(&ground.all(), json!({ "metadata": 7, "typo": 1 })).expect(400).await;
    let expected = ["agent_id required", "metadata invalid_type", "scopes required", "typo unknown_field"];
    assert_eq!(missing.refusal().1, expected);
}

#[tokio::test]
async fn what_is_not_of_the_issuer_is_an_unknown_reference() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let elsewhere = app.issuer().await;
    let agent = app.root().post(&format!("{elsewhere}/agents"), json!({ "name": "x" })).expect(201).await.id();
    let foreign = app.organization(&elsewhere).await;
    let foreign = foreign.rsplit('/').next().unwrap();
    let never = json!({ "agent_id": agent, "client_id": "c_0000000000000000000000000", "org_id": foreign });
    let all = ["agent_id unknown_reference", "client_id unknown_reference", "org_id unknown_reference"];
    assert_eq!(ground.refused(never, 400).await, all);
    let opaque = json!({ "agent_id": "somebody", "client_id": ground.user, "org_id": "x" });
    assert_eq!(ground.refused(opaque, 400).await, all);
    app.root().delete(&format!("{}/agents/{}", ground.issuer, ground.agent)).expect(204).await;
    assert_eq!(ground.refused(json!({}), 400).await, ["agent_id unknown_reference"]);
}

#[tokio::test]
async fn user_and_agent_are_active_and_the_user_a_member() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let agent = format!("{}/agents/{}", ground.issuer, ground.agent);
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let member = format!("{}/members/{}", ground.organization, ground.user);
    for (path, status) in [(&agent, "suspended"), (&user, "suspended")] {
        app.root().patch(path, json!({ "status": status })).expect(200).await;
        ground.refused(json!({}), 409).await;
        app.root().patch(path, json!({ "status": "active" })).expect(200).await;
    }
    app.root().patch(&member, json!({ "status": "suspended" })).expect(200).await;
    ground.refused(json!({ "org_id": ground.org_id() }), 409).await;
    app.root().delete(&member).expect(204).await;
    ground.refused(json!({ "org_id": ground.org_id() }), 409).await;
    ground.grant(json!({})).await;
}

#[tokio::test]
async fn one_is_in_force_for_a_purpose_and_a_new_one_follows_its_end() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let plain = ground.grant(json!({ "expires_at": app.now() + 1000 })).await.id();
    ground.refused(json!({ "scopes": ["other:read"] }), 409).await;
    let client = ground.grant(json!({ "client_id": ground.client })).await.id();
    let inside = ground.grant(json!({ "org_id": ground.org_id() })).await.id();
    app.advance(Duration::from_secs(1));
    let again = ground.grant(json!({})).await.id();
    assert_eq!(ground.listed("").await, [again.as_str(), &inside, &client, &plain]);
    assert_eq!(ground.listed("status=expired").await, [plain.as_str()]);
    app.root().act(&format!("{}/{again}/revoke", ground.all())).expect(200).await;
    let third = ground.grant(json!({})).await.id();
    assert_eq!(ground.listed("status=active").await, [third.as_str(), &inside, &client]);
    assert_eq!(ground.listed("status=revoked").await, [again.as_str()]);
    assert_eq!(ground.listed(&format!("org_id={}", ground.org_id())).await, [inside.as_str()]);
    assert_eq!(ground.listed(&format!("agent_id=agt_{}", "0".repeat(32))).await, [""; 0]);
    let of_agent = format!("{}/agents/{}/delegations", ground.issuer, ground.agent);
    let page = app.root().get(&format!("{of_agent}?limit=2&user_id={}", ground.user)).expect(200).await;
    let ids: Vec<_> = page.data().as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!((ids, &page.body["next_cursor"]), (vec![json!(third), json!(again)], &json!(again)));
}

#[tokio::test]
async fn of_parallel_grants_one_is_made() {
    let ground = Ground::new().await;
    let (root, all, body) = (ground.app.root(), ground.all(), ground.body(&json!({})));
    let replies = join_all((0..8).map(|_| root.post(&all, body.clone()).send())).await;
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn the_fifty_first_in_force_is_refused() {
    let ground = Ground::new().await;
    let app = &ground.app;
    for number in 0..50 {
        let agent =
            app.root().post(&format!("{}/agents", ground.issuer), json!({ "name": "x" })).expect(201).await.id();
        ground.grant(json!({ "agent_id": agent, "expires_at": app.now() + 1000 + number })).await;
    }
    ground.refused(json!({}), 409).await;
    app.advance(Duration::from_secs(1));
    ground.grant(json!({})).await;
}

#[tokio::test]
async fn a_revocation_is_final_and_repeating_it_has_no_effect() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let made = ground.grant(json!({})).await;
    let path = format!("{}/{}/revoke", ground.all(), made.id());
    app.advance(Duration::from_secs(1));
    app.root().act(&path).header("if-match", "\"1\"").expect(412).await;
    let body = json!({ "status_reason": "lost trust", "status_by": "helpdesk" });
    let revoked = app.root().post(&path, body).header("if-match", made.header("etag")).expect(200).await;
    let data = revoked.data();
    assert_eq!(
        (&data["status"], &data["status_at"], &data["status_reason"], &data["status_by"]),
        (&json!("revoked"), &json!(app.now()), &json!("lost trust"), &json!("helpdesk"))
    );
    let again = app.root().act(&path).expect(200).await;
    assert_eq!((again.data(), again.header("etag")), (data, revoked.header("etag")));
    let events = app.events("event_types=user.delegation.revoked").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "cause": "revoked", "by": "helpdesk" }));
    let refused = app.root().post(&path, json!({ "reason": "x" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["reason unknown_field"]);
    let expired = ground.grant(json!({ "expires_at": app.now() + 1 })).await;
    app.advance(Duration::from_secs(1));
    let late = app.root().act(&format!("{}/{}/revoke", ground.all(), expired.id())).expect(200).await;
    assert_eq!((&late.data()["status"], &late.data()["status_at"]), (&json!("revoked"), &json!(app.now())));
    assert_eq!(ground.causes().await.len(), 2);
    let other = app.user(&ground.issuer, "bob@example.com").await;
    app.root().get(&format!("{}/users/{other}/delegations/{}", ground.issuer, made.id())).expect(404).await;
}

#[tokio::test]
async fn a_delegation_ends_with_whoever_it_names() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let services = app.authpi.services();
    let plain = ground.grant(json!({})).await.id();
    let client = ground.grant(json!({ "client_id": ground.client })).await.id();
    let inside = ground.grant(json!({ "org_id": ground.org_id() })).await.id();
    app.root().delete(&format!("{}/clients/{}", ground.issuer, ground.client)).expect(204).await;
    run_once(services).await.unwrap();
    assert_eq!(ground.causes().await, ["client_deleted"]);
    let ended = app.root().get(&format!("{}/{client}", ground.all())).expect(200).await;
    let data = ended.data();
    assert_eq!(
        (&data["status"], &data["status_reason"], &data["status_by"]),
        (&json!("revoked"), &json!("client_deleted"), &json!("system"))
    );
    app.root().delete(&ground.organization).expect(204).await;
    let cascade = &app.events("event_types=organization.deleted").await[0]["data"]["cascade"];
    assert_eq!((&cascade["memberships"], &cascade["delegations"]), (&json!(1), &json!(1)));
    run_once(services).await.unwrap();
    assert_eq!(ground.causes().await, ["client_deleted", "organization_deleted"]);
    assert_eq!(ground.listed("status=active").await, [plain.as_str()]);
    assert_eq!(ground.listed("status=revoked").await, [inside.as_str(), &client]);
    app.root().delete(&format!("{}/agents/{}", ground.issuer, ground.agent)).expect(204).await;
    run_once(services).await.unwrap();
    let events = app.events("event_types=user.delegation.revoked").await;
    let last = events.last().unwrap();
    assert_eq!(last["data"], json!({ "cause": "agent_deleted", "by": "system" }));
    assert_eq!((&last["auth"]["type"], &last["trigger"]), (&json!("system"), &json!("schedule")));
    assert_eq!(ground.listed("status=revoked").await.len(), 3, "the user still sees what was");
}

#[tokio::test]
async fn those_of_a_deleted_user_or_issuer_end_with_their_events() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let services = app.authpi.services();
    ground.grant(json!({})).await;
    let bob = app.user(&ground.issuer, "bob@example.com").await;
    let of_bob = format!("{}/users/{bob}/delegations", ground.issuer);
    app.root().post(&of_bob, ground.body(&json!({}))).expect(201).await;
    app.root().delete(&format!("{}/users/{}", ground.issuer, ground.user)).expect(204).await;
    assert_eq!(app.events("event_types=user.deleted").await[0]["data"]["cascade"]["delegations"], 1);
    run_once(services).await.unwrap();
    assert_eq!(ground.causes().await, ["user_deleted"]);
    let of_agent = format!("{}/agents/{}/delegations", ground.issuer, ground.agent);
    let left = app.root().get(&of_agent).expect(200).await;
    assert_eq!(left.data().as_array().unwrap().len(), 1, "what a user gave goes with the user");
    app.root().delete(&ground.issuer).expect(204).await;
    run_once(services).await.unwrap();
    assert_eq!(ground.causes().await, ["user_deleted", "issuer_deleted"]);
}
