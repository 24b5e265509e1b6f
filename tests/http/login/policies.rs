//! The rules of single methods (idp §23.1).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ground, OTHER, PASSWORD, totp};

fn verifiers(ground: &Ground) -> String {
    format!("{}/users/{}/verifiers", ground.issuer, ground.user)
}

/// Passes both factors, and has the browser trusted; returns it.
async fn trusted<'g>(ground: &'g Ground, secret: &str) -> tests::Browser<'g> {
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let body = json!({ "type": "totp_app", "code": totp(secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done", "it is trusted");
    browser
}

#[tokio::test]
async fn a_password_is_the_same_from_every_keyboard() {
    let ground = Ground::new().await;
    let composed = "pl\u{e9}iades \u{fb01}ve 42 tea drum";
    let decomposed = "ple\u{301}iades five 42 tea drum";
    let body = json!({ "type": "password", "password": composed });
    ground.app.root().post(&verifiers(&ground), body).expect(201).await;
    for typed in [composed, decomposed] {
        assert_eq!(ground.browser().login().await.password("ada@example.com", typed).await, "done", "{typed}");
    }
    let other = "pleiades five 42 tea drum";
    assert_eq!(ground.browser().login().await.password("ada@example.com", other).await, "invalid_credentials");
}

#[tokio::test]
async fn another_password_takes_the_trust_in_a_browser_back() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browser = trusted(&ground, &secret).await;
    let body = json!({ "type": "password", "password": OTHER });
    ground.app.root().post(&verifiers(&ground), body).expect(201).await;
    assert_eq!(browser.login().await.password("ada@example.com", OTHER).await, "mfa");
}

#[tokio::test]
async fn another_second_factor_takes_the_trust_in_a_browser_back() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browser = trusted(&ground, &secret).await;
    let root = ground.app.root();
    let listed = root.get(&verifiers(&ground)).expect(200).await;
    let app = listed.data().as_array().unwrap().iter().find(|one| one["type"] == "totp_app").unwrap();
    root.delete(&format!("{}/{}", verifiers(&ground), app["id"].as_str().unwrap())).expect(204).await;
    ground.enrolled().await;
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "mfa");
}

#[tokio::test]
async fn trust_ends_with_its_time_and_where_it_is_not_offered_there_is_none() {
    let ground = Ground::with(json!({ "security": { "trusted_device_ttl": 3600 } })).await;
    let secret = ground.enrolled().await;
    let browser = trusted(&ground, &secret).await;
    ground.app.advance(Duration::from_hours(1));
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "mfa");
    let ground = Ground::with(json!({ "security": { "trusted_device_ttl": 0 } })).await;
    let secret = ground.enrolled().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    assert_eq!(browser.cookie("td"), None);
}

#[tokio::test]
async fn three_backup_codes_or_fewer_are_told_of() {
    let ground = Ground::new().await;
    ground.enrolled().await;
    let listed = ground.app.root().get(&verifiers(&ground)).expect(200).await;
    let set = listed.data().as_array().unwrap().iter().find(|one| one["type"] == "backup_codes").unwrap();
    let path = format!("{}/{}/regenerate", verifiers(&ground), set["id"].as_str().unwrap());
    let codes = ground.app.root().act(&path).expect(200).await.data()["codes"].clone();
    let codes = codes.as_array().unwrap();
    assert_eq!(codes.len(), 10);
    let low = async || ground.app.events("event_types=user.mfa.backup-codes.low").await;
    for (used, code) in codes.iter().take(8).enumerate() {
        let browser = ground.browser();
        let page = browser.login().await;
        page.password("ada@example.com", PASSWORD).await;
        assert_eq!(page.step("mfa", json!({ "type": "backup_codes", "code": code })).await, "done");
        assert_eq!(low().await.len(), (used + 1).saturating_sub(6), "after {}", used + 1);
    }
    let left: Vec<_> = low().await.iter().map(|event| event["data"]["remaining"].clone()).collect();
    assert_eq!(left, [json!(3), json!(2)]);
}

#[tokio::test]
async fn no_code_of_a_step_or_before_it_is_accepted_again() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let now = ground.app.now();
    let present = async |code: String| {
        let browser = ground.browser();
        let page = browser.login().await;
        page.password("ada@example.com", PASSWORD).await;
        page.step("mfa", json!({ "type": "totp_app", "code": code })).await
    };
    assert_eq!(present(totp(&secret, now + 30_000)).await, "done", "a clock may be a step ahead");
    for earlier in [now + 30_000, now, now - 30_000] {
        assert_eq!(present(totp(&secret, earlier)).await, "invalid_code");
    }
    ground.app.advance(Duration::from_mins(1));
    assert_eq!(present(totp(&secret, ground.app.now() - 60_000)).await, "invalid_code", "two steps late");
    assert_eq!(present(totp(&secret, ground.app.now())).await, "done");
}

#[tokio::test]
async fn five_wrong_second_factors_lock_it_for_a_quarter_of_an_hour() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let good = totp(&secret, ground.app.now());
    let wrong = if good == "000000" { "000001" } else { "000000" };
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(page.post("mfa", json!({ "type": "totp_app", "code": wrong })).await.body);
    }
    let errors: Vec<_> = answers.iter().map(|answer| answer["error"].clone()).collect();
    assert_eq!(errors, ["invalid_code", "invalid_code", "invalid_code", "invalid_code", "locked"]);
    let locked = page.post("mfa", json!({ "type": "totp_app", "code": good })).await.body;
    assert_eq!((&locked["error"], &locked["retry_after"]), (&json!("locked"), &json!(900)), "even the right one");
    ground.app.advance(Duration::from_mins(15));
    let browser = ground.browser();
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let code = totp(&secret, ground.app.now());
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": code })).await, "done");
}

/// Answers and events of a failed login, without what names it.
async fn failed(ground: &Ground, name: &str) -> (Vec<Value>, Vec<Value>) {
    let before = ground.event_count().await;
    let browser = ground.browser();
    let page = browser.login().await;
    let mut answers = Vec::new();
    answers.push(page.post("identify", json!({ "identifier": name })).await.body);
    for _ in 0..6 {
        answers.push(page.post("password", json!({ "password": "wrong" })).await.body);
    }
    answers.push(page.post("email-code/verify", json!({ "code": "123456" })).await.body);
    let issuer = ground.issuer.rsplit('/').next().unwrap();
    let events = ground.app.events(&format!("issuer_id={issuer}")).await.split_off(before);
    let told = events.into_iter().map(|event| json!([event["type"], event["data"]])).collect();
    (answers, told)
}

#[tokio::test]
async fn failures_look_alike_whether_or_not_somebody_has_the_name() {
    let ground = Ground::new().await;
    let known = failed(&ground, "ada@example.com").await;
    let unknown = failed(&ground, "nobody@example.com").await;
    assert_eq!(known, unknown);
    assert_eq!(known.1.len(), 6, "{:?}", known.1);
}
