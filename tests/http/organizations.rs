//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

#[tokio::test]
async fn a_created_organization_reads_back_whole_with_its_etag() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let body = json!({
        "name": "Acme", "description": "d", "type": "business", "max_members": 3,
        "default_member_scopes": ["billing:read"], "security": { "mfa_required": true },
        "address": { "country": "DEU", "city": "Köln" }, "custom_fields": { "tier": 2 },
        "metadata": { "crm": { "id": 7 } },
    });
    let made = app.root().post(&format!("{issuer}/organizations"), body).expect(201).await;
    let read = app.root().get(&format!("{issuer}/organizations/{}", made.id())).expect(200).await;
    assert_eq!(made.data(), read.data());
    assert_eq!(made.header("etag"), read.header("etag"));
    assert_eq!(read.header("etag"), format!("\"{}\"", app.now()));
    let data = read.data();
    assert_eq!(data["org_type"], "business");
    assert_eq!(data["status"], "active");
    assert_eq!(data["stats"], json!({ "n_members": 0, "n_agents": 0, "n_groups": 0, "n_pending_invitations": 0 }));
    assert_eq!(data["security"], json!({ "mfa_required": true }));
    assert_eq!(data["metadata"], json!({ "crm": { "id": 7 } }));
    assert_eq!(data["invitation_enabled"], true);
    assert_eq!(data["logo_url"], Value::Null);
    assert_eq!(data["created_at"], app.now());
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once_and_nothing_is_written() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let body = json!({
        "name": "", "description": 7, "org_type": "Business!", "max_members": 0,
        "scopes": ["ok:read", "not a scope"], "security": { "mfa_required": "yes", "sms": true },
        "address": { "city": "Köln" }, "metadata": { "_x": 1 }, "custom_fields": { "Bad": [1] }, "typo": 1,
    });
    let refused = app.root().post(&format!("{issuer}/organizations"), body).expect(400).await;
    let (error, fields) = refused.refusal();
    assert_eq!(error, "invalid_request");
    assert_eq!(
        fields,
        [
            "address.country required",
            "custom_fields.Bad invalid_format",
            "custom_fields.Bad invalid_type",
            "description invalid_type",
            "max_members too_small",
            "metadata._x invalid_format",
            "name too_short",
            "org_type invalid_format",
            "scopes.1 invalid_format",
            "security.mfa_required invalid_type",
            "security.sms unknown_field",
            "typo unknown_field",
        ]
    );
    let list = app.root().get(&format!("{issuer}/organizations")).expect(200).await;
    assert_eq!(list.body, json!({ "data": [], "has_more": false, "next_cursor": null }));
}

#[tokio::test]
async fn existence_comes_before_precondition_and_precondition_before_body() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let bad = json!({ "typo": 1 });
    let missing = format!("{issuer}/organizations/org_0000000000000000000000000");
    app.root().patch(&missing, bad.clone()).header("if-match", "\"1\"").expect(404).await;
    let stale = app.root().patch(&organization, bad.clone()).header("if-match", "\"1\"").expect(412).await;
    let current = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    assert_eq!(stale.body["error"], "precondition_failed");
    assert_eq!(stale.body["current_etag"], current);
    assert_eq!(stale.body["currentETag"], current);
    assert_eq!(stale.header("etag"), current);
    let invalid = app.root().patch(&organization, bad).header("if-match", &current).expect(400).await;
    assert_eq!(invalid.refusal().1, ["typo unknown_field"]);
}

#[tokio::test]
async fn a_patch_merges_objects_replaces_arrays_and_clears_with_null() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let first = json!({
        "address": { "country": "DEU", "city": "Köln" }, "scopes": ["a:read", "b:read"], "description": "d",
        "metadata": { "a": 1, "b": 2 },
    });
    app.root().patch(&organization, first).expect(200).await;
    app.advance(Duration::from_secs(1));
    let second = json!({
        "address": { "city": "Ulm" }, "scopes": ["c:read"], "description": null, "metadata": { "a": null, "c": 3 },
    });
    let after = app.root().patch(&organization, second).expect(200).await;
    assert_eq!(after.data()["address"]["country"], "DEU");
    assert_eq!(after.data()["address"]["city"], "Ulm");
    assert_eq!(after.data()["scopes"], json!(["c:read"]));
    assert_eq!(after.data()["description"], Value::Null);
    assert_eq!(after.data()["metadata"], json!({ "b": 2, "c": 3 }));
    assert_eq!(after.data()["updated_at"], app.now());
    let incomplete = app.root().patch(&organization, json!({ "address": { "country": null } })).expect(400).await;
    assert_eq!(incomplete.refusal().1, ["address.country invalid_type"]);
}

#[tokio::test]
async fn a_fetched_organization_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let fetched = app.root().get(&organization).expect(200).await;
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    let same = app.root().patch(&organization, fetched.data().clone()).expect(200).await;
    assert_eq!(same.data(), fetched.data());
    assert_eq!(same.header("etag"), fetched.header("etag"));
    app.root().patch(&organization, json!({})).expect(200).await;
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn suspension_is_recorded_and_taken_back_with_events_of_its_own() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let body = json!({ "status": "suspended", "status_reason": "Ann said so", "status_by": "billing" });
    let suspended = app.root().patch(&organization, body).expect(200).await;
    assert_eq!(suspended.data()["status"], "suspended");
    assert_eq!(suspended.data()["status_reason"], "Ann said so");
    assert_eq!(suspended.data()["status_by"], "billing");
    assert_eq!(suspended.data()["status_at"], app.now());
    app.root().patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    app.root().patch(&organization, json!({ "status": "active" })).expect(200).await;
    app.root().patch(&organization, json!({ "status": "deleting" })).expect(400).await;
    let events = app.events("event_types=organization.suspended,organization.reactivated,organization.updated").await;
    let seen: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), &event["data"])).collect();
    // Free text may name people and stays out of events.
    let suspended = json!({ "status_reason": null, "status_by": "billing" });
    let by_key = json!({ "status_reason": null, "status_by": app.key.0 });
    assert_eq!(seen, [("organization.suspended", &suspended), ("organization.reactivated", &by_key)]);
}

#[tokio::test]
async fn a_deleted_organization_is_gone_at_once() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    app.root().delete(&organization).header("if-match", "\"1\"").expect(412).await;
    let deleted = app.root().delete(&organization).expect(204).await;
    assert!(deleted.bytes.is_empty());
    for refused in [
        app.root().get(&organization),
        app.root().delete(&organization),
        app.root().patch(&organization, json!({ "name": "x" })),
    ] {
        assert_eq!(refused.expect(404).await.refusal().0, "not_found");
    }
    let listed = app.root().get(&format!("{issuer}/organizations")).expect(200).await;
    assert_eq!(listed.body["data"], json!([]));
    let events = app.events("event_types=organization.deleted").await;
    let none = json!({ "memberships": 0, "groups": 0, "invitations": 0, "sso_domains": 0, "delegations": 0 });
    assert_eq!(events[0]["data"], json!({ "cascade": none }));
}

#[tokio::test]
async fn the_event_of_a_deleted_organization_counts_what_goes_with_it() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let (organization, other) = (app.organization(&issuer).await, app.organization(&issuer).await);
    let root = app.root();
    let user = app.user(&issuer, "ada@example.com").await;
    root.post(&format!("{organization}/members"), json!({ "member_id": user, "scopes": ["a:read"] })).expect(201).await;
    for (of, email) in [(&organization, "bob"), (&organization, "carl"), (&other, "dora")] {
        let body = json!({ "email": format!("{email}@example.com"), "scopes": ["a:read"] });
        let made = root.post(&format!("{of}/invitations"), body).expect(201).await.id();
        if email == "carl" {
            // What is over goes, too.
            root.act(&format!("{of}/invitations/{made}/revoke")).expect(200).await;
        }
    }
    root.post(&format!("{organization}/sso/domains"), json!({ "domain": "corp.example" })).expect(201).await;
    root.delete(&organization).expect(204).await;
    let events = app.events("event_types=organization.deleted").await;
    let counts = json!({ "memberships": 1, "groups": 0, "invitations": 2, "sso_domains": 1, "delegations": 0 });
    assert_eq!(events[0]["data"], json!({ "cascade": counts }));
}

#[tokio::test]
async fn lists_walk_by_cursor_and_refuse_bad_parameters_together() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, app.organization(&issuer).await.rsplit('/').next().unwrap().to_owned());
    }
    let list = format!("{issuer}/organizations");
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.root().get(&format!("{list}?limit=2{cursor}")).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        assert_eq!(page.body["has_more"], true);
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
    let refused = app.root().get(&format!("{list}?limit=101&status=gone&mfa_required=1")).expect(400).await;
    assert_eq!(refused.refusal().1, ["limit too_big", "mfa_required invalid_enum_value", "status invalid_enum_value"]);
    let refused = app.root().get(&format!("{list}?cursor=nonsense")).expect(400).await;
    assert_eq!(refused.refusal().1, ["cursor invalid_format"]);
    app.root().get(&format!("{list}?unknown=1")).expect(200).await;
}

#[tokio::test]
async fn of_sixteen_parallel_patches_with_one_etag_one_wins() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    let racers = (0..16).map(|number| {
        app.root().patch(&organization, json!({ "name": format!("racer {number}") })).header("if-match", &etag).send()
    });
    let replies = futures_util::future::join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(200), statuses(412)), (1, 15));
    assert_eq!(app.event_types("event_types=organization.updated").await.len(), 1);
}
