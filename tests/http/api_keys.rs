//! /v1/accounts/{account_id}/api-keys and …/organizations/{org_id}/api-keys

use std::time::Duration;

use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Caller, Reply};

use super::DRIVER;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn body(name: &str, scopes: &[&str]) -> Value {
    json!({ "name": name, "restrictions": { "scopes": scopes } })
}

async fn made(app: &App, body: Value) -> Reply {
    app.root().post(&app.path("/api-keys"), body).expect(201).await
}

/// A key of an organization; returns the path of the organization, too.
async fn of_tenant(app: &App, scopes: &[&str]) -> (String, Reply) {
    let organization = app.organization(&app.issuer().await).await;
    let key = app.root().post(&format!("{organization}/api-keys"), body("tenant", scopes)).expect(201).await;
    (organization, key)
}

fn holder(app: &App, key: &Reply) -> Caller {
    app.with_key(&key.id(), &key.text("secret_plain"))
}

fn path(app: &App, key: &Reply) -> String {
    app.path(&format!("/api-keys/{}", key.id()))
}

/// Demands that the key is as good as unknown.
async fn refused(caller: &Caller) {
    let reply = caller.get("/v1/me").expect(401).await;
    assert_eq!(reply.refusal().0, "unauthorized_client");
    assert!(reply.header("www-authenticate").starts_with("Basic"));
}

#[tokio::test]
async fn a_created_key_reads_back_whole_and_its_secret_is_shown_once() {
    let app = App::start(DRIVER).await;
    let body = json!({
        "name": "CI", "description": "d", "tags": ["ci", "eu"], "type": "api_key", "expires_at": app.now() + 60_000,
        "restrictions": { "scopes": ["issuers:read"], "ip_allowlist": ["127.0.0.1", "::1", "10.0.0.0/8"] },
        "metadata": { "crm": 7 },
    });
    let key = made(&app, body).await;
    let secret = key.text("secret_plain");
    assert_eq!(secret.len(), 43);
    let read = app.root().get(&path(&app, &key)).expect(200).await;
    assert_eq!(read.header("etag"), key.header("etag"));
    let mut expected = key.data().clone();
    expected.as_object_mut().unwrap().remove("secret_plain");
    assert_eq!(read.data(), &expected);
    assert!(!String::from_utf8_lossy(&read.bytes).contains(&secret));
    let data = read.data();
    assert_eq!(data["type"], "api_key");
    assert_eq!(data["status"], "active");
    assert_eq!(data["status_at"], Value::Null);
    assert_eq!(data["org_id"], app.account.replace("acc_", "org_"));
    assert_eq!(data["restrictions"]["scopes"], json!(["issuers:read"]));
    assert_eq!(data["restrictions"]["ip_allowlist"].as_array().unwrap().len(), 3);
    assert_eq!(data["metadata"], json!({ "crm": 7 }));
    assert_eq!(data["secret"]["algorithm"], "sha256");
    assert_eq!(data["secret"]["hint"], secret[secret.len() - 8..]);
    assert_eq!(data["secret"]["rotated_at"], Value::Null);
    assert_eq!(data["secret"]["previous_valid_until"], Value::Null);
    assert_eq!((&data["created_at"], &data["updated_at"]), (&json!(app.now()), &json!(app.now())));

    let me = holder(&app, &key).get("/v1/me").expect(200).await;
    let access = json!({ "account_id": app.account, "org_id": data["org_id"], "scopes": ["issuers:read"] });
    assert_eq!(me.data()["type"], "api_key");
    assert_eq!(me.data()["key_id"], key.id());
    assert_eq!(me.data()["accounts"], json!([access]));
    assert_eq!(me.data()["organizations"], json!([{ "org_id": data["org_id"], "scopes": ["issuers:read"] }]));

    let events = app.events("event_types=api-key.created").await;
    let event = events.last().unwrap();
    let expected = json!({ "name": "CI", "scopes": ["issuers:read"], "expires_at": data["expires_at"] });
    assert_eq!(event["data"], expected);
    assert_eq!(event["subject"]["key_id"], key.id());
    assert_eq!(event["subject"]["org_id"], data["org_id"]);
}

#[tokio::test]
async fn a_replayed_creation_repeats_the_secret_and_makes_no_second_key() {
    let app = App::start(DRIVER).await;
    let send = |caller: Caller| {
        caller.post(&app.path("/api-keys"), body("replayed", &["events:read"])).header("idempotency-key", "one")
    };
    let first = send(app.root()).expect(201).await;
    let second = send(app.root()).expect(201).await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.body, first.body);
    let (id, secret) = app.account_key(&["*:**"]).await;
    let stranger = send(app.with_key(&id, &secret)).expect(422).await;
    assert!(!String::from_utf8_lossy(&stranger.bytes).contains(&first.text("secret_plain")));
    let listed = app.root().get(&app.path("/api-keys?q=replayed")).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_of_a_tenant_speaks_for_its_organization_and_for_no_account() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let org_id = organization.rsplit('/').next().unwrap();
    assert_eq!(key.data()["org_id"], org_id);
    assert!(organization.contains(&key.text("issuer_id")));
    let me = holder(&app, &key).get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"], json!([]));
    assert_eq!(me.data()["organizations"], json!([{ "org_id": org_id, "scopes": ["reports:read"] }]));
    let events = app.events("event_types=api-key.verified").await;
    assert_eq!(events[0]["data"], json!({ "surface": "me", "scopes": ["reports:read"] }));
    assert_eq!(events[0]["subject"]["org_id"], org_id);
    assert_eq!(holder(&app, &key).get("/v1/accounts").expect(200).await.data(), &json!([]));
    let closed = holder(&app, &key).get(&app.path("/issuers")).expect(403).await;
    assert_eq!(closed.refusal().0, "access_denied");
    // A body without restrictions is enough for a tenant, and not for an account.
    let bare = json!({ "name": "bare" });
    let of_tenant = app.root().post(&format!("{organization}/api-keys"), bare.clone()).expect(201).await;
    assert_eq!(of_tenant.data()["restrictions"], json!({ "scopes": [], "ip_allowlist": [] }));
    let of_account = app.root().post(&app.path("/api-keys"), bare).expect(400).await;
    assert_eq!(of_account.refusal().1, ["restrictions required"]);
}

#[tokio::test]
async fn by_id_routes_serve_the_keys_of_tenants_and_lists_keep_them_apart() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let path = path(&app, &key);
    let ids = async |list: String| -> Vec<String> {
        let page = app.root().get(&list).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(format!("{organization}/api-keys")).await, [key.id()]);
    assert_eq!(ids(app.path("/api-keys")).await, [app.key.0.clone()]);
    app.root().get(&path).expect(200).await;
    app.root().patch(&path, json!({ "name": "renamed" })).expect(200).await;
    app.root().act(&format!("{path}/block")).expect(200).await;
    app.root().act(&format!("{path}/unblock")).expect(200).await;
    app.root().act(&format!("{path}/rotate")).expect(200).await;
    app.root().act(&format!("{path}/revoke")).expect(200).await;
    app.root().delete(&path).expect(204).await;
    let gone: Vec<_> = ["", "/block", "/unblock", "/revoke", "/rotate"]
        .iter()
        .map(
            |action| if action.is_empty() { app.root().get(&path) } else { app.root().act(&format!("{path}{action}")) },
        )
        .collect();
    for call in gone {
        assert_eq!(call.expect(404).await.refusal().0, "not_found");
    }
    refused(&holder(&app, &key)).await;
    assert_eq!(ids(format!("{organization}/api-keys")).await, [""; 0]);
    let query = "event_types=api-key.created,api-key.updated,api-key.blocked,api-key.unblocked,api-key.deleted";
    let events = app.events(query).await;
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event["subject"]["key_id"] == key.id())
        .map(|event| (event["type"].as_str().unwrap(), event["data"]["action"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        seen,
        [
            ("api-key.created", ""),
            ("api-key.updated", "updated"),
            ("api-key.blocked", ""),
            ("api-key.unblocked", ""),
            ("api-key.updated", "rotated"),
            ("api-key.updated", "revoked"),
            ("api-key.deleted", ""),
        ]
    );
}

#[tokio::test]
async fn list_items_are_flat_and_filters_choose_among_them() {
    let app = App::start(DRIVER).await;
    let more = json!({
        "name": "Ärzte", "description": "d", "tags": ["Ci"], "expires_at": app.now() + 20 * 86_400_000_i64,
        "restrictions": { "scopes": ["issuers:read"], "ip_allowlist": ["10.0.0.0/8"] },
    });
    app.advance(MINUTE);
    let scoped = made(&app, more).await;
    app.advance(MINUTE);
    let none = made(&app, body("nothing", &[])).await;
    app.advance(MINUTE);
    let full = made(&app, body("everything", &["*:**"])).await;
    let ids = async |query: &str| -> Vec<String> {
        let page = app.root().get(&app.path(&format!("/api-keys?{query}"))).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let page = app.root().get(&app.path("/api-keys?q=%C3%A4RZTE")).expect(200).await;
    assert_eq!(
        page.data(),
        &json!([{
            "id": scoped.id(), "org_id": app.account.replace("acc_", "org_"), "issuer_id": scoped.text("issuer_id"),
            "type": "api_key", "status": "active", "status_at": null, "name": "Ärzte", "description": "d",
            "tags": ["Ci"], "scopes": ["issuers:read"], "ip_allowlist": ["10.0.0.0/8"],
            "expires_at": scoped.data()["expires_at"], "secret_hint": scoped.data()["secret"]["hint"],
            "last_rotated_at": null, "created_at": scoped.data()["created_at"], "updated_at": scoped.data()["updated_at"],
        }])
    );
    assert_eq!(ids("").await, [full.id(), none.id(), scoped.id(), app.key.0.clone()]);
    assert_eq!(ids("q=cI").await, [scoped.id()]);
    assert_eq!(ids(&format!("q={}", none.id().to_uppercase())).await, [none.id()]);
    assert_eq!(ids("access=full").await, [full.id(), app.key.0.clone()]);
    assert_eq!(ids("access=scoped").await, [scoped.id()]);
    assert_eq!(ids("access=none").await, [none.id()]);
    assert_eq!(ids("readiness=attention").await, [none.id()]);
    assert_eq!(ids("readiness=ready").await, [full.id(), scoped.id(), app.key.0.clone()]);
    app.advance(DAY * 6);
    assert_eq!(ids("readiness=attention").await, [none.id(), scoped.id()]);
    app.root().act(&format!("{}/block", path(&app, &none))).expect(200).await;
    app.root().act(&format!("{}/revoke", path(&app, &full))).expect(200).await;
    app.advance(DAY * 14);
    assert_eq!(ids("status=active").await, [app.key.0.clone()]);
    assert_eq!(ids("status=blocked").await, [none.id()]);
    assert_eq!(ids("status=revoked").await, [full.id()]);
    assert_eq!(ids("status=expired").await, [scoped.id()]);
    assert_eq!(ids("readiness=inactive").await, [full.id(), none.id(), scoped.id()]);
    assert_eq!(ids("limit=1").await, [full.id()]);
    assert_eq!(ids(&format!("limit=2&cursor={}", full.id())).await, [none.id(), scoped.id()]);
    let refused = app.root().get(&app.path("/api-keys?status=gone&access=x&readiness=x&limit=0")).expect(400).await;
    let enums = ["access", "limit", "readiness", "status"];
    let fields: Vec<_> = refused.refusal().1.iter().map(|field| field.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(fields, enums);
}

#[tokio::test]
async fn the_secret_before_a_rotation_works_for_fifteen_minutes() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &["events:read"])).await;
    let old = holder(&app, &key);
    app.advance(MINUTE);
    let rotated = app.root().act(&format!("{}/rotate", path(&app, &key))).expect(200).await;
    assert_eq!(rotated.data().as_object().unwrap().keys().collect::<Vec<_>>(), ["secret_plain"]);
    let secret = rotated.text("secret_plain");
    let new = app.with_key(&key.id(), &secret);
    let read = app.root().get(&path(&app, &key)).expect(200).await;
    assert_eq!(read.header("etag"), rotated.header("etag"));
    assert_eq!(read.data()["secret"]["hint"], secret[secret.len() - 8..]);
    assert_eq!(read.data()["secret"]["rotated_at"], app.now());
    assert_eq!(read.data()["secret"]["previous_valid_until"], app.now() + 15 * 60_000);
    let item = app.root().get(&app.path(&format!("/api-keys?q={}", key.id()))).expect(200).await;
    assert_eq!(item.data()[0]["last_rotated_at"], app.now());
    app.advance(MINUTE * 15 - Duration::from_millis(1));
    old.get("/v1/me").expect(200).await;
    new.get("/v1/me").expect(200).await;
    app.advance(Duration::from_millis(1));
    refused(&old).await;
    new.get("/v1/me").expect(200).await;
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["action"], "rotated");
}

#[tokio::test]
async fn a_second_rotation_ends_the_oldest_secret_at_once() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rotate = format!("{}/rotate", path(&app, &key));
    let first = holder(&app, &key);
    let second = app.with_key(&key.id(), &app.root().act(&rotate).expect(200).await.text("secret_plain"));
    first.get("/v1/me").expect(200).await;
    app.advance(MINUTE);
    let third = app.with_key(&key.id(), &app.root().act(&rotate).expect(200).await.text("secret_plain"));
    refused(&first).await;
    second.get("/v1/me").expect(200).await;
    third.get("/v1/me").expect(200).await;
    app.advance(MINUTE * 15);
    refused(&second).await;
    third.get("/v1/me").expect(200).await;
}

#[tokio::test]
async fn of_sixteen_parallel_rotations_with_one_etag_one_wins() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rotate = format!("{}/rotate", path(&app, &key));
    let racers = (0..16).map(|_| app.root().act(&rotate).header("if-match", key.header("etag")).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(200), statuses(412)), (1, 15));
    assert_eq!(app.event_types("event_types=api-key.updated").await.len(), 1);
}

#[tokio::test]
async fn a_block_is_recorded_and_taken_back_and_repeats_change_nothing() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let (path, caller) = (path(&app, &key), holder(&app, &key));
    let note = json!({ "status_reason": "leak_suspected", "status_by": "billing" });
    app.advance(MINUTE);
    let blocked = app.root().post(&format!("{path}/block"), note).expect(200).await;
    assert_eq!(blocked.data()["status"], "blocked");
    assert_eq!(blocked.data()["status_at"], app.now());
    assert_eq!(blocked.data()["status_reason"], "leak_suspected");
    assert_eq!(blocked.data()["status_by"], "billing");
    refused(&caller).await;
    app.advance(MINUTE);
    let again = app.root().act(&format!("{path}/block")).expect(200).await;
    assert_eq!((again.data(), again.header("etag")), (blocked.data(), blocked.header("etag")));
    app.root().patch(&path, json!({ "status": "blocked", "status_reason": "other" })).expect(200).await;
    let unblocked = app.root().act(&format!("{path}/unblock")).expect(200).await;
    assert_eq!(unblocked.data()["status"], "active");
    assert_eq!(unblocked.data()["status_by"], app.key.0);
    caller.get("/v1/me").expect(200).await;
    let again = app.root().act(&format!("{path}/unblock")).expect(200).await;
    assert_eq!(again.header("etag"), unblocked.header("etag"));
    app.root().patch(&path, json!({ "status": "blocked" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    let stale = app.root().act(&format!("{path}/block")).header("if-match", key.header("etag")).expect(412).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
    let events = app.events("event_types=api-key.blocked,api-key.unblocked,api-key.updated").await;
    let seen: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"].clone())).collect();
    let by_key = json!({ "reason": null, "by": app.key.0 });
    assert_eq!(
        seen,
        [
            ("api-key.blocked", json!({ "reason": "leak_suspected", "by": "billing" })),
            ("api-key.unblocked", by_key.clone()),
            ("api-key.blocked", by_key.clone()),
            ("api-key.unblocked", by_key),
        ]
    );
}

#[tokio::test]
async fn a_revoked_key_never_comes_back() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let path = path(&app, &key);
    app.root().act(&format!("{path}/block")).expect(200).await;
    let note = json!({ "status_reason": "rotated_out" });
    let revoked = app.root().post(&format!("{path}/revoke"), note).expect(200).await;
    assert_eq!(revoked.data()["status"], "revoked");
    assert_eq!(revoked.data()["status_reason"], "rotated_out");
    app.advance(MINUTE);
    let again = app.root().act(&format!("{path}/revoke")).expect(200).await;
    assert_eq!((again.data(), again.header("etag")), (revoked.data(), revoked.header("etag")));
    for call in [
        app.root().act(&format!("{path}/unblock")),
        app.root().act(&format!("{path}/block")),
        app.root().act(&format!("{path}/rotate")),
        app.root().patch(&path, json!({ "status": "active" })),
    ] {
        assert_eq!(call.expect(409).await.refusal().0, "conflict");
    }
    let refusal = app.root().patch(&path, json!({ "status": "revoked" })).expect(400).await;
    assert_eq!(refusal.refusal().1, ["status invalid_enum_value"]);
    refused(&holder(&app, &key)).await;
    let events = app.events("event_types=api-key.updated,api-key.unblocked").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["action"], "revoked");
}

#[tokio::test]
async fn an_expired_key_is_refused_at_once_and_announced_by_the_sweep() {
    let app = App::start(DRIVER).await;
    let expires = app.now() + 60_000;
    let with_expiry = |expires: i64| json!({ "name": "k", "restrictions": {}, "expires_at": expires });
    let key = made(&app, with_expiry(expires)).await;
    let (path, caller) = (path(&app, &key), holder(&app, &key));
    for past in [app.now(), 1] {
        let refused = app.root().post(&app.path("/api-keys"), with_expiry(past)).expect(400).await;
        assert_eq!(refused.refusal().1, ["expires_at too_small"]);
    }
    app.advance(MINUTE - Duration::from_millis(1));
    caller.get("/v1/me").expect(200).await;
    app.advance(Duration::from_millis(1));
    refused(&caller).await;
    let read = app.root().get(&path).expect(200).await;
    assert_eq!((&read.data()["status"], &read.data()["status_at"]), (&json!("expired"), &json!(expires)));
    assert_eq!(app.root().act(&format!("{path}/rotate")).expect(409).await.refusal().0, "conflict");
    assert_eq!(app.event_types("event_types=api-key.updated").await.len(), 0, "the sweep says it");
    for _ in 0..2 {
        worker::run_once(app.authpi.services()).await.unwrap();
    }
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["data"]["action"], &events[0]["subject"]["key_id"]), (&json!("expired"), &json!(key.id())));
    // A later expiry brings it back, and is announced anew.
    app.root().patch(&path, json!({ "expires_at": app.now() + 60_000 })).expect(200).await;
    caller.get("/v1/me").expect(200).await;
    app.advance(MINUTE);
    worker::run_once(app.authpi.services()).await.unwrap();
    let events = app.events("event_types=api-key.updated").await;
    let actions: Vec<_> = events.iter().map(|event| event["data"]["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["expired", "updated", "expired"]);
    app.root().patch(&path, json!({ "expires_at": null })).expect(200).await;
    app.advance(DAY * 400);
    caller.get("/v1/me").expect(200).await;
}

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

#[tokio::test]
async fn a_key_works_from_the_addresses_on_its_list_only() {
    let app = App::start(DRIVER).await;
    let bound = json!({ "name": "k", "restrictions": { "scopes": ["*:**"], "ip_allowlist": ["192.0.2.0/24"] } });
    let key = made(&app, bound).await;
    let caller = holder(&app, &key);
    for call in [caller.get("/v1/me"), caller.get(&app.path("/issuers"))] {
        assert_eq!(call.expect(403).await.refusal().0, "access_denied");
    }
    // The secret is checked before the address.
    refused(&app.with_key(&key.id(), "wrong")).await;
    let here = json!({ "restrictions": { "ip_allowlist": ["192.0.2.0/24", "127.0.0.0/8"] } });
    let changed = app.root().patch(&path(&app, &key), here).expect(200).await;
    assert_eq!(changed.data()["restrictions"]["scopes"], json!(["*:**"]), "the scopes stay");
    caller.get("/v1/me").expect(200).await;
    let alias = json!({ "name": "k", "restrictions": { "scopes": [], "ip_addresses": ["192.0.2.7"] } });
    let key = made(&app, alias).await;
    assert_eq!(key.data()["restrictions"], json!({ "scopes": [], "ip_allowlist": ["192.0.2.7"] }));
    assert_eq!(holder(&app, &key).get("/v1/me").expect(403).await.refusal().0, "access_denied");
}

#[tokio::test]
async fn nobody_gives_a_key_of_the_account_what_they_do_not_hold() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&["api-keys:**", "issuers:read", "issuers.organizations.api-keys:write"]).await;
    let limited = app.with_key(&id, &secret);
    let events = app.event_types("").await.len();
    let keys = app.path("/api-keys");
    let (platform, organization) = (app.account_organization().await, of_tenant(&app, &[]).await.0);
    for scopes in [vec!["*:**"], vec!["issuers:read", "issuers:write"], vec!["issuers:*"], vec!["issuers.users:read"]] {
        for list in [&keys, &format!("{platform}/api-keys")] {
            let refused = limited.post(list, body("more", &scopes)).expect(403).await;
            assert_eq!(refused.refusal().0, "insufficient_scope", "{scopes:?}");
        }
    }
    let same = limited.post(&keys, body("same", &["issuers:read"])).expect(201).await;
    let same = app.path(&format!("/api-keys/{}", same.id()));
    let more = json!({ "restrictions": { "scopes": ["issuers:read", "webhooks:read"] } });
    assert_eq!(limited.patch(&same, more).expect(403).await.refusal().0, "insufficient_scope");
    assert_eq!(limited.patch(&same, json!({ "scopes": ["*:**"] })).expect(403).await.refusal().0, "insufficient_scope");
    limited.patch(&same, json!({ "restrictions": { "scopes": [] } })).expect(200).await;
    // The secret of a stronger key would give its scopes.
    let root = app.path(&format!("/api-keys/{}", app.key.0));
    assert_eq!(limited.act(&format!("{root}/rotate")).expect(403).await.refusal().0, "insufficient_scope");
    limited.patch(&root, json!({ "name": "renamed" })).expect(200).await;
    app.root().get("/v1/me").expect(200).await;
    // Scopes of a tenant mean what the tenant makes of them.
    limited.post(&format!("{organization}/api-keys"), body("tenant", &["*:**"])).expect(201).await;
    let new = app.event_types("").await.split_off(events);
    let refused_wrote_nothing = new.iter().filter(|kind| *kind == "api-key.created").count();
    assert_eq!(refused_wrote_nothing, 3, "{new:?}");
}

#[tokio::test]
async fn a_chosen_secret_works_and_a_weak_one_is_refused_without_being_repeated() {
    let app = App::start(DRIVER).await;
    let strong = "Zq8-r4_Tn1VxK7mD2yPbW9sHcJ5gLfAe";
    let chosen = |secret: &str| json!({ "name": "migrated", "restrictions": {}, "secret": secret });
    let key = made(&app, chosen(strong)).await;
    assert_eq!(key.text("secret_plain"), strong);
    assert_eq!(key.data()["secret"]["hint"], "cJ5gLfAe");
    holder(&app, &key).get("/v1/me").expect(200).await;
    for weak in [
        "a".repeat(40),
        strong[..31].to_owned(),
        strong.repeat(9),
        format!("{strong}:"),
        format!("{strong} ä"),
        format!("{strong}migrated"),
        "abcdefghijklmno".repeat(3),
    ] {
        let refused = app.root().post(&app.path("/api-keys"), chosen(&weak)).expect(400).await;
        assert_eq!(refused.refusal().1, ["secret not_allowed"], "{weak}");
        assert!(!String::from_utf8_lossy(&refused.bytes).contains(&weak));
    }
    let hint = json!({ "name": "k", "restrictions": {}, "secret_hint": "x" });
    let refused = app.root().post(&app.path("/api-keys"), hint).expect(400).await;
    assert_eq!(refused.refusal().1, ["secret_hint not_allowed"]);
    let hint = json!({ "name": "k", "restrictions": {}, "secret": strong, "secret_hint": "old-crm" });
    assert_eq!(made(&app, hint).await.data()["secret"]["hint"], "old-crm");
}

#[tokio::test]
async fn a_typo_in_the_restrictions_never_mints_an_open_key() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rate_limit = json!({ "limit": 1, "window_seconds": 1 });
    for (restrictions, problem) in [
        (json!({ "typo": 1 }), "restrictions.typo unknown_field"),
        (json!({ "scope": ["a:read"] }), "restrictions.scope unknown_field"),
        (json!({ "rate_limits": rate_limit }), "restrictions.rate_limits unknown_field"),
        (json!({ "scopes": ["not a scope"] }), "restrictions.scopes.0 invalid_format"),
        (json!({ "scopes": "a:read" }), "restrictions.scopes invalid_type"),
        (json!({ "ip_allowlist": ["10.0.0.0/8", "here"] }), "restrictions.ip_allowlist.1 invalid_format"),
    ] {
        let created = json!({ "name": "k", "restrictions": restrictions });
        let refused = app.root().post(&app.path("/api-keys"), created).expect(400).await;
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec![problem.to_owned()]));
        let refused = app.root().patch(&path(&app, &key), json!({ "restrictions": restrictions })).expect(400).await;
        assert_eq!(refused.refusal().1, [problem]);
    }
    let both = json!({ "name": "k", "scopes": ["a:read"], "restrictions": { "scopes": ["b:read"] } });
    let refused = app.root().post(&app.path("/api-keys"), both).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes not_allowed"]);
    let all = json!({ "name": "", "type": "token", "tags": [""], "expires_at": "soon", "metadata": [], "typo": 1 });
    let refused = app.root().post(&app.path("/api-keys"), all).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "expires_at invalid_type",
            "metadata invalid_type",
            "name too_short",
            "restrictions required",
            "tags.0 too_short",
            "type invalid_enum_value",
            "typo unknown_field",
        ]
    );
}

#[tokio::test]
async fn a_fetched_key_or_list_item_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &["a:read"])).await;
    let path = path(&app, &key);
    let fetched = app.root().get(&path).expect(200).await;
    let item = app.root().get(&app.path(&format!("/api-keys?q={}", key.id()))).expect(200).await.data()[0].clone();
    let events = app.event_types("").await.len();
    app.advance(MINUTE);
    for body in [fetched.data().clone(), key.data().clone(), item, json!({})] {
        let same = app.root().patch(&path, body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
    let changes = json!({ "tags": ["x"], "description": "d", "metadata": { "a": 1 } });
    let changed = app.root().patch(&path, changes).header("if-match", fetched.header("etag")).expect(200).await;
    assert_eq!((&changed.data()["tags"], &changed.data()["updated_at"]), (&json!(["x"]), &json!(app.now())));
    let event = &app.events("event_types=api-key.updated").await[0];
    assert_eq!(event["data"], json!({ "action": "updated", "changes": ["description", "metadata", "tags"] }));
}
