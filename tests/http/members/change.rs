//! Members are changed, listed and removed.

use std::time::Duration;

use serde_json::{Value, json};

use super::Ground;

#[tokio::test]
async fn a_patch_replaces_scopes_merges_metadata_and_clears_with_null() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.user("ann").await;
    let body = json!({
        "member_id": user, "scopes": ["a:read", "b:read"], "user_title": "CTO", "metadata": { "a": 1, "b": 2 },
    });
    let made = ground.add(body).await;
    app.advance(Duration::from_secs(1));
    let patch = json!({ "scopes": ["c:read"], "user_title": null, "metadata": { "a": null, "c": 3 } });
    let one = ground.one(&user);
    let after = app.root().patch(&one, patch.clone()).header("if-match", made.header("etag")).expect(200).await;
    assert_eq!(after.data()["scopes"], json!(["c:read"]));
    assert_eq!(after.data()["user_title"], Value::Null);
    assert_eq!(after.data()["metadata"], json!({ "b": 2, "c": 3 }));
    assert_eq!(after.data()["joined_at"], made.data()["joined_at"]);
    assert_eq!(after.data()["updated_at"], app.now());
    let stale = app.root().patch(&one, patch).header("if-match", made.header("etag")).expect(412).await;
    assert_eq!(stale.body["current_etag"], after.header("etag"));
    let refused = app.root().patch(&one, json!({ "scopes": [] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes required"]);
    let suspended = app.root().patch(&one, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(suspended.data()["status"], "suspended");
    let events = app.events("event_types=organization.membership.updated").await;
    let seen: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(
        seen,
        [
            json!({ "changes": ["metadata", "scopes", "user_title"], "scopes": ["c:read"] }),
            json!({
                "changes": ["status"], "scopes": ["c:read"], "status": { "from": "active", "to": "suspended" },
            }),
        ]
    );
}

#[tokio::test]
async fn a_fetched_membership_can_be_sent_back_and_changes_nothing() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.joined("ann", &["a:read"]).await;
    let fetched = app.root().get(&ground.one(&user)).expect(200).await;
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [fetched.data().clone(), json!({})] {
        let same = app.root().patch(&ground.one(&user), body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn a_removed_member_is_gone_and_a_tenant_may_lose_its_last_owner() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.joined("ann", &["owner"]).await;
    let one = ground.one(&user);
    app.root().delete(&one).header("if-match", "\"1\"").expect(412).await;
    assert!(app.root().delete(&one).expect(204).await.bytes.is_empty());
    for call in [app.root().get(&one), app.root().delete(&one), app.root().patch(&one, json!({ "typo": 1 }))] {
        assert_eq!(call.expect(404).await.refusal().0, "not_found");
    }
    assert_eq!(ground.listed("").await, [""; 0]);
    let events = app.events("event_types=organization.membership.deleted").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "cause": "removed" }));
    assert_eq!(events[0]["subject"]["user_id"], user);
    app.root().get(&format!("{}/users/{user}", ground.issuer)).expect(200).await;
    let organization = app.root().get(&ground.organization).expect(200).await;
    assert_eq!(organization.data()["stats"]["n_members"], 0);
}

#[tokio::test]
async fn members_of_a_suspended_organization_stay_editable() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    app.root().patch(&ground.organization, json!({ "status": "suspended" })).expect(200).await;
    let user = ground.joined("ann", &["a:read"]).await;
    app.root().patch(&ground.one(&user), json!({ "scopes": ["b:read"] })).expect(200).await;
    app.root().delete(&ground.one(&user)).expect(204).await;
}

#[tokio::test]
async fn lists_filter_walk_by_cursor_and_refuse_bad_parameters_together() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let mut everyone = Vec::new();
    for (number, scopes) in [vec!["owner"], vec!["a:read"], vec!["a:read", "b:read"], vec!["a:*"]].iter().enumerate() {
        if number != 2 {
            app.advance(Duration::from_secs(1));
        }
        everyone.insert(0, ground.joined(&format!("user-{number}"), scopes).await);
    }
    let suspended = json!({ "status": "suspended" });
    app.root().patch(&ground.one(&everyone[0]), suspended).expect(200).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.root().get(&format!("{}?limit=1{cursor}", ground.members)).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["member_id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, everyone);
    assert_eq!(ground.listed(&format!("cursor={}", everyone[1])).await, everyone[2..]);
    assert_eq!(ground.listed("status=suspended").await, everyone[..1]);
    assert_eq!(ground.listed("status=active").await, everyone[1..]);
    assert_eq!(ground.listed("scope=a:read").await, everyone[1..3]);
    assert_eq!(ground.listed("scope=owner&status=active").await, everyone[3..]);
    assert_eq!(ground.listed("scope=a:*").await, everyone[..1]);
    let refused = app.root().get(&format!("{}?status=gone&limit=x", ground.members)).expect(400).await;
    let fields: Vec<_> = refused.refusal().1.iter().map(|field| field.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(fields, ["limit", "status"]);
    let refused = app.root().get(&format!("{}?cursor=nonsense", ground.members)).expect(400).await;
    assert_eq!(refused.refusal().1, ["cursor invalid_format"]);
}
