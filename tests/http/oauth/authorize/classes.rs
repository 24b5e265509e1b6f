//! Classes of a login that a client wishes for, or must have (idp §4.5, §4.7).

use super::*;

fn essential(classes: &[&str]) -> String {
    json!({ "id_token": { "acr": { "essential": true, "values": classes } } }).to_string()
}

async fn without_second_factors(ground: &Ground) {
    let off = json!({ "settings": { "access": { "mode": "open" }, "security": { "mfa": "off" } } });
    ground.app.root().patch(&ground.issuer, off).expect(200).await;
}

async fn acr(ground: &Ground, reply: &Reply) -> Value {
    claims(text(&ground.exchange(&answered(reply)["code"]).await, "id_token"))["acr"].clone()
}

#[tokio::test]
async fn a_wished_class_that_nobody_reaches_here_is_left_out_in_silence_too() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let silent = [("acr_values", "urn:gold aal2"), ("prompt", "none")];
    client_is_told(&ground.get(&browser, &silent).await, "interaction_required");
    without_second_factors(&ground).await;
    let reply = ground.get(&browser, &silent).await;
    assert_eq!(acr(&ground, &reply).await, "aal1");
    let reply = ground.get(&browser, &[("acr_values", "aal2")]).await;
    assert_eq!(acr(&ground, &reply).await, "aal1", "nobody is sent to a login that changes nothing");
    let voluntary = json!({ "id_token": { "acr": { "values": ["aal2"] } } }).to_string();
    let reply = ground.get(&browser, &[("claims", &voluntary), ("prompt", "none")]).await;
    assert_eq!(acr(&ground, &reply).await, "aal1");
}

#[tokio::test]
async fn an_essential_class_that_nobody_reaches_here_is_an_error_in_silence_too() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let (gold, two) = (essential(&["urn:gold"]), essential(&["aal2", "urn:gold"]));
    let ask = async |claims: &str, prompt: &str| ground.get(&browser, &[("claims", claims), ("prompt", prompt)]).await;
    for prompt in ["none", ""] {
        client_is_told(&ask(&gold, prompt).await, "unmet_authentication_requirements");
    }
    client_is_told(&ask(&two, "none").await, "interaction_required");
    let stranger = ground.browser();
    let reply = ground.get(&stranger, &[("claims", &two), ("prompt", "none")]).await;
    client_is_told(&reply, "login_required");
    without_second_factors(&ground).await;
    for prompt in ["none", ""] {
        client_is_told(&ask(&two, prompt).await, "unmet_authentication_requirements");
    }
    let reply = ask(&essential(&["aal2", "aal1"]), "none").await;
    assert_eq!(acr(&ground, &reply).await, "aal1", "one of them is enough");
}

#[tokio::test]
async fn who_has_a_second_factor_can_still_reach_the_class_where_none_are_set_up_any_more() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let verifiers = format!("{}/users/{}/verifiers", ground.issuer, ground.user);
    let begun = ground.app.root().post(&verifiers, json!({ "type": "totp_app" })).expect(201).await;
    let code = tests::totp::code(&begun.text("secret"), ground.app.now());
    let body = json!({ "enrollment_id": begun.text("enrollment_id"), "code": code });
    ground.app.root().post(&format!("{verifiers}/complete-enrollment"), body).expect(200).await;
    without_second_factors(&ground).await;
    for wish in [("acr_values", "aal2".to_owned()), ("claims", essential(&["aal2"]))] {
        let reply = ground.get(&browser, &[(wish.0, &wish.1), ("prompt", "none")]).await;
        client_is_told(&reply, "interaction_required");
    }
}
