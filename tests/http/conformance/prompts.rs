//! Basic OP: who has to prove anew who they are, and who must not be asked.

use std::time::Duration;

use serde_json::json;
use tests::provider::{claims, code_of, text};

use super::{provider, told};

/// `oidcc-prompt-login`
#[tokio::test]
async fn prompt_login_asks_who_is_signed_in_already() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[]).await);
    let first = claims(text(&provider.exchange(&code).await.body, "id_token"));
    provider.app.advance(Duration::from_secs(2));
    let asked = provider.ask(&browser, &[("prompt", "login")]).await;
    assert!(provider.flow(&asked).is_some(), "{asked}");
    let code = code_of(&provider.follow(&browser, asked).await);
    let second = claims(text(&provider.exchange(&code).await.body, "id_token"));
    assert_eq!(first["sub"], second["sub"]);
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64(), "{second}");
}

/// `oidcc-prompt-none-not-logged-in`
#[tokio::test]
async fn prompt_none_without_a_login_is_login_required() {
    let provider = provider(json!({})).await;
    told(&provider.ask(&provider.browser(), &[("prompt", "none")]).await, "login_required");
}

/// `oidcc-prompt-none-logged-in`
#[tokio::test]
async fn prompt_none_with_a_login_answers_at_once_with_the_same_login() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[]).await);
    let first = claims(text(&provider.exchange(&code).await.body, "id_token"));
    provider.app.advance(Duration::from_secs(2));
    let code = code_of(&provider.ask(&browser, &[("prompt", "none")]).await);
    let second = claims(text(&provider.exchange(&code).await.body, "id_token"));
    assert_eq!((&first["sub"], &first["auth_time"]), (&second["sub"], &second["auth_time"]));
}

/// OpenID Connect Core §3.1.2.1: `none` goes with no other value
#[tokio::test]
async fn prompt_none_goes_alone() {
    let provider = provider(json!({})).await;
    told(&provider.ask(&provider.browser(), &[("prompt", "none login")]).await, "invalid_request");
}

/// `oidcc-max-age-1`
#[tokio::test]
async fn a_login_older_than_max_age_is_made_anew_and_auth_time_tells() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[]).await);
    let first = claims(text(&provider.exchange(&code).await.body, "id_token"));
    provider.app.advance(Duration::from_secs(2));
    let asked = provider.ask(&browser, &[("max_age", "1")]).await;
    assert!(provider.flow(&asked).is_some(), "{asked}");
    let code = code_of(&provider.follow(&browser, asked).await);
    let second = claims(text(&provider.exchange(&code).await.body, "id_token"));
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64(), "{second}");
    assert!(provider.app.now() / 1_000 - second["auth_time"].as_i64().unwrap() <= 1);
}

/// `oidcc-max-age-10000`
#[tokio::test]
async fn a_login_younger_than_max_age_does() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[("max_age", "15000")]).await);
    let first = claims(text(&provider.exchange(&code).await.body, "id_token"));
    provider.app.advance(Duration::from_secs(2));
    let code = code_of(&provider.ask(&browser, &[("max_age", "10000")]).await);
    let second = claims(text(&provider.exchange(&code).await.body, "id_token"));
    assert_eq!((&first["sub"], &first["auth_time"]), (&second["sub"], &second["auth_time"]));
}

/// `oidcc-id-token-hint`
#[tokio::test]
async fn an_id_token_hint_of_whoever_is_signed_in_answers_at_once() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[]).await);
    let tokens = provider.exchange(&code).await.body;
    let hint = text(&tokens, "id_token");
    // Expired is fine: the hint says who, and proves nothing.
    provider.app.advance(Duration::from_secs(3_600));
    let silent = [("prompt", "none"), ("id_token_hint", hint)];
    let code = code_of(&provider.ask(&browser, &silent).await);
    let second = claims(text(&provider.exchange(&code).await.body, "id_token"));
    assert_eq!(second["sub"], claims(hint)["sub"]);
}

/// OpenID Connect Core §3.1.2.1, `id_token_hint`: somebody else is signed in
#[tokio::test]
async fn an_id_token_hint_of_somebody_else_is_login_required() {
    let provider = provider(json!({})).await;
    let hint = provider.tokens(&[]).await;
    let bob = json!({ "email": "bob@example.com", "password": "anvil 17 violet drum teapot",
        "profile": { "email_verified": true } });
    provider.app.root().post(&format!("{}/users", provider.issuer), bob).expect(201).await;
    let browser = provider.browser();
    let asked = provider.ask(&browser, &[]).await;
    let page = browser.page(&provider.flow(&asked).unwrap()).await;
    assert_eq!(page.password("bob@example.com", "anvil 17 violet drum teapot").await, "done");
    let back = browser.send(browser.call(http::Method::GET, &format!("/authorize?flow={}", page.id))).await;
    code_of(&provider.follow(&browser, back).await);
    let silent = [("prompt", "none"), ("id_token_hint", text(&hint, "id_token"))];
    told(&provider.ask(&browser, &silent).await, "login_required");
}

/// OpenID Connect Core §3.1.2.4: consent cannot be asked for
#[tokio::test]
async fn prompt_none_without_consent_is_consent_required() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    code_of(&provider.authorize(&browser, &[]).await);
    told(&provider.ask(&browser, &[("prompt", "none"), ("scope", "openid phone")]).await, "consent_required");
}
