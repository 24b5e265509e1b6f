//! OpenID Connect Session Management 1.0: the frame that clients ask, and what it is answered.

use http::Method;
use serde_json::{Value, json};
use tests::provider::answered;
use tests::{App, Browser, Provider, Reply};

use super::super::DRIVER;
use super::{provider, refused};

/// What the frame asks on behalf of the page that holds it.
async fn check(provider: &Provider, browser: &Browser<'_>, body: Value) -> Reply {
    let call = browser.call(Method::POST, "/check-session").json(body);
    browser.send(call.header("origin", &provider.app.base).header("sec-fetch-site", "same-origin")).await
}

fn question(provider: &Provider, state: &str) -> Value {
    json!({ "client_id": provider.client, "session_state": state, "origin": "https://app.example.com" })
}

/// §3.2, §4.2
#[tokio::test]
async fn a_session_state_is_valid_in_its_browser_until_the_session_changes() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let state = answered(&provider.authorize(&browser, &[]).await)["session_state"].clone();
    let told = check(&provider, &browser, question(&provider, &state)).await;
    assert_eq!((told.status.as_u16(), &told.body), (200, &json!({ "valid": true })), "{told}");
    let stranger = check(&provider, &provider.browser(), question(&provider, &state)).await;
    assert_eq!(stranger.body, json!({ "valid": false }));
    provider.authorize(&browser, &[("prompt", "login")]).await;
    assert_eq!(check(&provider, &browser, question(&provider, &state)).await.body, json!({ "valid": false }));
}

/// §3.2: the frame tells nothing to pages that are not the client's
#[tokio::test]
async fn only_pages_of_the_client_may_ask() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let state = answered(&provider.authorize(&browser, &[]).await)["session_state"].clone();
    let foreign = json!({ "client_id": provider.client, "session_state": state, "origin": "https://evil.example.com" });
    refused(&check(&provider, &browser, foreign).await, 403, "access_denied");
    let unknown = json!({ "client_id": "c_0000000000000000000000000", "session_state": state, "origin": "https://app.example.com" });
    refused(&check(&provider, &browser, unknown).await, 403, "access_denied");
    let call = browser.call(Method::POST, "/check-session").json(question(&provider, &state));
    refused(&browser.send(call.header("origin", "https://app.example.com")).await, 403, "access_denied");
    refused(&check(&provider, &browser, json!({ "client_id": provider.client })).await, 400, "invalid_request");
}

/// §3.2: who does not say what page asks learns nothing
#[tokio::test]
async fn without_an_origin_no_session_is_valid() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let state = answered(&provider.authorize(&browser, &[]).await)["session_state"].clone();
    let told = check(&provider, &browser, json!({ "client_id": provider.client, "session_state": state })).await;
    assert_eq!((told.status.as_u16(), &told.body), (200, &json!({ "valid": false })), "{told}");
    let told = check(&provider, &browser, question(&provider, &state)).await;
    assert_eq!(told.body, json!({ "valid": true }));
}

/// §4.2: origins are those of redirect URIs, also of one that is accepted at any port
#[tokio::test]
async fn the_page_of_a_native_application_asks_from_the_port_that_it_listens_on() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let id = issuer.rsplit('/').next().unwrap().to_owned();
    let client = |kind: &str| {
        json!({ "name": "App", "confidential": false, "settings": { "openid": {
            "application_type": kind, "redirect_uris": ["http://127.0.0.1/cb", "http://localhost:3000/cb"] } } })
    };
    let clients = format!("{issuer}/clients");
    let native = app.root().post(&clients, client("native")).expect(201).await.id();
    let web = app.root().post(&clients, client("spa")).expect(201).await.id();
    let browser = app.browser(&issuer);
    browser.set_cookie("opbs", Some("of-this-browser".to_owned()));
    let status = async |client: &str, origin: &str| {
        use sha2::{Digest as _, Sha256};
        let hash = Sha256::digest(format!("{client} {origin} of-this-browser salt").as_bytes());
        let hash = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, hash);
        let body = json!({ "client_id": client, "session_state": format!("{hash}.salt"), "origin": origin });
        let call = browser.call(Method::POST, "/check-session").json(body).header("origin", &app.base);
        let reply = call.header("sec-fetch-site", "same-origin").send().await;
        assert!(reply.status.as_u16() == 403 || reply.body == json!({ "valid": true }), "{id}: {reply}");
        reply.status.as_u16()
    };
    assert_eq!(status(&native, "http://127.0.0.1:5123").await, 200);
    assert_eq!(status(&native, "http://localhost:3000").await, 200);
    assert_eq!(status(&native, "http://localhost:5123").await, 403, "a name is compared with its port");
    assert_eq!(status(&native, "http://[::1]:5123").await, 403);
    assert_eq!(status(&web, "http://127.0.0.1:5123").await, 403);
    assert_eq!(status(&web, "http://127.0.0.1").await, 200);
}

/// §3.3: any page may hold the frame, whose script is ours alone
#[tokio::test]
async fn the_frame_may_be_held_by_any_page() {
    let provider = provider(json!({})).await;
    let frame = provider.app.anonymous().get(&format!("/{}/check-session.html", provider.id())).expect(200).await;
    let policy = frame.header("content-security-policy");
    assert!(policy.contains("frame-ancestors *") && policy.contains("connect-src 'self'"), "{policy}");
    assert!(frame.headers.get("x-frame-options").is_none());
}
