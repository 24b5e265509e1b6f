//! Signing keys in wrong hands (D87).

use authpi_core::error::Refusal;
use serde_json::{Value, json};

use super::{Ground, claims, part, refused, text};

/// The names of the published keys, by algorithm.
async fn published(ground: &Ground) -> Vec<(String, String)> {
    let set = ground.app.anonymous().get(&ground.path("jwks.json")).expect(200).await.body;
    let word = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut keys: Vec<_> =
        set["keys"].as_array().unwrap().iter().map(|key| (word(key, "alg"), word(key, "kid"))).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_key_in_wrong_hands_is_withdrawn_and_ends_the_sessions_that_it_signed() {
    let ground = Ground::new().await;
    let issuer = ground.id.parse().unwrap();
    let lost = ground.tokens(&["openid"]).await;
    let kid = part(text(&lost, "refresh_token"), 0)["kid"].as_str().unwrap().to_owned();
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let other = json!({ "settings": { "openid": { "response_signature_alg": "ES256" } } });
    ground.app.root().patch(&client, other).expect(200).await;
    let kept = ground.tokens(&["openid"]).await;
    let before = published(&ground).await;
    assert!(before.iter().any(|(algorithm, known)| algorithm == "RS256" && *known == kid));

    let done = ground.app.authpi.withdraw_key(issuer, kid.parse().unwrap()).await.unwrap();
    assert_eq!((done.withdrawn, done.sessions), (true, 1));
    let after = published(&ground).await;
    let algorithms: Vec<_> = after.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"]);
    assert!(after.iter().all(|(_, known)| *known != kid), "out of the set at once");
    assert_eq!(before[..2], after[..2], "the others stay");
    refused(&ground.userinfo(text(&lost, "access_token")).await, 401, "invalid_token");
    refused(&ground.refresh(text(&lost, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(ground.introspect(text(&lost, "access_token")).await, json!({ "active": false }));
    let hint = format!("logout?id_token_hint={}", text(&lost, "id_token"));
    assert_eq!(ground.app.anonymous().get(&ground.path(&hint)).send().await.status.as_u16(), 400);
    let sid = |tokens: &tests::Reply| claims(text(tokens, "id_token"))["sid"].as_str().unwrap().to_owned();
    let session = ground.session(&sid(&lost)).await;
    assert_eq!(
        (&session["status"], &session["revoked_reason"]),
        (&json!("revoked"), &json!("signing_key_compromised"))
    );
    let ended = ground.events("session.terminated").await;
    assert_eq!((ended.len(), &ended[0]["data"]["cause"]), (1, &json!("compromised")));
    assert_eq!(ended[0]["auth"]["type"], "system");

    assert_eq!(ground.session(&sid(&kept)).await["status"], "active");
    assert_eq!(ground.refresh(text(&kept, "refresh_token")).await.status.as_u16(), 200);
    let rsa = json!({ "settings": { "openid": { "response_signature_alg": "RS256" } } });
    ground.app.root().patch(&client, rsa).expect(200).await;
    let new = ground.tokens(&["openid"]).await;
    let signer = part(text(&new, "access_token"), 0)["kid"].as_str().unwrap().to_owned();
    assert_eq!(after[2], ("RS256".to_owned(), signer), "the new key signs at once");
    assert_eq!(ground.userinfo(text(&new, "access_token")).await.status.as_u16(), 200);

    let again = ground.app.authpi.withdraw_key(issuer, kid.parse().unwrap()).await.unwrap();
    assert_eq!((again.withdrawn, again.sessions), (false, 0));
    assert_eq!(published(&ground).await, after);
    let nowhere = "i_0000000000000000000000000".parse().unwrap();
    let unknown = ground.app.authpi.withdraw_key(nowhere, kid.parse().unwrap()).await;
    assert!(matches!(unknown, Err(Refusal::NotFound)));
}

#[tokio::test]
async fn a_key_of_another_issuer_is_not_withdrawn() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let kid = part(text(&tokens, "refresh_token"), 0)["kid"].as_str().unwrap().parse().unwrap();
    let other = ground.app.issuer().await;
    let other = other.rsplit('/').next().unwrap().parse().unwrap();
    let done = ground.app.authpi.withdraw_key(other, kid).await.unwrap();
    assert_eq!((done.withdrawn, done.sessions), (false, 0));
    assert_eq!(ground.refresh(text(&tokens, "refresh_token")).await.status.as_u16(), 200);
}

/// D111
#[tokio::test]
async fn a_browser_stays_signed_in_while_the_cookie_key_is_replaced_once() {
    let ground = super::authorize::Ground::new().await;
    let issuer = ground.id().parse().unwrap();
    let (browser, other) = (ground.browser(), ground.browser());
    ground.authorized(&browser).await;
    let waiting = ground.get(&other, &[("prompt", "login")]).await;
    let silent = async || ground.get(&browser, &[("prompt", "none")]).await;
    ground.app.authpi.replace_cookie_key(issuer).await.unwrap();
    assert!(super::authorize::answered(&silent().await).contains_key("code"), "the key before is accepted");
    let reply = ground.sign_in(&other, &waiting).await;
    assert!(super::authorize::answered(&reply).contains_key("code"), "and so is a login that began under it");
    ground.app.authpi.replace_cookie_key(issuer).await.unwrap();
    super::authorize::client_is_told(&silent().await, "login_required");
    let renewed = ground.get(&other, &[("prompt", "none")]).await;
    assert!(super::authorize::answered(&renewed).contains_key("code"), "it has a cookie of the second key");
    let nowhere = "i_0000000000000000000000000".parse().unwrap();
    assert!(matches!(ground.app.authpi.replace_cookie_key(nowhere).await, Err(Refusal::NotFound)));
}
