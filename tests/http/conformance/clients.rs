//! Basic OP: how clients prove who they are (OpenID Connect Core §9; RFC 6749 §2.3).

use http::Method;
use serde_json::json;
use tests::Provider;
use tests::caller::Call;
use tests::provider::CALLBACK;

use super::{provider, refused};

fn grant(code: &str) -> [(&str, &str); 3] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]
}

fn token(provider: &Provider, parameters: &[(&str, &str)]) -> Call {
    provider.app.anonymous().call(Method::POST, &format!("/{}/token", provider.id())).form(parameters)
}

/// `oidcc-server` with `client_secret_basic`
#[tokio::test]
async fn a_secret_in_the_header_is_good() {
    let provider = provider(json!({ "token_endpoint_auth_method": "client_secret_basic" })).await;
    let code = provider.code(&[]).await;
    token(&provider, &grant(&code)).basic(&provider.client, &provider.secret).expect(200).await;
}

/// `oidcc-server-client-secret-post`
#[tokio::test]
async fn a_secret_in_the_body_is_good() {
    let provider = provider(json!({ "token_endpoint_auth_method": "client_secret_post" })).await;
    let code = provider.code(&[]).await;
    assert_eq!(provider.exchange(&code).await.status, 200);
}

/// OpenID Connect Registration §2, `token_endpoint_auth_method`
#[tokio::test]
async fn a_client_proves_itself_in_the_way_that_it_registered() {
    let provider = provider(json!({ "token_endpoint_auth_method": "client_secret_basic" })).await;
    let code = provider.code(&[]).await;
    refused(&provider.exchange(&code).await, 401, "invalid_client");
}

/// RFC 6749 §2.3, §5.2
#[tokio::test]
async fn a_wrong_secret_none_and_two_ways_at_once_are_refused() {
    let provider = provider(json!({})).await;
    let code = provider.code(&[]).await;
    let wrong = token(&provider, &grant(&code)).basic(&provider.client, "wrong").send().await;
    refused(&wrong, 401, "invalid_client");
    assert_eq!(wrong.header("www-authenticate"), format!("Basic realm=\"{}\"", provider.id()));
    let named = [&grant(&code)[..], &[("client_id", provider.client.as_str())]].concat();
    refused(&token(&provider, &named).send().await, 401, "invalid_client");
    let secret = [&named[..], &[("client_secret", provider.secret.as_str())]].concat();
    let both = token(&provider, &secret).basic(&provider.client, &provider.secret).send().await;
    assert_eq!(both.status, 400, "{both}");
    assert_eq!(provider.exchange(&code).await.status, 200, "none of these has spent the code");
}
