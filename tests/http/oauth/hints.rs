//! ID tokens as hints (idp §4.5, §17, D163): what this issuer has signed, and nothing that only looks like it.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use tests::{App, Browser, Reply};

use super::authorize::{Ground, answered, client_is_told};
use super::client_authentication::{assertion, key};
use super::{claims, part, text};

const BACK: &str = "https://app.example.com/bye";

async fn on(app: App) -> Ground {
    let changes = json!({ "settings": { "scopes": ["openid", "email"], "openid": {
        "redirect_uris": [super::CALLBACK], "post_logout_redirect_uris": [BACK] } } });
    Ground::on(app, changes).await
}

/// Somebody who is signed in, with the ID token of the client.
async fn signed_in(ground: &Ground, browser: &Browser<'_>) -> String {
    let found = ground.authorized(browser).await;
    text(&ground.exchange(&found["code"]).await, "id_token").to_owned()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The token under another header, signed by whoever wrote it.
fn forged(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Everything that says what the token says, and that the issuer has not signed.
async fn forgeries(ground: &Ground, hint: &str) -> Vec<(&'static str, String)> {
    let (header, said) = (part(hint, 0), claims(hint));
    let with = |changes: Value| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        header
    };
    let set = ground.app.anonymous().get(&format!("/{}/jwks.json", ground.id())).expect(200).await;
    let published = set.body["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(published["n"].as_str().unwrap()).unwrap();
    let hs256 = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        forged(&with(json!({ "alg": "HS256" })), &said, |signed| hmac::sign(&key, signed).as_ref().to_vec())
    };
    let (pair, public) = key();
    let foreign = |header: Value| assertion(&pair, &header, &said);
    let mut older = said.clone();
    older["iat"] = json!(said["iat"].as_i64().unwrap() + 120);
    let (signed, signature) = hint.rsplit_once('.').unwrap();
    vec![
        ("alg none", forged(&with(json!({ "alg": "none" })), &said, |_| Vec::new())),
        ("alg None", forged(&with(json!({ "alg": "None" })), &said, |_| Vec::new())),
        ("no signature", format!("{signed}.")),
        ("HS256 by the public key", hs256(&modulus)),
        ("HS256 by its text", hs256(published.to_string().as_bytes())),
        ("HS256 by the secret of the client", hs256(ground.secret.as_bytes())),
        ("a foreign key under our name", foreign(with(json!({ "alg": "EdDSA" })))),
        ("a foreign key in the header", foreign(with(json!({ "alg": "EdDSA", "kid": "one", "jwk": public })))),
        ("an unknown key", foreign(json!({ "alg": "EdDSA", "kid": "00000000-0000-4000-8000-000000000000" }))),
        ("other claims under our signature", {
            let head = signed.split('.').next().unwrap();
            format!("{head}.{}.{signature}", encoded(&older))
        }),
    ]
}

async fn log_out(browser: &Browser<'_>, hint: &str) -> Reply {
    let parameters = [("id_token_hint", hint), ("post_logout_redirect_uri", BACK)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    browser.send(browser.call(Method::GET, &format!("/logout?{query}"))).await
}

#[tokio::test]
async fn a_hint_that_the_issuer_has_not_signed_is_refused() {
    let ground = on(App::start(super::DRIVER).await).await;
    let browser = ground.browser();
    let hint = signed_in(&ground, &browser).await;
    let elsewhere = on(App::start(super::DRIVER).await).await;
    let other = elsewhere.browser();
    let mut worthless = forgeries(&ground, &hint).await;
    worthless.push(("another issuer's", signed_in(&elsewhere, &other).await));
    for (what, bad) in &worthless {
        for prompt in ["none", ""] {
            let reply = ground.get(&browser, &[("id_token_hint", bad), ("prompt", prompt)]).await;
            client_is_told(&reply, "invalid_request");
        }
        let reply = log_out(&browser, bad).await;
        assert_eq!((reply.status.as_u16(), reply.headers.get("location")), (400, None), "{what}: {reply}");
        assert!(String::from_utf8_lossy(&reply.bytes).contains("ticket"), "{what}: it asks");
        let stranger = log_out(&ground.browser(), bad).await;
        assert_eq!((stranger.status.as_u16(), stranger.headers.get("location")), (400, None), "{what}: {stranger}");
    }
    let silent = ground.get(&browser, &[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert!(answered(&silent).contains_key("code"), "none of them ended the session");
}

#[tokio::test]
async fn a_hint_is_good_however_old_it_is() {
    let ground = on(App::start(super::DRIVER).await).await;
    let browser = ground.browser();
    let hint = signed_in(&ground, &browser).await;
    ground.app.advance(Duration::from_hours(2));
    assert!(claims(&hint)["exp"].as_i64().unwrap() < ground.app.now() / 1_000);
    let silent = ground.get(&browser, &[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert!(answered(&silent).contains_key("code"));
    assert_eq!(log_out(&browser, &hint).await.header("location"), BACK);
}

#[tokio::test]
async fn a_minimal_id_token_says_who_it_is_and_what_is_asked_for() {
    let ground = on(App::start(super::DRIVER).await).await;
    let organization = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let org = organization.rsplit('/').next().unwrap();
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let names = async |changes: &[(&str, &str)]| {
        let reply = ground.get(&browser, changes).await;
        let tokens = ground.exchange(&answered(&reply)["code"]).await;
        let said = |token: &str| claims(text(&tokens, token)).as_object().unwrap().clone();
        (said("id_token"), said("access_token"))
    };
    let held = |said: &serde_json::Map<String, Value>| {
        ["email", "email_verified", "organizations", "org_id"].map(|name| said.contains_key(name))
    };
    assert_eq!(held(&names(&[("org", org)]).await.0), [true; 4]);
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let minimal = json!({ "settings": { "openid": { "id_token_claims": "minimal" } } });
    ground.app.root().patch(&client, minimal).expect(200).await;
    let (said, access) = names(&[("org", org)]).await;
    assert_eq!(held(&said), [false; 4], "{said:?}");
    assert_eq!((&said["sub"], &said["aud"]), (&json!(ground.user), &json!(ground.client)));
    assert!(said.contains_key("sid") && said.contains_key("at_hash") && said.contains_key("nonce"), "{said:?}");
    assert_eq!(access["org_id"], org, "access tokens stay as they are");
    let asked = json!({ "id_token": { "email": null, "organizations": null } }).to_string();
    let (said, _) = names(&[("claims", &asked)]).await;
    assert_eq!(held(&said), [true, false, true, false], "{said:?}");
}
