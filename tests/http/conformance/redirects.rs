//! Basic OP: redirect URIs are compared as they stand (OpenID Connect Core §3.1.2.1; RFC 9700 §2.1).

use http::Method;
use serde_json::json;
use tests::provider::{CALLBACK, code_of};
use tests::{Provider, Reply};

use super::{provider, refused};

const WITH_QUERY: &str = "https://app.example.com/cb?foo=bar";

/// A page says so, and the browser goes nowhere.
#[track_caller]
fn goes_nowhere(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.headers.get("location")), (400, None), "{reply}");
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
}

async fn asked(provider: &Provider, redirect_uri: &str) -> Reply {
    provider.authorize(&provider.browser(), &[("redirect_uri", redirect_uri)]).await
}

/// `oidcc-ensure-registered-redirect-uri`
#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_is_not_followed() {
    let provider = provider(json!({})).await;
    for uri in ["https://evil.example.com/cb", "https://app.example.com/cb/", "https://app.example.com/CB", "/cb", ""] {
        goes_nowhere(&asked(&provider, uri).await);
    }
}

/// `oidcc-redirect-uri-query-OK`
#[tokio::test]
async fn a_registered_query_is_kept_and_the_answer_follows_it() {
    let provider = provider(json!({ "redirect_uris": [WITH_QUERY] })).await;
    let reply = asked(&provider, WITH_QUERY).await;
    let to = reply.header("location");
    assert!(to.starts_with(&format!("{WITH_QUERY}&code=")), "{to}");
    let code = to.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let grant = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", WITH_QUERY)];
    assert_eq!(provider.token(&grant).await.status, 200);
}

/// `oidcc-redirect-uri-query-mismatch`
#[tokio::test]
async fn another_query_than_the_registered_one_is_not_followed() {
    let provider = provider(json!({ "redirect_uris": [WITH_QUERY] })).await;
    for uri in ["https://app.example.com/cb?bar=foo", "https://app.example.com/cb?foo=baz", CALLBACK] {
        goes_nowhere(&asked(&provider, uri).await);
    }
}

/// `oidcc-redirect-uri-query-added`
#[tokio::test]
async fn a_query_that_was_not_registered_is_not_followed() {
    let provider = provider(json!({})).await;
    for added in ["?foo=bar", "?", "?foo"] {
        goes_nowhere(&asked(&provider, &format!("{CALLBACK}{added}")).await);
    }
}

/// `oidcc-redirect-uri-regfrag`
#[tokio::test]
async fn a_fragment_can_be_neither_registered_nor_asked_for() {
    let provider = provider(json!({})).await;
    goes_nowhere(&asked(&provider, &format!("{CALLBACK}#x")).await);
    let body = json!({ "name": "x", "confidential": true,
        "settings": { "openid": { "redirect_uris": [format!("{CALLBACK}#x")] } } });
    provider.app.root().post(&format!("{}/clients", provider.issuer), body).expect(400).await;
}

/// OpenID Connect Core §3.1.3.2: the token request repeats it
#[tokio::test]
async fn the_code_is_bound_to_the_redirect_uri_of_its_request() {
    let provider = provider(json!({ "redirect_uris": [CALLBACK, WITH_QUERY] })).await;
    for wrong in [WITH_QUERY, "https://evil.example.com/"] {
        let code = provider.code(&[]).await;
        let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", wrong)];
        refused(&provider.token(&grant).await, 400, "invalid_grant");
    }
    let code = provider.code(&[]).await;
    let without = [("grant_type", "authorization_code"), ("code", &*code)];
    assert_eq!(provider.token(&without).await.status, 400);
}

/// RFC 8252 §7.3
#[tokio::test]
async fn a_local_program_listens_on_any_port_and_nowhere_else() {
    let native = json!({ "confidential": false });
    let settings = json!({ "application_type": "native", "redirect_uris": ["http://127.0.0.1/cb"] });
    let app = tests::App::start(super::DRIVER).await;
    let provider = Provider::with(app, native, settings).await;
    let challenge = [("code_challenge", tests::provider::CHALLENGE), ("code_challenge_method", "S256")];
    let wish = |uri| [challenge[0], challenge[1], ("redirect_uri", uri)];
    let reply = provider.authorize(&provider.browser(), &wish("http://127.0.0.1:51423/cb")).await;
    assert!(reply.header("location").starts_with("http://127.0.0.1:51423/cb?code="), "{reply}");
    for uri in ["http://localhost:51423/cb", "http://127.0.0.1:51423/other", "https://127.0.0.1:51423/cb"] {
        let browser = provider.browser();
        let path = format!("/authorize?{}", provider.request(&wish(uri)));
        goes_nowhere(&browser.send(browser.call(Method::GET, &path)).await);
    }
}

/// The happy case, so that the ones above can be told from a provider that follows nothing.
#[tokio::test]
async fn the_registered_redirect_uri_is_followed() {
    let provider = provider(json!({})).await;
    code_of(&asked(&provider, CALLBACK).await);
}
