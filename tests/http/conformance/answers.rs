//! Basic OP: the answer to a request that is in order, and what its code and its ID token are good for.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tests::provider::{CALLBACK, CHALLENGE, VERIFIER, answered, claims, code_of, text};

use super::{provider, refused, verified};

/// `oidcc-server`, `oidcc-idtoken-signature`
#[tokio::test]
async fn the_id_token_has_every_claim_that_is_required_and_a_valid_signature() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 1_800);
    let id = verified(&provider, text(&tokens, "id_token")).await;
    let now = provider.app.now() / 1_000;
    assert_eq!((&id["iss"], &id["sub"]), (&json!(provider.url()), &json!(provider.user)));
    assert_eq!((&id["aud"], &id["nonce"]), (&json!(provider.client), &json!("n-0S6_WzA2Mj")));
    assert_eq!((&id["iat"], &id["auth_time"], &id["exp"]), (&json!(now), &json!(now), &json!(now + 1_800)));
    assert!(id.get("azp").is_none(), "one audience needs no authorized party");
    let hash = digest(&SHA256, text(&tokens, "access_token").as_bytes());
    assert_eq!(text(&id, "at_hash"), URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
}

/// OpenID Connect Core §3.1.2.5; RFC 9207; Session Management §3
#[tokio::test]
async fn the_answer_has_the_state_as_it_was_and_names_the_issuer() {
    let provider = provider(json!({})).await;
    let found = answered(&provider.authorize(&provider.browser(), &[]).await);
    assert_eq!((found["state"].as_str(), found["iss"].as_str()), ("a b&c", &*provider.url()));
    assert!(found["code"].len() >= 32 && found["session_state"].contains('.'), "{found:?}");
    let found = answered(&provider.authorize(&provider.browser(), &[("state", "")]).await);
    assert!(!found.contains_key("state"), "{found:?}");
}

/// OpenID Connect Core §3.1.3.3; RFC 6749 §5.1
#[tokio::test]
async fn tokens_are_not_cached() {
    let provider = provider(json!({})).await;
    let code = provider.code(&[]).await;
    let reply = provider.exchange(&code).await;
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
}

/// `oidcc-ensure-request-without-nonce-succeeds-for-code-flow`
#[tokio::test]
async fn without_a_nonce_the_id_token_has_none() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[("nonce", "")]).await;
    assert!(claims(text(&tokens, "id_token")).get("nonce").is_none());
}

/// `oidcc-codereuse`
#[tokio::test]
async fn a_code_is_good_once() {
    let provider = provider(json!({})).await;
    let code = provider.code(&[]).await;
    let tokens = provider.exchange(&code).await;
    assert_eq!(tokens.status, 200, "{tokens}");
    refused(&provider.exchange(&code).await, 400, "invalid_grant");
}

/// `oidcc-codereuse-30seconds`: RFC 6749 §4.1.2, tokens that came of the code should be revoked
#[tokio::test]
async fn a_code_used_again_later_ends_what_came_of_it() {
    let provider = provider(json!({})).await;
    let code = provider.code(&[]).await;
    let tokens = provider.exchange(&code).await.body;
    provider.app.advance(Duration::from_secs(30));
    refused(&provider.exchange(&code).await, 400, "invalid_grant");
    refused(&provider.userinfo(text(&tokens, "access_token")).await, 401, "session_expired");
    refused(&provider.refresh(text(&tokens, "refresh_token")).await, 400, "invalid_grant");
}

/// RFC 6749 §4.1.2, RFC 9700: short-lived
#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let provider = provider(json!({})).await;
    let code = provider.code(&[]).await;
    provider.app.advance(Duration::from_secs(60));
    refused(&provider.exchange(&code).await, 400, "invalid_grant");
}

/// OpenID Connect Core §3.1.3.2: it was issued to this client
#[tokio::test]
async fn a_code_is_worth_nothing_to_another_client() {
    let provider = provider(json!({})).await;
    let (other, secret) = provider.other_client(json!({ "redirect_uris": [CALLBACK] })).await;
    let code = provider.code(&[]).await;
    let theirs = [
        ("client_id", &*other),
        ("client_secret", &*secret),
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
    ];
    refused(&provider.post("token", &theirs).send().await, 400, "invalid_grant");
    assert_eq!(provider.exchange(&code).await.status, 200, "nor spent by it");
}

/// `oidcc-ensure-request-with-valid-pkce-succeeds`
#[tokio::test]
async fn a_challenge_is_met_by_its_verifier_alone() {
    let provider = provider(json!({})).await;
    let challenge = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let grant = |code, verifier| {
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)]
    };
    let code = provider.code(&challenge).await;
    assert_eq!(provider.token(&grant(&code, VERIFIER)).await.status, 200);
    let code = provider.code(&challenge).await;
    refused(&provider.token(&grant(&code, &VERIFIER.to_lowercase())).await, 400, "invalid_grant");
    let code = provider.code(&challenge).await;
    refused(&provider.exchange(&code).await, 400, "invalid_grant");
}

/// `oidcc-refresh-token`: OpenID Connect Core §12.2
#[tokio::test]
async fn a_refreshed_id_token_is_of_the_same_login() {
    let provider = provider(json!({})).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[("scope", "openid offline_access")]).await);
    let first = provider.exchange(&code).await.body;
    provider.app.advance(Duration::from_secs(2));
    let second = provider.refresh(text(&first, "refresh_token")).await;
    assert_eq!(second.status, 200, "{second}");
    let (before, after) = (claims(text(&first, "id_token")), verified(&provider, text(&second.body, "id_token")).await);
    for claim in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64() && after.get("azp") == before.get("azp"));
    assert!(after.get("nonce").is_none_or(|nonce| *nonce == before["nonce"]));
    assert_ne!(first["access_token"], second.body["access_token"]);
    let (other, secret) = provider.other_client(json!({ "redirect_uris": [CALLBACK] })).await;
    let theirs = [
        ("client_id", &*other),
        ("client_secret", &*secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&second.body, "refresh_token")),
    ];
    refused(&provider.post("token", &theirs).send().await, 400, "invalid_grant");
}
