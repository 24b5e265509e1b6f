//! /v1/accounts/{account_id}/issuers/{issuer_id}/clients

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

const REDIRECT: &str = "https://app.example.com/cb";

fn web() -> Value {
    json!({ "name": "Web", "confidential": true, "settings": { "openid": { "redirect_uris": [REDIRECT] } } })
}

/// A new client of the issuer at `issuer`; returns the path below it.
async fn client(app: &App, issuer: &str, body: Value) -> String {
    let path = format!("{issuer}/clients");
    let made = app.root().post(&path, body).expect(201).await;
    format!("{path}/{}", made.id())
}

#[tokio::test]
async fn a_created_client_reads_back_whole_and_its_secret_is_shown_once() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let made = app.root().post(&format!("{issuer}/clients"), web()).expect(201).await;
    assert_eq!(made.text("secret").len(), 43);
    let read = app.root().get(&format!("{issuer}/clients/{}", made.id())).expect(200).await;
    assert_eq!(made.header("etag"), read.header("etag"));
    let mut expected = made.data().clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(read.data(), &expected);
    let data = read.data();
    assert_eq!(data["type"], "external");
    assert_eq!(data["status"], "active");
    assert_eq!(data["status_at"], Value::Null);
    assert_eq!(data["secret_rotated_at"], Value::Null);
    assert_eq!(data["logo_url"], Value::Null);
    assert_eq!(data["settings"]["protocol"], "oidc");
    assert_eq!(data["settings"]["scopes"], json!(["openid"]));
    assert_eq!(data["settings"]["organizations"], json!({ "mode": "all", "ids": [] }));
    let openid = &data["settings"]["openid"];
    assert_eq!(openid["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(openid["token_endpoint_auth_method"], "any");
    assert_eq!(openid["response_signature_alg"], "RS256");
    assert_eq!(openid["require_pkce"], false);
    assert_eq!(openid["jwks"], Value::Null);
    let event = &app.events("event_types=client.created").await[0];
    assert_eq!(
        event["data"],
        json!({ "application_type": "web", "confidential": true, "grant_types": ["authorization_code", "refresh_token"] })
    );
    assert_eq!(event["subject"]["client_id"], made.id());
}

#[tokio::test]
async fn a_name_is_enough_and_makes_a_public_client_without_secret() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let made = app.root().post(&format!("{issuer}/clients"), json!({ "name": "x" })).expect(201).await;
    assert_eq!(made.data().get("secret"), None);
    assert_eq!(made.data()["confidential"], false);
    assert_eq!(made.data()["settings"]["openid"]["token_endpoint_auth_method"], "none");
    assert_eq!(made.data()["settings"]["openid"]["require_pkce"], true);
    let refused = app.root().act(&format!("{issuer}/clients/{}/secret/rotate", made.id())).expect(409).await;
    assert_eq!(refused.refusal().0, "conflict");
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once() {
    let app = App::start(DRIVER).await;
    let clients = format!("{}/clients", app.issuer().await);
    let body = json!({
        "type": "alien", "logo_url": "x", "metadata": { "_x": 1 }, "typo": 1,
        "settings": { "protocol": "saml", "openid": {
            "redirect_uris": ["nowhere", "http://app.example.com/"], "access_token_ttl": 59, "id_token_ttl": 1_814_401,
            "response_types": [], "jwks": { "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }, "typo": 1,
        } },
    });
    let refused = app.root().post(&clients, body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "logo_url invalid_format",
            "metadata._x invalid_format",
            "name required",
            "settings.openid.access_token_ttl too_small",
            "settings.openid.id_token_ttl too_big",
            "settings.openid.jwks.keys.0.k not_allowed",
            "settings.openid.jwks.keys.0.kty invalid_enum_value",
            "settings.openid.redirect_uris.0 invalid_format",
            "settings.openid.redirect_uris.1 not_allowed",
            "settings.openid.response_types too_short",
            "settings.openid.typo unknown_field",
            "settings.protocol invalid_enum_value",
            "type invalid_enum_value",
            "typo unknown_field",
        ]
    );
    assert!(!String::from_utf8_lossy(&refused.bytes).contains("c2VjcmV0"));
    let body = json!({
        "name": "x", "settings": {
            "organizations": { "mode": "allowlist", "ids": ["org_0000000000000000000000000"] },
            "openid": {
                "application_type": "m2m", "redirect_uris": [format!("{}/cb", app.base)],
                "frontchannel_logout_uri": "https://app.example.com/out",
            },
        },
    });
    let refused = app.root().post(&clients, body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "confidential not_allowed",
            "settings.openid.frontchannel_logout_uri not_allowed",
            "settings.openid.grant_types.0 not_allowed",
            "settings.openid.redirect_uris not_allowed",
            "settings.openid.redirect_uris.0 not_allowed",
            "settings.organizations.ids.0 unknown_reference",
        ]
    );
}

#[tokio::test]
async fn flattened_copies_are_aliases_and_contradictions_are_refused() {
    let app = App::start(DRIVER).await;
    let clients = format!("{}/clients", app.issuer().await);
    let body = json!({
        "name": "x", "confidential": true, "application_type": "m2m", "grant_types": ["client_credentials"],
        "scopes": ["a:read"], "protocol": "oidc", "redirect_uri_count": 7, "configuration_indexed": false,
    });
    let made = app.root().post(&clients, body).expect(201).await;
    assert_eq!(made.data()["settings"]["scopes"], json!(["a:read"]));
    assert_eq!(made.data()["settings"]["openid"]["application_type"], "m2m");
    let body = json!({ "name": "x", "scopes": ["a:read"], "settings": { "scopes": ["b:read"] } });
    assert_eq!(app.root().post(&clients, body).expect(400).await.refusal().1, ["scopes not_allowed"]);
}

#[tokio::test]
async fn a_fetched_client_or_list_item_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let path = client(&app, &issuer, web()).await;
    let fetched = app.root().get(&path).expect(200).await;
    let item = app.root().get(&format!("{issuer}/clients")).expect(200).await.data()[0].clone();
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [fetched.data().clone(), item, json!({})] {
        let same = app.root().patch(&path, body).expect(200).await;
        assert_eq!(same.data(), fetched.data());
        assert_eq!(same.header("etag"), fetched.header("etag"));
    }
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn defaults_follow_the_kind_and_null_brings_them_back() {
    let app = App::start(DRIVER).await;
    let path = client(&app, &app.issuer().await, web()).await;
    let patch = json!({ "confidential": false, "settings": { "openid": { "application_type": "spa" } } });
    let public = app.root().patch(&path, patch).expect(200).await;
    assert_eq!(public.data()["settings"]["openid"]["token_endpoint_auth_method"], "none");
    assert_eq!(public.data()["settings"]["openid"]["redirect_uris"], json!([REDIRECT]));
    let events = app.events("event_types=client.updated").await;
    assert_eq!(events[0]["data"], json!({ "changes": ["confidential", "settings"] }));
    // The secret went with the confidentiality, and does not come back with it.
    app.root().patch(&path, json!({ "confidential": true, "application_type": "web" })).expect(200).await;
    let list = format!("{}?readiness=incomplete", path.rsplit_once('/').unwrap().0);
    assert_eq!(app.root().get(&list).expect(200).await.data().as_array().unwrap().len(), 1);
    app.root().act(&format!("{path}/secret/rotate")).expect(200).await;
    assert_eq!(app.root().get(&list).expect(200).await.data(), &json!([]));
    let patch = json!({ "grant_types": ["client_credentials"] });
    app.root().patch(&path, patch).expect(200).await;
    let patch = json!({ "settings": { "openid": { "grant_types": null } } });
    let reset = app.root().patch(&path, patch).expect(200).await;
    assert_eq!(reset.data()["settings"]["openid"]["grant_types"], json!(["authorization_code", "refresh_token"]));
    let refused = app.root().patch(&path, json!({ "settings": { "scopes": null } })).expect(400).await;
    assert_eq!(refused.refusal().1, ["settings.scopes invalid_type"]);
}

#[tokio::test]
async fn a_rotation_shows_a_new_secret_with_its_event_and_replays_it() {
    let app = App::start(DRIVER).await;
    let path = client(&app, &app.issuer().await, web()).await;
    let rotate = format!("{path}/secret/rotate");
    app.advance(Duration::from_secs(1));
    app.root().act(&rotate).header("if-match", "\"1\"").expect(412).await;
    let rotated = app.root().act(&rotate).header("idempotency-key", "k").expect(200).await;
    assert_eq!(rotated.text("secret").len(), 43);
    let replayed = app.root().act(&rotate).header("idempotency-key", "k").expect(200).await;
    assert_eq!(replayed.text("secret"), rotated.text("secret"));
    let read = app.root().get(&path).expect(200).await;
    assert_eq!(read.data()["secret_rotated_at"], app.now());
    assert_eq!(read.header("etag"), rotated.header("etag"));
    let events = app.events("event_types=client.secret.rotated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "secret_rotated_at": app.now() }));
    let assertion = json!({ "settings": { "openid": {
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/jwks",
    } } });
    app.root().patch(&path, assertion).expect(200).await;
    assert_eq!(app.root().act(&rotate).expect(409).await.refusal().0, "conflict");
}

#[tokio::test]
async fn disabling_and_enabling_have_events_of_their_own() {
    let app = App::start(DRIVER).await;
    let path = client(&app, &app.issuer().await, web()).await;
    let body = json!({ "status": "blocked", "status_reason": "Ann said so" });
    let disabled = app.root().patch(&path, body).expect(200).await;
    assert_eq!(disabled.data()["status"], "disabled");
    assert_eq!(disabled.data()["status_at"], app.now());
    app.root().patch(&path, json!({ "status": "disabled" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "active", "status_reason": "paid", "name": "y" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "deleted" })).expect(400).await;
    let events = app.events("event_types=client.blocked,client.unblocked,client.updated").await;
    let seen: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"].clone())).collect();
    assert_eq!(
        seen,
        [
            ("client.blocked", json!({ "reason": null })),
            ("client.updated", json!({ "changes": ["name"] })),
            ("client.unblocked", json!({ "reason": "paid" })),
        ]
    );
}

#[tokio::test]
async fn a_deleted_client_is_gone_but_for_the_list_of_deleted_ones() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let path = client(&app, &issuer, web()).await;
    app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    assert!(app.root().delete(&path).expect(204).await.bytes.is_empty());
    for refused in [
        app.root().get(&path),
        app.root().delete(&path),
        app.root().patch(&path, json!({ "typo": 1 })),
        app.root().act(&format!("{path}/secret/rotate")),
    ] {
        assert_eq!(refused.expect(404).await.refusal().0, "not_found");
    }
    let list = |query: &str| app.root().get(&format!("{issuer}/clients{query}")).expect(200);
    assert_eq!(list("").await.data(), &json!([]));
    let deleted = list("?status=deleted").await;
    assert_eq!(deleted.data()[0]["status"], "deleted");
    assert_eq!(deleted.data()[0]["status_at"], app.now());
    assert_eq!(app.events("event_types=client.deleted").await[0]["data"], Value::Null);
}

#[tokio::test]
async fn lists_filter_walk_by_cursor_and_refuse_bad_parameters_together() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let mut made = Vec::new();
    for number in 0..5 {
        let path = client(&app, &issuer, json!({ "name": format!("Ärzte {number}") })).await;
        made.insert(0, path.rsplit('/').next().unwrap().to_owned());
    }
    client(&app, &issuer, web()).await;
    let list = format!("{issuer}/clients");
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.root().get(&format!("{list}?limit=2&name=%C3%A4rzte{cursor}")).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
    let page = app.root().get(&format!("{list}?readiness=ready&q=web&application_type=web")).expect(200).await;
    let item = &page.data()[0];
    assert_eq!((page.data().as_array().unwrap().len(), &item["redirect_uri_count"]), (1, &json!(1)));
    assert_eq!(item["scopes"], json!(["openid"]));
    let refused = app.root().get(&format!("{list}?status=blocked&readiness=x&application_type=x&cursor=x")).expect(400);
    assert_eq!(
        refused.await.refusal().1,
        ["application_type invalid_enum_value", "readiness invalid_enum_value", "status invalid_enum_value"]
    );
    assert_eq!(app.root().get(&format!("{list}?cursor=x")).expect(400).await.refusal().1, ["cursor invalid_format"]);
}
