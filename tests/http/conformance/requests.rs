//! Basic OP: parameters of a request that must be, may be, or must be refused.

use http::Method;
use serde_json::json;
use tests::provider::{answered, claims, code_of, text};

use super::{provider, told};

/// `oidcc-response-type-missing`
#[tokio::test]
async fn without_a_response_type_the_client_is_told_so() {
    let provider = provider(json!({})).await;
    told(&provider.ask(&provider.browser(), &[("response_type", "")]).await, "invalid_request");
}

/// OpenID Connect Core §3: of the response types there is one
#[tokio::test]
async fn other_response_types_are_not_supported() {
    let provider = provider(json!({})).await;
    for other in ["id_token", "token", "id_token token", "code token", "none"] {
        told(&provider.ask(&provider.browser(), &[("response_type", other)]).await, "unsupported_response_type");
    }
}

/// `oidcc-ensure-request-with-unknown-parameter-succeeds`
#[tokio::test]
async fn what_is_not_understood_is_ignored() {
    let provider = provider(json!({})).await;
    code_of(&provider.authorize(&provider.browser(), &[("extra", "foobar")]).await);
}

/// `oidcc-ensure-post-request-succeeds`: OpenID Connect Core §3.1.2.1
#[tokio::test]
async fn a_request_may_be_posted() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let form = provider.request(&[]).into_bytes();
    let call = browser.call(Method::POST, "/authorize").body("application/x-www-form-urlencoded", form);
    let reply = browser.send(call.header("origin", "https://app.example.com")).await;
    assert_eq!(reply.status, 303, "{reply}");
    let path = reply.header("location").strip_prefix(&provider.url()).unwrap().to_owned();
    let reply = browser.send(browser.call(Method::GET, &path)).await;
    code_of(&provider.follow(&browser, reply).await);
}

/// `oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported`
#[tokio::test]
async fn request_objects_are_refused_as_unsupported() {
    let provider = provider(json!({})).await;
    let object = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.";
    told(&provider.ask(&provider.browser(), &[("request", object)]).await, "request_not_supported");
    let by_reference = [("request_uri", "https://app.example.com/request.jwt")];
    told(&provider.ask(&provider.browser(), &by_reference).await, "request_uri_not_supported");
}

/// `oidcc-ensure-request-object-with-redirect-uri`
#[tokio::test]
async fn a_redirect_uri_inside_of_a_request_object_is_not_followed() {
    let provider = provider(json!({})).await;
    // {"redirect_uri": "https://evil.example.com/"}
    let object = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS5jb20vIn0.";
    told(&provider.ask(&provider.browser(), &[("request", object)]).await, "request_not_supported");
    let alone = provider.ask(&provider.browser(), &[("request", object), ("redirect_uri", "")]).await;
    assert_eq!((alone.status.as_u16(), alone.headers.get("location")), (400, None), "{alone}");
}

/// `oidcc-display-page`, `oidcc-display-popup`
#[tokio::test]
async fn any_display_is_taken() {
    let provider = provider(json!({})).await;
    for display in ["page", "popup", "touch", "wap"] {
        code_of(&provider.authorize(&provider.browser(), &[("display", display)]).await);
    }
}

/// `oidcc-ui-locales`
#[tokio::test]
async fn wished_languages_are_spoken_where_there_are_such() {
    let provider = provider(json!({})).await;
    let branding = json!({ "settings": { "branding": { "locales": ["en", "de", "fr"] } } });
    provider.app.root().patch(&provider.issuer, branding).expect(200).await;
    for (wished, spoken) in [("se", "en"), ("de fr", "de"), ("xx-YY fr-CA en", "fr")] {
        let browser = provider.browser();
        let asked = provider.ask(&browser, &[("ui_locales", wished)]).await;
        let flow = provider.flow(&asked).unwrap();
        let page = browser.send(browser.call(Method::GET, &format!("/login?flow={flow}"))).await;
        let html = String::from_utf8_lossy(&page.bytes).into_owned();
        assert!(html.contains(&format!("<html lang=\"{spoken}\"")), "{wished}: {html}");
        code_of(&provider.follow(&browser, asked).await);
    }
}

/// `oidcc-claims-locales`
#[tokio::test]
async fn wished_languages_of_claims_are_no_error() {
    let provider = provider(json!({})).await;
    code_of(&provider.authorize(&provider.browser(), &[("claims_locales", "se"), ("scope", "openid profile")]).await);
}

/// `oidcc-ensure-request-with-acr-values-succeeds`
#[tokio::test]
async fn wished_classes_are_no_error_and_the_id_token_names_the_one_that_was_reached() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[("acr_values", "urn:mace:incommon:iap:silver 2 1")]).await;
    assert_eq!(claims(text(&tokens, "id_token"))["acr"], "aal1");
}

/// `oidcc-login-hint`
#[tokio::test]
async fn a_login_hint_stands_on_the_page() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let asked = provider.ask(&browser, &[("login_hint", "ada@example.com")]).await;
    let flow = provider.flow(&asked).unwrap();
    let page = browser.send(browser.call(Method::GET, &format!("/login?flow={flow}"))).await;
    assert!(String::from_utf8_lossy(&page.bytes).contains("value=\"ada@example.com\""), "{page}");
    code_of(&provider.follow(&browser, asked).await);
}

/// OpenID Connect Core §3.1.2.1: a value that nobody has is a hint like any other
#[tokio::test]
async fn a_login_hint_that_is_nobody_tells_nothing() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let asked = provider.ask(&browser, &[("login_hint", "bob@example.com")]).await;
    let page = browser.page(&provider.flow(&asked).unwrap()).await;
    let known = page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    assert_eq!(known, "first_factor");
}

/// RFC 6749 §3.1: parameters must not stand twice
#[tokio::test]
async fn a_parameter_that_stands_twice_is_an_error() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let twice = format!("/authorize?{}&scope=openid", provider.request(&[]));
    told(&browser.send(browser.call(Method::GET, &twice)).await, "invalid_request");
}

/// OpenID Connect Core §3.1.2.6: no state was sent, none comes back
#[tokio::test]
async fn an_error_without_state_has_none() {
    let provider = provider(json!({})).await;
    let found = answered(&provider.ask(&provider.browser(), &[("state", ""), ("prompt", "none")]).await);
    assert_eq!((found["error"].as_str(), found.get("state")), ("login_required", None));
    assert_eq!(found["iss"], provider.url());
}
