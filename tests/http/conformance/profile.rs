//! Basic OP: claims, and where they are told.

use serde_json::{Value, json};
use tests::Provider;
use tests::provider::{claims, text};

use super::{provider, refused};

const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

/// What userinfo tells for a scope, without what it tells always.
async fn told_for(provider: &Provider, scope: &str) -> Vec<String> {
    let tokens = provider.tokens(&[("scope", scope)]).await;
    let reply = provider.userinfo(text(&tokens, "access_token")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["sub"]), (200, &json!(provider.user)), "{reply}");
    let id = claims(text(&tokens, "id_token"));
    assert_eq!(id["sub"], reply.body["sub"], "the same subject in both");
    let always = ["sub", "organizations", "created_at"];
    let names = reply.body.as_object().unwrap().keys().filter(|name| !always.contains(&name.as_str()));
    names.cloned().collect()
}

fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

/// `oidcc-scope-profile`
#[tokio::test]
async fn scope_profile_is_the_fourteen_claims() {
    assert_eq!(told_for(&provider(json!({})).await, "openid profile").await, sorted(PROFILE));
}

/// `oidcc-scope-email`
#[tokio::test]
async fn scope_email_is_the_address_and_whether_it_is_proven() {
    let told = told_for(&provider(json!({})).await, "openid email").await;
    assert_eq!(told, sorted(["email", "email_verified", "updated_at"]));
}

/// `oidcc-scope-address`
#[tokio::test]
async fn scope_address_is_an_object() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[("scope", "openid address")]).await;
    let told = provider.userinfo(text(&tokens, "access_token")).await.body;
    let expected = json!({
        "formatted": "12 St James's Square\nSW1Y 4LB London\nGBR", "street_address": "12 St James's Square",
        "locality": "London", "postal_code": "SW1Y 4LB", "country": "GBR",
    });
    assert_eq!(told["address"], expected);
}

/// `oidcc-scope-phone`
#[tokio::test]
async fn scope_phone_is_the_number_and_whether_it_is_proven() {
    let told = told_for(&provider(json!({})).await, "openid phone").await;
    assert_eq!(told, sorted(["phone_number", "phone_number_verified", "updated_at"]));
}

/// `oidcc-scope-all`
#[tokio::test]
async fn all_scopes_are_all_claims() {
    let all =
        PROFILE.into_iter().chain(["email", "email_verified", "phone_number", "phone_number_verified", "address"]);
    assert_eq!(told_for(&provider(json!({})).await, "openid profile email address phone").await, sorted(all));
}

/// `oidcc-ensure-other-scope-order-succeeds`
#[tokio::test]
async fn the_order_of_scopes_means_nothing() {
    let told = told_for(&provider(json!({})).await, "email openid").await;
    assert_eq!(told, sorted(["email", "email_verified", "updated_at"]));
}

/// OpenID Connect Core §5.1: types
#[tokio::test]
async fn claims_have_the_types_of_the_specification() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[("scope", "openid profile email phone")]).await;
    let told = provider.userinfo(text(&tokens, "access_token")).await.body;
    for name in PROFILE {
        let is_it = if name == "updated_at" { told[name].is_i64() } else { told[name].is_string() };
        assert!(is_it, "{name} in {told}");
    }
    assert_eq!((&told["email_verified"], &told["phone_number_verified"]), (&json!(true), &json!(false)));
    assert_eq!((&told["name"], &told["birthdate"]), (&json!("Ada Lovelace"), &json!("1815-12-10")));
}

/// `oidcc-claims-essential`
#[tokio::test]
async fn a_single_claim_can_be_asked_for_and_comes_alone() {
    let provider = provider(json!({})).await;
    let claims = json!({ "userinfo": { "name": { "essential": true } } }).to_string();
    let tokens = provider.tokens(&[("claims", &claims)]).await;
    let told = provider.userinfo(text(&tokens, "access_token")).await.body;
    assert_eq!((&told["name"], told.get("family_name")), (&json!("Ada Lovelace"), None));
}

/// OpenID Connect Core §5.5.1: an essential claim that is missing is no error
#[tokio::test]
async fn an_essential_claim_that_nobody_knows_is_left_out() {
    let provider = provider(json!({})).await;
    let claims = json!({ "userinfo": { "shoe_size": { "essential": true }, "name": null } }).to_string();
    let tokens = provider.tokens(&[("claims", &claims)]).await;
    let told = provider.userinfo(text(&tokens, "access_token")).await.body;
    assert_eq!((&told["name"], told.get("shoe_size")), (&json!("Ada Lovelace"), None));
}

/// OpenID Connect Core §5.5: in the ID token
#[tokio::test]
async fn a_single_claim_can_be_asked_for_in_the_id_token() {
    let provider = provider(json!({})).await;
    let asked = json!({ "id_token": { "family_name": null, "auth_time": { "essential": true } } }).to_string();
    let tokens = provider.tokens(&[("claims", &asked)]).await;
    let id = claims(text(&tokens, "id_token"));
    assert_eq!((&id["family_name"], id.get("given_name")), (&json!("Lovelace"), None));
    assert!(id["auth_time"].is_i64());
}

/// `oidcc-userinfo-get`, `oidcc-userinfo-post-header`, `oidcc-userinfo-post-body`
#[tokio::test]
async fn userinfo_is_asked_in_three_ways() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[("scope", "openid email")]).await;
    let token = text(&tokens, "access_token");
    let path = format!("/{}/userinfo", provider.id());
    let by_get = provider.app.with_bearer(token).get(&path).expect(200).await;
    let by_header = provider.app.with_bearer(token).act(&path).expect(200).await;
    let by_body = provider.post("userinfo", &[("access_token", token)]).expect(200).await;
    assert!(by_get.body == by_header.body && by_get.body == by_body.body);
    assert_eq!(by_get.body["email"], "ada@example.com");
    assert!(by_get.header("content-type").starts_with("application/json"));
}

/// RFC 6750 §2, §3
#[tokio::test]
async fn userinfo_refuses_no_token_a_bad_one_one_in_the_query_and_two() {
    let provider = provider(json!({})).await;
    let tokens = provider.tokens(&[]).await;
    let token = text(&tokens, "access_token");
    let path = format!("/{}/userinfo", provider.id());
    let nothing = provider.app.anonymous().get(&path).send().await;
    assert_eq!(
        (nothing.status.as_u16(), nothing.header("www-authenticate")),
        (401, &*format!("Bearer realm=\"{}\"", provider.id()))
    );
    let bad = provider.userinfo("x.y.z").await;
    refused(&bad, 401, "invalid_token");
    let challenge = bad.header("www-authenticate");
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
    let in_query = provider.app.anonymous().get(&format!("{path}?access_token={token}")).send().await;
    refused(&in_query, 400, "invalid_request");
    let form = [("access_token", token)];
    let twice = provider.app.with_bearer(token).call(http::Method::POST, &path).form(&form).send().await;
    refused(&twice, 400, "invalid_request");
    assert_eq!(provider.userinfo(token).await.body["sub"], Value::from(provider.user.clone()));
}
