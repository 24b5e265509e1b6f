//! Config OP: the discovery document and the published keys.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::Provider;
use tests::provider::{part, text};

use super::{provider, verified};

async fn document(provider: &Provider) -> Value {
    let path = format!("/{}/.well-known/openid-configuration", provider.id());
    provider.app.anonymous().get(&path).expect(200).await.body
}

async fn keys(provider: &Provider) -> Vec<Value> {
    let jwks = provider.app.anonymous().get(&format!("/{}/jwks.json", provider.id())).expect(200).await.body;
    jwks["keys"].as_array().unwrap().clone()
}

fn kids(keys: &[Value]) -> BTreeSet<String> {
    keys.iter().map(|key| text(key, "kid").to_owned()).collect()
}

/// `oidcc-discovery-endpoint-verification`: OpenID Connect Discovery §3
#[tokio::test]
async fn the_document_has_what_is_required_and_its_issuer_is_where_it_was_found() {
    let provider = provider(json!({})).await;
    let document = document(&provider).await;
    assert_eq!(document["issuer"], provider.url());
    let has = |name: &str, value: &str| document[name].as_array().unwrap().contains(&json!(value));
    assert!(has("response_types_supported", "code"));
    assert!(has("subject_types_supported", "public"));
    assert!(has("id_token_signing_alg_values_supported", "RS256"));
    assert!(!has("id_token_signing_alg_values_supported", "none"));
    assert!(has("scopes_supported", "openid"));
    assert!(has("grant_types_supported", "authorization_code"));
    for claim in ["sub", "iss", "auth_time", "name", "email", "phone_number", "address"] {
        assert!(has("claims_supported", claim), "{claim}");
    }
    for flag in ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"] {
        assert!(document[flag].is_boolean(), "{flag}");
    }
}

/// The same: what it names is there
#[tokio::test]
async fn every_endpoint_of_the_document_answers() {
    let provider = provider(json!({})).await;
    let document = document(&provider).await;
    let expected = [
        ("authorization_endpoint", "GET", 400),
        ("token_endpoint", "POST", 400),
        ("userinfo_endpoint", "GET", 401),
        ("userinfo_endpoint", "POST", 401),
        ("jwks_uri", "GET", 200),
        ("introspection_endpoint", "POST", 400),
        ("revocation_endpoint", "POST", 400),
        ("end_session_endpoint", "GET", 200),
        ("check_session_iframe", "GET", 200),
    ];
    for (name, method, status) in expected {
        let path = text(&document, name).strip_prefix(&provider.app.base).unwrap();
        let call = provider.app.anonymous().call(method.parse().unwrap(), path);
        let call = if method == "POST" { call.form(&[]) } else { call };
        let reply = call.send().await;
        assert_eq!(reply.status.as_u16(), status, "{name}: {reply}");
    }
}

/// OpenID Connect Core §10.1: keys have ids, are for signatures, and are public
#[tokio::test]
async fn the_keys_have_ids_and_no_private_part() {
    let provider = provider(json!({})).await;
    let keys = keys(&provider).await;
    assert_eq!(kids(&keys).len(), keys.len());
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} in {key}");
        }
    }
    let tokens = provider.tokens(&[]).await;
    for token in ["id_token", "access_token"] {
        verified(&provider, text(&tokens, token)).await;
    }
}

/// `oidcc-server-rotate-keys`: OpenID Connect Core §10.1.1
#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_after() {
    let provider = provider(json!({})).await;
    let day = Duration::from_hours(24);
    let first = provider.tokens(&[]).await;
    let old = kids(&keys(&provider).await);
    // 2027-01-15 and 16 days: the last day of the month.
    provider.app.advance(day * 16);
    let both = kids(&keys(&provider).await);
    assert!(both.is_superset(&old) && both.len() == 6, "{both:?}");
    let before = provider.tokens(&[]).await;
    assert!(old.contains(text(&part(text(&before, "id_token"), 0), "kid")), "verifiers have not seen the new key yet");
    provider.app.advance(day);
    let after = provider.tokens(&[]).await;
    assert!(!old.contains(text(&part(text(&after, "id_token"), 0), "kid")));
    verified(&provider, text(&after, "id_token")).await;
    verified(&provider, text(&first, "id_token")).await;
}
