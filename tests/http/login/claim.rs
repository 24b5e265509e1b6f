//! Whoever proves an address first owns the account (D185).

use http::Method;
use serde_json::{Value, json};

use super::application::{Application, answer_of, go_on, login_of};
use super::{Ground, OTHER};

fn body() -> Value {
    json!({ "email": "bob@example.com", "password": OTHER })
}

/// An issuer that lets people in whose address is not proven.
async fn trusting() -> Ground {
    Ground::with(json!({ "access": { "signup": { "verify_email": false } } })).await
}

async fn bob(ground: &Ground) -> String {
    let page = ground.app.root().get(&format!("{}/users?limit=100", ground.issuer)).expect(200).await;
    let users = page.data().as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned());
    users.into_iter().find(|id| *id != ground.user).unwrap()
}

async fn all(ground: &Ground, user: &str, what: &str) -> Vec<Value> {
    let path = format!("{}/users/{user}/{what}", ground.issuer);
    ground.app.root().get(&path).expect(200).await.data().as_array().unwrap().clone()
}

#[tokio::test]
async fn what_a_stranger_put_into_an_account_goes_and_what_an_administrator_set_stays() {
    let ground = trusting().await;
    let application = Application::new(&ground, "external").await;
    let thief = ground.browser();
    let flow = login_of(&application.ask(&thief, &[]).await).unwrap();
    let page = thief.page(&flow).await;
    assert_eq!(page.step("signup", body()).await, "done");
    assert_eq!(login_of(&go_on(&thief, &flow).await).as_ref(), Some(&flow));
    assert_eq!(page.step("consent", json!({ "approve": true })).await, "done");
    let code = answer_of(&go_on(&thief, &flow).await)["code"].clone();
    let tokens = application.redeem(&code).await;
    let refresh = tokens.body["refresh_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned();
    let user = bob(&ground).await;
    let root = ground.app.root();
    let agent = root.post(&format!("{}/agents", ground.issuer), json!({ "name": "n" })).expect(201).await.id();
    let other = root.post(&format!("{}/agents", ground.issuer), json!({ "name": "o" })).expect(201).await.id();
    let own = ground.app.gifts_of(&ground.issuer, &user, &agent).await;
    let path = |what: &str| format!("{}/users/{user}/{what}", ground.issuer);
    let theirs = root
        .post(&path("tokens"), json!({ "name": "theirs", "restrictions": { "scopes": ["a:read"] } }))
        .expect(201)
        .await
        .id();
    let delegation = json!({ "agent_id": other, "scopes": ["a:read"] });
    let given = root.post(&path("delegations"), delegation).expect(201).await.id();
    root.post(&path("trusted-devices"), json!({ "fingerprint": "f" })).expect(201).await;
    root.post(&path("verifiers"), json!({ "type": "temporary-password" })).expect(201).await;

    let owner = ground.browser();
    let page = owner.login().await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    page.step("email-code", json!({})).await;
    let mails = ground.mails().await;
    let mail = mails.iter().find_map(|mail| mail.text.lines().find_map(|line| line.strip_prefix("Code: ")));
    let before = ground.event_count().await;
    assert_eq!(page.step("email-code/verify", json!({ "code": mail.unwrap().trim() })).await, "done");

    let kinds: Vec<_> = all(&ground, &user, "verifiers").await.iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["temporary-password"], "the administrator's");
    let sessions = all(&ground, &user, "sessions").await;
    let live: Vec<_> = sessions.iter().filter(|session| session["status"] == "active").collect();
    assert_eq!((sessions.len(), live.len(), &live[0]["authentication"]["method"]), (3, 1, &json!("email-otp")));
    assert_eq!(application.refresh(&refresh).await.body["error"], "invalid_grant");
    let status = |found: Vec<Value>, id: &str| {
        found.into_iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("{id}"))["status"].clone()
    };
    assert_eq!(status(all(&ground, &user, "tokens").await, &own.0), "revoked");
    assert_eq!(status(all(&ground, &user, "tokens").await, &theirs), "active");
    assert_eq!(status(all(&ground, &user, "delegations").await, &own.1), "revoked");
    assert_eq!(status(all(&ground, &user, "delegations").await, &given), "active");
    assert_eq!(all(&ground, &user, "trusted-devices").await.len(), 0);
    assert_eq!(all(&ground, &user, "devices").await.len(), 1, "that of the owner");
    let again = login_of(&application.ask(&owner, &[]).await).expect("what the stranger agreed to is taken back");
    assert_eq!(owner.page(&again).await.state().await["step"], "consent");
    let told = ground.events_after(before).await;
    for kind in [
        "session.terminated",
        "user.verifier.deleted",
        "user.device.revoked",
        "user.personal-token.updated",
        "user.delegation.revoked",
        "user.consent.revoked",
        "user.email.verified",
    ] {
        assert!(told.iter().any(|known| known == kind), "{kind}: {told:?}");
    }
    let position = |kind: &str| told.iter().position(|known| known == kind);
    assert!(position("user.verifier.deleted") < position("session.created"), "before the login goes on: {told:?}");
    assert!(position("user.email.verified") < position("session.terminated"), "the cause comes first: {told:?}");
}

#[tokio::test]
async fn the_login_that_a_stranger_has_begun_dies_with_their_password() {
    let ground = trusting().await;
    let thief = ground.browser();
    assert_eq!(thief.login().await.step("signup", body()).await, "done");
    ground
        .app
        .root()
        .patch(&ground.issuer, json!({ "settings": { "security": { "mfa": "required" } } }))
        .expect(200)
        .await;
    ground.app.advance(std::time::Duration::from_secs(2));
    let begun = thief.login().await;
    assert_eq!(begun.password("bob@example.com", OTHER).await, "mfa_enroll");
    let secret = begun.state().await["enrollment"]["secret"].as_str().unwrap().to_owned();
    let owner = ground.browser();
    let page = owner.login().await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "mfa_enroll");
    let code = super::totp(&secret, ground.app.now());
    for (step, body) in [("mfa", json!({ "type": "totp_app", "code": code })), ("mfa/enroll", json!({}))] {
        assert_eq!(begun.step(step, body).await, "invalid_credentials", "{step}");
    }
    let own = page.state().await["enrollment"]["secret"].as_str().unwrap().to_owned();
    let code = super::totp(&own, ground.app.now());
    let reply = page.post("mfa", json!({ "type": "totp_app", "code": code })).await;
    assert_eq!(reply.body["step"], "done", "that of the owner is in force: {reply}");
}

#[tokio::test]
async fn a_link_that_the_owner_opens_confirms_no_account_of_a_stranger() {
    let ground = Ground::new().await;
    let thief = ground.browser();
    let page = thief.login().await;
    assert_eq!(page.step("signup", body()).await, "verify_email");
    let link = ground.link().await;
    let owner = ground.browser();
    owner.login().await;
    let before = ground.event_count().await;
    for method in [Method::GET, Method::POST] {
        let call = owner.call(method.clone(), &link).header("accept", "application/json");
        let call = if method == Method::POST { call.form(&[("x", "y")]) } else { call };
        let shown = owner.send(call).await;
        assert_eq!((shown.status.as_u16(), &shown.body["verified"]), (200, &json!(false)), "{shown}");
    }
    assert_eq!(ground.events_after(before).await, Vec::<String>::new(), "nothing has changed");
    assert_eq!(page.state().await["step"], "verify_email");
    let users = ground.app.root().get(&format!("{}/users", ground.issuer)).expect(200).await;
    assert_eq!(users.data().as_array().unwrap().len(), 1);
}
