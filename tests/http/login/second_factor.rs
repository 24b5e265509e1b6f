//! The second factor.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Ground, PASSWORD, request, totp};
use authpi_core::login::model::Wants;

#[tokio::test]
async fn who_has_a_second_factor_is_asked_for_it() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    assert_eq!((browser.cookie("op"), ground.sessions().await.len()), (None, 0), "a password alone opens nothing");
    let before = ground.event_count().await;
    let code = totp(&secret, ground.app.now());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": wrong })).await, "invalid_code");
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": code })).await, "done");
    let proven = ground.sessions().await[0]["authentication"].clone();
    assert_eq!(
        (&proven["amr"], &proven["acr"], &proven["mfa"]),
        (&json!(["pwd", "otp", "mfa"]), &json!("aal2"), &json!(true))
    );
    let expected = ["user.mfa.verification.failed", "user.mfa.verification.succeeded", "session.created"];
    assert_eq!(ground.events_after(before).await, expected);
}

#[tokio::test]
async fn of_parallel_uses_of_one_code_one_comes_in() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browsers: Vec<_> = (0..16).map(|_| ground.browser()).collect();
    let mut pages = Vec::new();
    for browser in &browsers {
        let page = browser.login().await;
        assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
        pages.push(page);
    }
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    let replies = join_all(pages.iter().map(|page| page.post("mfa", body.clone()))).await;
    let done = replies.iter().filter(|reply| reply.body["step"] == "done").count();
    assert_eq!((done, ground.sessions().await.len()), (1, 1));
}

#[tokio::test]
async fn a_browser_that_is_trusted_stands_in_for_the_second_factor() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    let trust = browser.cookie("td").unwrap();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let proven = ground.sessions().await[0]["authentication"].clone();
    assert_eq!((&proven["amr"], &proven["acr"]), (&json!(["pwd"]), &json!("aal1")), "it is no factor");

    let wants = Wants { acr: vec!["aal2".to_owned()], fresh: true, ..Wants::default() };
    let page = browser.begin(request(wants)).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa", "and gives no class");
    let copied = ground.browser();
    copied.set_cookie("dv", browser.cookie("dv"));
    assert_eq!(
        copied.login().await.password("ada@example.com", PASSWORD).await,
        "mfa",
        "a device cookie gives no trust"
    );
    copied.set_cookie("td", Some(format!("{trust}x")));
    assert_eq!(copied.login().await.password("ada@example.com", PASSWORD).await, "mfa", "nor does a forged token");

    let devices = format!("{}/users/{}/trusted-devices/revoke-all", ground.issuer, ground.user);
    ground.app.root().act(&devices).expect(200).await;
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "mfa", "revoked");
}

#[tokio::test]
async fn a_trusted_browser_tells_when_it_stood_in_the_last_time() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let trusted = async || {
        let path = format!("{}/users/{}/trusted-devices", ground.issuer, ground.user);
        ground.app.root().get(&path).expect(200).await.data()[0].clone()
    };
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    let mut expected = trusted().await;
    assert_eq!(expected["last_used_at"], json!(null), "a second factor was presented");
    ground.app.advance(Duration::from_mins(1));
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    expected["last_used_at"] = json!(ground.app.now());
    assert_eq!(trusted().await, expected);

    ground.app.advance(Duration::from_mins(1));
    let page = browser.begin(request(Wants { acr: vec!["aal2".to_owned()], fresh: true, ..Wants::default() })).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    assert_eq!(page.step("mfa", body).await, "done");
    assert_eq!(trusted().await, expected, "it was not needed");

    // Where browsers are not recognized, the token alone says which one it is.
    let off = json!({ "settings": { "access": { "device_fingerprinting": false } } });
    ground.app.root().patch(&ground.issuer, off).expect(200).await;
    ground.app.advance(Duration::from_mins(1));
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(trusted().await["last_used_at"], ground.app.now());
}

#[tokio::test]
async fn backup_codes_stand_in_once_each() {
    let ground = Ground::new().await;
    let verifiers = format!("{}/users/{}/verifiers", ground.issuer, ground.user);
    ground.enrolled().await;
    let listed = ground.app.root().get(&verifiers).expect(200).await;
    let set = listed.data().as_array().unwrap().iter().find(|verifier| verifier["type"] == "backup_codes").unwrap();
    let path = format!("{verifiers}/{}/regenerate", set["id"].as_str().unwrap());
    let codes = ground.app.root().act(&path).expect(200).await.data()["codes"].clone();
    let body = json!({ "type": "backup_codes", "code": codes[0] });
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    assert_eq!(page.step("mfa", body.clone()).await, "done");
    assert_eq!(ground.sessions().await[0]["authentication"]["amr"], json!(["pwd", "bkc", "mfa"]));
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    assert_eq!(page.step("mfa", body).await, "invalid_code");
}

#[tokio::test]
async fn a_factor_that_is_demanded_is_set_up_after_a_mail() {
    let ground = Ground::with(json!({ "security": { "mfa": "required" } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "verify_email");
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    let reply = page.post("email-code/verify", json!({ "code": code })).await;
    assert_eq!(reply.body["step"], "mfa_enroll", "{reply}");
    let secret = reply.body["enrollment"]["secret"].as_str().unwrap().to_owned();
    assert!(reply.body["enrollment"]["provisioning_uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let paper = page.post("mfa", json!({ "type": "backup_codes", "code": "ABCDEFGHIJ" })).await;
    assert_eq!(paper.status, 409);
    ground.app.advance(Duration::from_mins(11));
    let late = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    assert_eq!(page.step("mfa", late).await, "expired");
    let again = page.post("mfa/enroll", json!({})).await;
    let secret = again.body["enrollment"]["secret"].as_str().unwrap().to_owned();
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    let done = page.post("mfa", body).await;
    assert_eq!((&done.body["step"], done.body["backup_codes"].as_array().unwrap().len()), (&json!("done"), 10));
    assert_eq!(ground.sessions().await[0]["authentication"]["acr"], "aal2");
}

#[tokio::test]
async fn an_organization_demands_a_factor_of_its_members() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    let demand = json!({ "security": { "mfa_required": true } });
    ground.app.root().patch(&organization, demand).expect(200).await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done", "not a member");
    let member = json!({ "member_id": ground.user, "scopes": ["a:read"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "verify_email");
}

#[tokio::test]
async fn a_class_that_is_wanted_later_steps_the_session_up() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let before = browser.cookie("op").unwrap();
    let session = ground.sessions().await[0]["id"].clone();
    let secret = ground.enrolled().await;
    // Setting a factor up ends no session.
    let wants = Wants { acr: vec!["aal2".to_owned()], ..Wants::default() };
    let page = browser.begin(request(wants)).await;
    assert_eq!(page.state().await["step"], "mfa", "the password counts still");
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    assert_eq!(page.step("mfa", body).await, "done");
    let found = ground.sessions().await;
    assert_eq!((found.len(), &found[0]["id"]), (1, &session));
    assert_eq!(found[0]["authentication"]["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(found[0]["authentication"]["authenticated_at"], ground.app.now());
    assert_ne!(browser.cookie("op").unwrap(), before, "with another secret");
}
