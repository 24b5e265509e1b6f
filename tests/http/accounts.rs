//! /v1/accounts

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

#[tokio::test]
async fn an_account_shows_the_whole_organization_behind_it() {
    let app = App::start(DRIVER).await;
    let account = app.root().get(&app.path("")).expect(200).await;
    let organization = app.root().get(&app.account_organization().await).expect(200).await;
    let data = account.data();
    assert_eq!(data["id"], app.account);
    assert_eq!(&data["organization"], organization.data());
    assert_eq!(data["organization"]["id"], app.account.replace("acc_", "org_"));
    assert_eq!(data["organization"]["name"], "Main");
    assert_eq!(data["domains"], json!([]));
    assert_eq!(data["limits"]["max_domains"], 20);
    assert_eq!(data["billing_mode"], "ungated");
    assert_eq!(data["balance_\u{3bc}usd"], 0);
    assert_eq!(data["credits_run_out"], false);
    assert_eq!(data["payment_methods"], json!([]));
    assert_eq!(account.header("etag"), format!("\"{}\"", data["updated_at"]));
    let listed = app.root().get("/v1/accounts").expect(200).await;
    assert_eq!(listed.body, json!({ "data": [data], "has_more": false, "next_cursor": null }));
}

#[tokio::test]
async fn accounts_are_read_with_a_scope_and_listed_without() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&[]).await;
    let powerless = app.with_key(&id, &secret);
    assert_eq!(powerless.get(&app.path("")).expect(403).await.refusal().0, "insufficient_scope");
    let listed = powerless.get("/v1/accounts").expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
    let elsewhere = app.root().get("/v1/accounts/acc_0000000000000000000000000").expect(403).await;
    assert_eq!(elsewhere.refusal().0, "access_denied");
}

#[tokio::test]
async fn names_are_written_through_to_the_organization() {
    let app = App::start(DRIVER).await;
    let before = app.root().get(&app.path("")).expect(200).await;
    app.advance(Duration::from_secs(1));
    let patch = json!({
        "name": "Umbrella", "description": "d", "logo_url": "https://example.com/logo.png", "metadata": { "a": 1 },
    });
    let tag = before.header("etag");
    let after = app.root().patch(&app.path(""), patch).header("if-match", tag).expect(200).await;
    assert_ne!(after.header("etag"), tag);
    let read = app.root().get(&app.path("")).expect(200).await;
    assert_eq!((after.data(), after.header("etag")), (read.data(), read.header("etag")));
    let organization = app.root().get(&app.account_organization().await).expect(200).await;
    assert_eq!(organization.data()["name"], "Umbrella");
    assert_eq!(organization.data()["description"], "d");
    assert_eq!(organization.data()["logo_url"], "https://example.com/logo.png");
    assert_eq!(organization.data()["metadata"], json!({}), "metadata is that of the account");
    assert_eq!(read.data()["metadata"], json!({ "a": 1 }));
    let events = app.events("event_types=account.updated,organization.updated").await;
    let seen: Vec<_> =
        events.iter().map(|event| (event["type"].as_str().unwrap(), &event["data"]["changes"])).collect();
    assert_eq!(
        seen,
        [
            ("organization.updated", &json!(["description", "logo_url", "name"])),
            ("account.updated", &json!(["description", "logo_url", "metadata", "name"])),
        ]
    );
    app.root().patch(&app.path(""), json!({ "name": "x" })).header("if-match", tag).expect(412).await;
    let cleared = app.root().patch(&app.path(""), json!({ "description": null, "logo_url": null })).expect(200).await;
    assert_eq!(cleared.data()["organization"]["description"], Value::Null);
}

#[tokio::test]
async fn the_version_of_an_account_moves_when_its_organization_changes() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let before = app.root().get(&app.path("")).expect(200).await;
    let stale = before.header("etag");
    app.root().patch(&organization, json!({ "name": "Umbrella" })).expect(200).await;
    let after = app.root().get(&app.path("")).expect(200).await;
    assert_eq!(after.data()["organization"]["name"], "Umbrella");
    assert_ne!(after.header("etag"), stale);
    assert!(after.data()["updated_at"].as_i64() > before.data()["updated_at"].as_i64());
    app.root().patch(&app.path(""), json!({ "metadata": { "a": 1 } })).header("if-match", stale).expect(412).await;
    app.root().get(&app.path("")).header("if-none-match", stale).expect(200).await;
    app.root().get(&app.path("")).header("if-none-match", after.header("etag")).expect(304).await;
}

#[tokio::test]
async fn a_fetched_account_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let fetched = app.root().get(&app.path("")).expect(200).await;
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [fetched.data().clone(), json!({})] {
        let same = app.root().patch(&app.path(""), body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once_and_domains_are_not_added_here() {
    let app = App::start(DRIVER).await;
    let body = json!({
        "name": "x".repeat(201), "description": 7, "logo_url": "nowhere", "metadata": { "_x": 1 }, "typo": 1,
    });
    let refused = app.root().patch(&app.path(""), body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "description invalid_type",
            "logo_url invalid_format",
            "metadata._x invalid_format",
            "name too_long",
            "typo unknown_field",
        ]
    );
    let added = json!({ "domains": [{ "host": "login.example.com" }] });
    let refused = app.root().patch(&app.path(""), added).expect(400).await;
    assert_eq!(refused.refusal().1, ["domains.0 not_allowed"]);
    app.root().patch(&app.path(""), json!({ "domains": [] })).expect(200).await;
}

#[tokio::test]
async fn a_new_owner_is_an_active_member_of_the_accounts_organization() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let user = app.user(platform, "ann@example.com").await;
    let propose = |user: &str| app.root().patch(&app.path(""), json!({ "owner_user_id": user }));
    assert_eq!(propose(&user).expect(400).await.refusal().1, ["owner_user_id unknown_reference"]);
    let member = json!({ "member_id": user, "scopes": ["owner"], "status": "suspended" });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    assert_eq!(propose(&user).expect(400).await.refusal().1, ["owner_user_id unknown_reference"]);
    let member = format!("{organization}/members/{user}");
    app.root().patch(&member, json!({ "status": "active" })).expect(200).await;
    let owned = propose(&user).expect(200).await;
    assert_eq!(owned.data()["owner_user_id"], user);
    let event = app.events("event_types=account.updated").await.pop().unwrap();
    assert_eq!(event["data"], json!({ "changes": ["owner_user_id"] }));
    let cleared = app.root().patch(&app.path(""), json!({ "owner_user_id": null })).expect(400).await;
    assert_eq!(cleared.refusal().1, ["owner_user_id invalid_type"]);
}

#[tokio::test]
async fn the_named_owner_of_an_account_is_not_deleted() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let ann = app.user(platform, "ann@example.com").await;
    let bob = app.user(platform, "bob@example.com").await;
    for user in [&ann, &bob] {
        let member = json!({ "member_id": user, "scopes": ["owner"] });
        app.root().post(&format!("{organization}/members"), member).expect(201).await;
    }
    app.root().patch(&app.path(""), json!({ "owner_user_id": ann })).expect(200).await;
    // Another owner is there; the account names this one all the same.
    app.root().delete(&format!("{platform}/users/{ann}")).expect(409).await;
    app.root().patch(&app.path(""), json!({ "owner_user_id": bob })).expect(200).await;
    app.root().delete(&format!("{platform}/users/{ann}")).expect(204).await;
}

#[tokio::test]
async fn the_keys_of_a_suspended_account_are_refused() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    app.root().patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(app.root().get("/v1/me").expect(401).await.refusal().0, "unauthorized_client");
}
