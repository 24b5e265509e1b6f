//! Whom tokens are for, and when the login was, as clients want it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tests::Reply;

use super::authorize::{Ground, answered, client_is_told};
use super::{CALLBACK, claims, text};

const DEFAULT: &str = "https://api.example.com";

async fn ground(kind: &str) -> Ground {
    Ground::with(json!({ "type": kind, "settings": { "scopes": ["openid", "email"], "openid": {
        "redirect_uris": [CALLBACK], "audience": DEFAULT } } }))
    .await
}

fn audience(reply: &Reply) -> Value {
    claims(text(reply, "access_token"))["aud"].clone()
}

async fn refreshed(ground: &Ground, tokens: &Reply) -> Reply {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", ground.client.as_str()),
        ("client_secret", ground.secret.as_str()),
        ("refresh_token", text(tokens, "refresh_token")),
    ];
    ground.app.anonymous().call(Method::POST, &format!("/{}/token", ground.id())).form(&form).expect(200).await
}

#[tokio::test]
async fn whom_somebody_elses_client_is_set_up_for_is_agreed_to_as_well() {
    let ground = ground("external").await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[]).await;
    let reply = ground.sign_in(&browser, &reply).await;
    let page = browser.page(&ground.flow(&reply)).await;
    assert!(page.state().await.to_string().contains(DEFAULT), "the page names it");
    assert_eq!(page.step("consent", json!({ "approve": true })).await, "done");
    let tokens = ground.exchange(&answered(&ground.go_on(&browser, &page.id).await)["code"]).await;
    assert_eq!(audience(&tokens), DEFAULT);
    assert!(answered(&ground.get(&browser, &[("prompt", "none")]).await).contains_key("code"));
    // The client turns to somebody else, whom nobody has agreed to.
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let other = json!({ "settings": { "openid": { "audience": "https://other.example.com" } } });
    ground.app.root().patch(&client, other).expect(200).await;
    client_is_told(&ground.get(&browser, &[("prompt", "none")]).await, "consent_required");
    assert_eq!(audience(&refreshed(&ground, &tokens).await), DEFAULT, "a grant stays what it was");
}

#[tokio::test]
async fn whom_a_client_of_the_issuer_is_set_up_for_needs_no_consent() {
    let ground = ground("internal").await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[]).await;
    let tokens = ground.exchange(&answered(&ground.sign_in(&browser, &reply).await)["code"]).await;
    assert_eq!(audience(&tokens), DEFAULT);
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let none = json!({ "settings": { "openid": { "audience": null } } });
    ground.app.root().patch(&client, none).expect(200).await;
    assert_eq!(audience(&refreshed(&ground, &tokens).await), ground.client);
}

/// D181
#[tokio::test]
async fn an_access_token_tells_the_time_of_the_login_where_the_client_wants_it() {
    let ground = ground("internal").await;
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let browser = ground.browser();
    let reply = ground.get(&browser, &[]).await;
    let login = ground.app.now() / 1_000;
    let tokens = ground.exchange(&answered(&ground.sign_in(&browser, &reply).await)["code"]).await;
    let told = |reply: &Reply| {
        let claims = claims(text(reply, "access_token"));
        (claims["auth_time"].as_i64().unwrap(), claims["acr"].clone(), claims["amr"].clone())
    };
    assert_eq!(told(&tokens), (login, Value::Null, Value::Null));
    ground.app.advance(Duration::from_mins(5));
    let tokens = refreshed(&ground, &tokens).await;
    assert_eq!(told(&tokens), (login + 300, Value::Null, Value::Null), "as documented: when it was issued");
    let wanted = json!({ "settings": { "openid": { "access_token_auth_time": "login" } } });
    ground.app.root().patch(&client, wanted).expect(200).await;
    ground.app.advance(Duration::from_mins(5));
    let tokens = refreshed(&ground, &tokens).await;
    assert_eq!(told(&tokens), (login, json!("aal1"), json!(["pwd"])));
    let form = [
        ("client_id", ground.client.as_str()),
        ("client_secret", ground.secret.as_str()),
        ("token", text(&tokens, "access_token")),
    ];
    let path = format!("/{}/introspect", ground.id());
    let known = ground.app.anonymous().call(Method::POST, &path).form(&form).expect(200).await.body;
    assert_eq!((&known["auth_time"], &known["acr"], &known["amr"]), (&json!(login), &json!("aal1"), &json!(["pwd"])));
    let id = claims(text(&tokens, "id_token"));
    assert_eq!((&id["auth_time"], &id["nonce"]), (&json!(login), &Value::Null));
}
