//! Form Post OP (OAuth 2.0 Form Post Response Mode): the answer is a form that goes to the client by itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::Reply;
use tests::provider::{CALLBACK, claims, text};

use super::provider;

/// What a page sends to the client.
#[track_caller]
fn posted(reply: &Reply) -> BTreeMap<String, String> {
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/html; charset=utf-8"), "{reply}");
    let html = String::from_utf8_lossy(&reply.bytes).replace("&#x2f;", "/").replace("&amp;", "&");
    let form = html.split("<form id=\"form-post\"").nth(1).unwrap().split("</form>").next().unwrap();
    let (tag, rest) = form.split_once('>').unwrap();
    assert!(tag.contains("method=\"post\"") && tag.contains(&format!("action=\"{CALLBACK}\"")), "{tag}");
    assert!(!tag.contains("enctype"), "{tag}");
    rest.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|input| {
            let mut parts = input.split('"');
            (parts.next().unwrap().to_owned(), parts.nth(1).unwrap().to_owned())
        })
        .collect()
}

const WISH: (&str, &str) = ("response_mode", "form_post");

/// `oidcc-server`, Form Post Response Mode §2
#[tokio::test]
async fn the_answer_is_a_form_whose_code_is_good() {
    let provider = provider(json!({})).await;
    let reply = provider.authorize(&provider.browser(), &[WISH]).await;
    let found = posted(&reply);
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "iss", "session_state", "state"]);
    assert_eq!((found["state"].as_str(), found["iss"].as_str()), ("a b&c", &*provider.url()));
    let tokens = provider.exchange(&found["code"]).await;
    assert_eq!(claims(text(&tokens.body, "id_token"))["nonce"], "n-0S6_WzA2Mj");
}

/// Form Post Response Mode §4: nothing is kept, and nobody is told where it came from
#[tokio::test]
async fn the_form_is_not_cached_and_may_go_to_the_client() {
    let provider = provider(json!({})).await;
    let reply = provider.authorize(&provider.browser(), &[WISH]).await;
    assert!(reply.header("cache-control").contains("no-store"));
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    let policy = reply.header("content-security-policy");
    assert!(!policy.contains("form-action") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("script-src") && !policy.contains("unsafe-inline"), "{policy}");
}

/// `oidcc-prompt-none-not-logged-in`, `oidcc-response-type-missing`: errors take the same way
#[tokio::test]
async fn errors_are_posted_too() {
    let provider = provider(json!({})).await;
    let cases = [
        (("prompt", "none"), "login_required"),
        (("response_type", ""), "invalid_request"),
        (("request", "x"), "request_not_supported"),
    ];
    for (change, error) in cases {
        let found = posted(&provider.ask(&provider.browser(), &[WISH, change]).await);
        assert_eq!((found["error"].as_str(), found["state"].as_str()), (error, "a b&c"));
        assert!(found.contains_key("error_description") && !found.contains_key("code"), "{found:?}");
    }
}

/// `oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported`: what the object says of the way back is
/// followed, where the query says nothing
#[tokio::test]
async fn a_request_object_is_refused_in_the_form_that_it_asks_for() {
    let provider = provider(json!({})).await;
    let object = |claims: Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims))
    };
    let all = object(json!({ "response_mode": "form_post", "state": "of the object", "redirect_uri": "https://x.y/" }));
    let found = posted(&provider.ask(&provider.browser(), &[("request", &all), ("state", "")]).await);
    assert_eq!(found["error"], "request_not_supported");
    assert_eq!(found["state"], "of the object");
    let found = posted(&provider.ask(&provider.browser(), &[("request", &all)]).await);
    assert_eq!(found["state"], "a b&c", "the query comes first");
    for odd in ["..", "a.b.c", &object(json!({ "response_mode": 1 })), &object(json!({ "response_mode": "fragment" }))]
    {
        let reply = provider.ask(&provider.browser(), &[("request", odd)]).await;
        assert!(reply.header("location").contains("error=request_not_supported"), "{odd}: {reply}");
    }
}

/// `oidcc-ensure-registered-redirect-uri`: nor is anything posted to a stranger
#[tokio::test]
async fn nothing_is_posted_to_a_redirect_uri_that_is_not_registered() {
    let provider = provider(json!({})).await;
    let reply = provider.ask(&provider.browser(), &[WISH, ("redirect_uri", "https://evil.example.com/")]).await;
    assert_eq!(reply.status, 400, "{reply}");
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("evil.example.com"));
}

/// What the state contains is text
#[tokio::test]
async fn a_state_that_looks_like_html_stays_a_state() {
    let provider = provider(json!({})).await;
    let state = "\"><script>alert(1)</script><input value=\"";
    let reply = provider.authorize(&provider.browser(), &[WISH, ("state", state)]).await;
    let html = String::from_utf8_lossy(&reply.bytes);
    assert!(!html.contains("<script>alert") && html.contains("&lt;script&gt;"), "{html}");
}

/// OAuth 2.0 Multiple Response Types §2.1: a mode that is not offered is told by the query
#[tokio::test]
async fn a_mode_that_is_not_offered_is_an_error() {
    let provider = provider(json!({})).await;
    for mode in ["fragment", "web_message", "query.jwt"] {
        super::told(&provider.ask(&provider.browser(), &[("response_mode", mode)]).await, "invalid_request");
    }
    let reply = provider.authorize(&provider.browser(), &[("response_mode", "query")]).await;
    tests::provider::code_of(&reply);
}
