//! What becomes of keys when their organization or issuer goes.

use authpi_core::worker;
use serde_json::json;
use tests::App;

use super::{DAY, DRIVER, MINUTE, holder, of_tenant, path, refused};

#[tokio::test]
async fn the_keys_of_a_suspended_organization_are_refused_until_it_is_back() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let (path, caller) = (path(&app, &key), holder(&app, &key));
    caller.get("/v1/me").expect(200).await;
    let tag = app.root().get(&path).expect(200).await.header("etag").to_owned();
    app.root().patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    refused(&caller).await;
    assert_eq!(app.root().get(&path).expect(200).await.data()["status"], "suspended");
    let listed = app.root().get(&format!("{organization}/api-keys?status=suspended")).expect(200).await;
    assert_eq!(listed.data()[0]["status"], "suspended");
    app.root().patch(&organization, json!({ "status": "active" })).expect(200).await;
    caller.get("/v1/me").expect(200).await;
    let read = app.root().get(&path).expect(200).await;
    assert_eq!((&read.data()["status"], read.header("etag")), (&json!("active"), tag.as_str()));
    let query = "event_types=api-key.updated,api-key.blocked,api-key.unblocked";
    assert_eq!(app.event_types(query).await, [""; 0]);
    // What is revoked meanwhile stays so.
    app.root().patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(app.root().act(&format!("{path}/revoke")).expect(200).await.data()["status"], "revoked");
    app.root().patch(&organization, json!({ "status": "active" })).expect(200).await;
    refused(&caller).await;
}

#[tokio::test]
async fn the_keys_of_a_deleted_organization_are_refused_for_ever() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let caller = holder(&app, &key);
    caller.get("/v1/me").expect(200).await;
    app.root().delete(&organization).expect(204).await;
    refused(&caller).await;
    app.root().get(&format!("{organization}/api-keys")).expect(404).await;
    worker::run_once(app.authpi.services()).await.unwrap();
    app.advance(DAY * 40);
    worker::run_once(app.authpi.services()).await.unwrap();
    refused(&caller).await;
    assert_eq!(app.event_types("event_types=api-key.updated,api-key.blocked,api-key.deleted").await, [""; 0]);
    app.root().get(&path(&app, &key)).expect(200).await;
    let rotated = app.root().act(&format!("{}/rotate", path(&app, &key))).send().await;
    if let Some(secret) = rotated.data()["secret_plain"].as_str() {
        refused(&app.with_key(&key.id(), secret)).await;
    }
}

#[tokio::test]
async fn the_record_of_a_deleted_organizations_key_survives_with_unchanged_status() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    app.root().delete(&organization).expect(204).await;
    assert_eq!(app.root().get(&path(&app, &key)).expect(200).await.data()["status"], "active");
}

#[tokio::test]
async fn the_keys_of_a_deleted_issuer_are_refused_at_once() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let (issuer, _) = organization.split_once("/organizations/").unwrap();
    app.root().delete(issuer).expect(204).await;
    refused(&holder(&app, &key)).await;
    worker::run_once(app.authpi.services()).await.unwrap();
    app.advance(MINUTE * 2);
    worker::run_once(app.authpi.services()).await.unwrap();
    refused(&holder(&app, &key)).await;
}
