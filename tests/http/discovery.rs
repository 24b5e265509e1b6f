//! /{issuer_id}/.well-known/… and /{issuer_id}/jwks.json

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

/// The id at the end of a management path.
fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn kids(jwks: &Value) -> BTreeSet<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_discovery_document_is_the_same_under_its_three_names_and_says_what_the_issuer_says() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let patch = json!({
        "links": { "privacy_policy": "https://example.com/privacy", "documentation": "https://example.com/docs" },
        "available_scopes": ["openid", "orders:read"],
        "settings": { "branding": { "locales": ["de", "pt-br"] } },
    });
    app.root().patch(&issuer, patch).expect(200).await;
    let id = id(&issuer);
    let found = app.anonymous().get(&format!("/{id}/.well-known/openid-configuration")).expect(200).await;
    for other in [
        format!("/{id}/.well-known/oauth-authorization-server"),
        format!("/.well-known/oauth-authorization-server/{id}"),
    ] {
        assert_eq!(app.anonymous().get(&other).expect(200).await.bytes, found.bytes);
    }
    let url = format!("{}/{id}", app.base);
    assert_eq!(found.body["issuer"], url);
    assert_eq!(found.body["jwks_uri"], format!("{url}/jwks.json"));
    assert_eq!(found.body["op_policy_uri"], "https://example.com/privacy");
    assert_eq!(found.body["service_documentation"], "https://example.com/docs");
    assert_eq!(found.body["op_tos_uri"], Value::Null);
    assert_eq!(found.body["ui_locales_supported"], json!(["de", "pt-BR"]));
    let scopes = ["openid", "profile", "email", "phone", "address", "offline_access", "orders:read"];
    assert_eq!(found.body["scopes_supported"], json!(scopes));
    assert_eq!(found.header("content-type"), "application/json");
    assert_eq!(found.header("cache-control"), "public, max-age=3600, stale-while-revalidate=86400");
    assert_eq!(found.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_burst_of_first_requests_makes_one_set_of_three_keys() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let path = format!("/{}/jwks.json", id(&issuer));
    let replies = join_all((0..16).map(|_| app.anonymous().get(&path).expect(200))).await;
    assert!(replies.iter().all(|reply| reply.bytes == replies[0].bytes));
    let first = &replies[0];
    let kinds: BTreeSet<_> =
        first.body["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["ES256", "EdDSA", "RS256"]));
    assert_eq!(kids(&first.body).len(), 3);
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("cache-control"), "public, max-age=300, stale-while-revalidate=3600");
    assert_eq!(first.header("access-control-allow-origin"), "*");
    let text = String::from_utf8_lossy(&first.bytes).into_owned();
    assert!(["\"d\"", "\"p\"", "generation", "sealed"].iter().all(|word| !text.contains(word)));
}

#[tokio::test]
async fn a_document_that_is_known_is_not_sent_again() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    for document in ["jwks.json", ".well-known/openid-configuration"] {
        let path = format!("/{}/{document}", id(&issuer));
        let tag = app.anonymous().get(&path).expect(200).await.header("etag").to_owned();
        let same = app.anonymous().get(&path).header("if-none-match", &tag).expect(304).await;
        assert_eq!((same.header("etag"), same.bytes.len()), (tag.as_str(), 0));
        assert!(same.header("cache-control").starts_with("public, max-age="));
        app.anonymous().get(&path).header("if-none-match", "\"0\"").expect(200).await;
        let refused = app.anonymous().call(Method::POST, &path).expect(405).await;
        assert_eq!(refused.header("allow"), "GET");
    }
}

#[tokio::test]
async fn a_rotation_publishes_new_keys_beside_the_old_ones() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let path = format!("/{}/jwks.json", id(&issuer));
    let first = kids(&app.anonymous().get(&path).expect(200).await.body);
    // No month is longer, and no key is withdrawn before its 45th day.
    app.advance(Duration::from_hours(31 * 24));
    let second = kids(&app.anonymous().get(&path).expect(200).await.body);
    assert_eq!(second.len(), 6);
    assert!(second.is_superset(&first));
    app.advance(Duration::from_hours(62 * 24));
    let third = kids(&app.anonymous().get(&path).expect(200).await.body);
    assert!(!third.is_subset(&second), "rotated again");
}

#[tokio::test]
async fn changes_of_the_issuer_show_at_once() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let configuration = format!("/{}/.well-known/openid-configuration", id(&issuer));
    let jwks = format!("/{}/jwks.json", id(&issuer));
    let keys = app.anonymous().get(&jwks).expect(200).await;
    app.anonymous().get(&configuration).expect(200).await;
    let links = json!({ "links": { "terms_of_service": "https://example.com/terms" } });
    app.root().patch(&issuer, links).expect(200).await;
    let found = app.anonymous().get(&configuration).expect(200).await;
    assert_eq!(found.body["op_tos_uri"], "https://example.com/terms");

    app.root().patch(&issuer, json!({ "status": "suspended" })).expect(200).await;
    app.anonymous().get(&configuration).expect(200).await;
    assert_eq!(app.anonymous().get(&jwks).expect(200).await.bytes, keys.bytes, "outstanding tokens still verify");

    app.root().delete(&issuer).expect(204).await;
    for path in [&configuration, &jwks] {
        assert_eq!(app.anonymous().get(path).expect(404).await.body["error"], "not_found");
    }
}

#[tokio::test]
async fn an_unknown_issuer_has_nothing() {
    let app = App::start(DRIVER).await;
    let nobody = "i_0000000000000000000000000";
    for path in [
        format!("/{nobody}/jwks.json"),
        format!("/{nobody}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server/{nobody}"),
        "/somebody/jwks.json".to_owned(),
    ] {
        let refused = app.anonymous().get(&path).expect(404).await;
        assert_eq!(refused.body["error"], "not_found");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
}
