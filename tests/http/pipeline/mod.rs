//! What every request passes, whatever it asks for.

mod limits;
mod repeating;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authpi_core::transport::{Compute, QueueFull};
use authpi_core::web::services::Options;
use http::Method;
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

#[tokio::test]
async fn me_names_the_key_its_account_and_its_scopes() {
    let app = App::start(DRIVER).await;
    let me = app.root().get("/v1/me").expect(200).await;
    let org = app.account.replace("acc_", "org_");
    assert_eq!(me.data()["type"], "api_key");
    assert_eq!(me.data()["key_id"], app.key.0);
    let access = json!([{ "account_id": app.account, "org_id": org, "scopes": ["*:**"] }]);
    assert_eq!(me.data()["accounts"], access);
    assert_eq!(me.data()["organizations"], json!([{ "org_id": org, "scopes": ["*:**"] }]));
}

#[tokio::test]
async fn a_verification_is_in_the_very_next_event_list() {
    let app = App::start(DRIVER).await;
    app.root().get("/v1/me").header("user-agent", "curl/8").expect(200).await;
    let events = app.events("event_types=api-key.verified").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "surface": "me", "scopes": ["*:**"] }));
    assert_eq!(events[0]["subject"]["key_id"], app.key.0);
    assert_eq!(events[0]["auth"]["ip"], "127.0.0.1");
    assert_eq!(events[0]["auth"]["user_agent"], "curl/8");
}

#[tokio::test]
async fn bad_credentials_are_401_with_the_fitting_challenge() {
    let app = App::start(DRIVER).await;
    let (id, secret) = &app.key;
    let nobody = app.anonymous().get("/v1/me").expect(401).await;
    assert_eq!(nobody.headers.get_all("www-authenticate").iter().count(), 2);
    for (id, secret) in [
        (id.as_str(), "wrong"),
        (id.as_str(), ""),
        ("key_00000000000000000000000000000000", secret.as_str()),
        ("", secret.as_str()),
        ("nonsense", "nonsense"),
    ] {
        let refused = app.with_key(id, secret).get("/v1/me").expect(401).await;
        assert_eq!(refused.refusal().0, "unauthorized_client");
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"core\"");
    }
    for header in ["Bearer abc", "Bearer"] {
        let refused = app.anonymous().get("/v1/me").header("authorization", header).expect(401).await;
        assert_eq!(refused.refusal().0, "invalid_token");
    }
    for header in ["Basic", "Basic !!!", "Basic YQ==", "Digest x", "x"] {
        let refused = app.anonymous().get("/v1/me").header("authorization", header).expect(401).await;
        assert_eq!(refused.refusal().0, "unauthorized_client", "{header}");
    }
    let twice = app.root().get("/v1/me").header("authorization", "Basic eDp5").expect(400).await;
    assert_eq!(twice.refusal().0, "invalid_request");
    app.root().get("/v1/me?access_token=x").expect(400).await;
}

#[tokio::test]
async fn an_account_that_is_not_the_callers_is_403_whether_it_exists_or_not() {
    let app = App::start(DRIVER).await;
    for account in ["acc_0000000000000000000000000", "acc_x", "nonsense"] {
        let refused = app.root().get(&format!("/v1/accounts/{account}/issuers")).expect(403).await;
        assert_eq!(refused.refusal().0, "access_denied");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_403_before_existence_is_checked() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&["issuers:read", "accounts:read"]).await;
    let missing = app.path("/issuers/i_0000000000000000000000000/organizations");
    let refused = app.with_key(&id, &secret).get(&missing).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    app.root().get(&missing).expect(404).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_documented_shape() {
    let app = App::start(DRIVER).await;
    for path in ["/", "/v1", "/v1/me/", "/v2/me", "/v1//me", "/v1/accounts;x=1"] {
        let refused = app.root().get(path).expect(404).await;
        assert_eq!(refused.refusal().0, "not_found", "{path}");
        assert_eq!(refused.body["retryable"], false);
    }
    let refused = app.root().call(Method::PUT, "/v1/me").expect(405).await;
    assert_eq!(refused.refusal().0, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET");
    let refused = app.root().get(&app.path("/issuers/i%20x")).expect(400).await;
    assert_eq!(refused.refusal().0, "invalid_request");
    app.root().get(&app.path("/issuers/..%2f..%2fetc")).expect(400).await;
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let list = format!("{issuer}/organizations");
    let send = |content_type: &'static str, body: &'static [u8]| {
        app.root().call(Method::POST, &list).body(content_type, body).send()
    };
    for (body, code) in [
        (&b"{"[..], " invalid_format"),
        (b"{\"name\": NaN}", " invalid_format"),
        (b"{\"name\": \"\xff\"}", " invalid_format"),
        (b"[]", " invalid_type"),
        (b"\"x\"", " invalid_type"),
        (b"null", " invalid_type"),
    ] {
        let refused = send("application/json", body).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().1), (400, vec![code.to_owned()]), "{body:?}");
    }
    let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let refused = app.root().call(Method::POST, &list).body("application/json", deep).expect(400).await;
    assert_eq!(refused.refusal().1, [" invalid_format"]);
    assert_eq!(send("text/plain", b"{\"name\":\"x\"}").await.refusal().0, "invalid_content_type");
    assert_eq!(send("application/json; charset=utf-8", b"{\"name\":\"x\"}").await.status, 201);
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let refused = app.root().call(Method::POST, &list).body("application/json", huge).expect(413).await;
    assert_eq!(refused.refusal().0, "payload_too_large");
    let nothing = app.root().act(&list).expect(400).await;
    assert_eq!(nothing.refusal().1, ["name required"]);
}

#[tokio::test]
async fn nul_characters_are_refused_wherever_they_stand() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let body = json!({ "name": "a\0", "scopes": [], "metadata": { "k": ["x", "\0"] }, "social_links": [] });
    let refused = app.root().post(&list, body).expect(400).await;
    assert_eq!(refused.refusal().1, ["metadata.k.1 invalid_format", "name invalid_format"]);
    let refused = app.root().get(&format!("{}?q=%00", app.path("/issuers"))).expect(400).await;
    assert_eq!(refused.refusal().1, ["q invalid_format"]);
}

#[tokio::test]
async fn oversized_headers_are_431() {
    let app = App::start(DRIVER).await;
    let refused = app.root().get("/v1/me").header("x-filler", &"x".repeat(17 * 1024)).expect(431).await;
    assert_eq!(refused.refusal().0, "headers_too_large");
}

#[tokio::test]
async fn every_answer_carries_its_reference_and_the_security_headers() {
    let app = App::start(DRIVER).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let given = format!("00-{trace}-00f067aa0ba902b7-01");
    for call in [app.root().get("/v1/me"), app.anonymous().get("/v1/me"), app.root().get("/nowhere")] {
        let reply = call.header("traceparent", &given).header("x-request-id", "forged").send().await;
        assert_eq!(reply.header("x-request-id"), trace);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
        if !reply.status.is_success() {
            assert_eq!(reply.body["reference"], trace);
        }
    }
    let minted = app.anonymous().get("/v1/me").header("traceparent", "00-zz-1-01").expect(401).await;
    assert_eq!(minted.header("x-request-id").len(), 32);

    let issuer = app.issuer().await;
    let token = format!("/{}/token", issuer.rsplit('/').next().unwrap());
    let stranger = app.anonymous().post(&token, json!({})).header("traceparent", &given).send().await;
    assert_ne!(stranger.header("x-request-id"), trace, "a stranger poses as a part of no other request");
}

#[tokio::test]
async fn get_answers_304_while_the_etag_is_the_same() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    for condition in [etag.clone(), "*".to_owned(), format!("\"1\", W/{etag}")] {
        let unchanged = app.root().get(&organization).header("if-none-match", &condition).expect(304).await;
        assert!(unchanged.bytes.is_empty());
        assert_eq!(unchanged.header("etag"), etag);
    }
    app.root().get(&organization).header("if-none-match", "\"1\"").expect(200).await;
}

#[tokio::test]
async fn if_match_takes_lists_stars_and_bare_numbers_and_refuses_garbage() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    let patch = |condition: String| app.root().patch(&organization, json!({})).header("if-match", &condition).send();
    for good in ["*".to_owned(), etag.clone(), etag.trim_matches('"').to_owned(), format!("\"1\", {etag}")] {
        assert_eq!(patch(good.clone()).await.status, 200, "{good}");
    }
    assert_eq!(patch(format!("W/{etag}")).await.status, 412);
    let refused = patch("garbage".to_owned()).await;
    assert_eq!(refused.refusal().1, ["If-Match invalid_format"]);
}
