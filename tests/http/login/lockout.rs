//! What failed attempts lead to.

use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Browser, Page};

use super::{Ground, OTHER, PASSWORD, totp};

#[tokio::test]
async fn the_fifth_failure_locks_a_name_whether_or_not_somebody_has_it() {
    let ground = Ground::new().await;
    for name in ["ada@example.com", "nobody@example.com"] {
        let browser = ground.browser();
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": name })).await;
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(page.post("password", json!({ "password": "wrong" })).await.body);
        }
        let errors: Vec<_> = answers.iter().map(|answer| answer["error"].as_str().unwrap()).collect();
        let wrong = "invalid_credentials";
        assert_eq!(errors, [wrong, wrong, wrong, wrong, "locked", "locked"], "{name}");
        assert_eq!(answers[5]["retry_after"], 900, "{name}");
    }
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "locked", "even the right one");
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let security = ground.app.root().get(&user).expect(200).await.data()["security"].clone();
    assert_eq!((&security["failed_attempts"], security["locked_until"].is_i64()), (&json!(5), true));
    ground.app.advance(Duration::from_mins(15));
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
}

#[tokio::test]
async fn strangers_do_not_lock_a_known_browser_out() {
    let ground = Ground::new().await;
    let known = ground.browser();
    assert_eq!(known.login().await.password("ada@example.com", PASSWORD).await, "done");
    let stranger = ground.browser();
    let page = stranger.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for _ in 0..5 {
        page.post("password", json!({ "password": "wrong" })).await;
    }
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "locked");
    assert_eq!(known.login().await.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "locked", "strangers stay out");
    let page = known.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for _ in 0..5 {
        page.post("password", json!({ "password": "wrong" })).await;
    }
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "locked", "it has a count of its own");
}

/// With a policy that locks for a second alone.
async fn lenient() -> Ground {
    Ground::with(json!({ "security": { "lockout": { "max_attempts": 100, "duration_seconds": 1 } } })).await
}

/// A login of a stranger after a hundred wrong passwords, when the lock of the policy is over.
async fn exhausted<'b, 'a>(ground: &Ground, stranger: &'b Browser<'a>) -> Page<'b, 'a> {
    let page = stranger.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for _ in 0..10 {
        let attempts = (0..10).map(|_| page.post("password", json!({ "password": "wrong" })));
        for some in futures_util::future::join_all(attempts).await {
            assert_eq!(some.status, 200, "{some}");
        }
    }
    ground.app.advance(Duration::from_mins(1));
    let locked = page.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((&locked.body["error"], &locked.body["retry_after"]), (&json!("locked"), &json!(null)));
    page
}

#[tokio::test]
async fn after_a_hundred_failures_in_a_row_strangers_need_a_reset() {
    let ground = lenient().await;
    let stranger = ground.browser();
    let page = exhausted(&ground, &stranger).await;
    ground.mails().await;
    assert_eq!(page.step("password-reset", json!({})).await, "first_factor", "the way by mail is open to strangers");
    let link = ground.link().await;
    let token = link.split_once("token=").unwrap().1;
    let reset = json!({ "token": token, "password": OTHER });
    assert_eq!(page.step("password-reset/complete", reset).await, "first_factor");
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "invalid_credentials", "the old one");
    assert_eq!(page.step("password", json!({ "password": OTHER })).await, "done", "a new password");
}

#[tokio::test]
async fn after_a_hundred_failures_of_strangers_a_known_browser_signs_in_and_ends_the_row() {
    let ground = lenient().await;
    let known = ground.browser();
    assert_eq!(known.login().await.password("ada@example.com", PASSWORD).await, "done");
    let stranger = ground.browser();
    let page = exhausted(&ground, &stranger).await;
    assert_eq!(known.login().await.password("ada@example.com", PASSWORD).await, "done", "its count is its own");
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "done", "without a success in between");
}

/// A browser in which the password was given, at the second factor.
async fn at_second_factor<'b, 'a>(browser: &'b Browser<'a>) -> Page<'b, 'a> {
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    page
}

/// A code that is not accepted now.
fn wrong(ground: &Ground, secret: &str) -> Value {
    let steps = [-30_000, 0, 30_000].map(|off| totp(secret, ground.app.now() + off));
    let is_wrong = |code: &&str| steps.iter().all(|step| step != code);
    let code = ["000000", "000001", "000002", "000003"].into_iter().find(is_wrong).unwrap();
    json!({ "type": "totp_app", "code": code })
}

#[tokio::test]
async fn strangers_who_know_the_password_lock_no_known_browser_out_of_its_second_factor() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let right = || json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    let known = ground.browser();
    assert_eq!(at_second_factor(&known).await.step("mfa", right()).await, "done");

    let stranger = ground.browser();
    let page = at_second_factor(&stranger).await;
    for _ in 0..5 {
        page.post("mfa", wrong(&ground, &secret)).await;
    }
    assert_eq!(page.step("mfa", right()).await, "locked");
    ground.app.advance(Duration::from_secs(30));
    assert_eq!(at_second_factor(&known).await.step("mfa", right()).await, "done");
    ground.app.advance(Duration::from_secs(30));
    assert_eq!(page.step("mfa", right()).await, "locked", "strangers stay out for as long as they were told");

    let page = at_second_factor(&known).await;
    for _ in 0..5 {
        page.post("mfa", wrong(&ground, &secret)).await;
    }
    assert_eq!(page.step("mfa", right()).await, "locked", "it has a count of its own");
}

#[tokio::test]
async fn after_a_hundred_wrong_second_factors_in_a_row_strangers_wait_for_the_user() {
    let lockout = json!({ "max_attempts": 100, "duration_seconds": 1 });
    let ground = Ground::with(json!({ "security": { "lockout": lockout } })).await;
    let secret = ground.enrolled().await;
    let right = || json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()) });
    let known = ground.browser();
    assert_eq!(at_second_factor(&known).await.step("mfa", right()).await, "done");

    let stranger = ground.browser();
    let page = at_second_factor(&stranger).await;
    for _ in 0..100 {
        let answer = page.post("mfa", wrong(&ground, &secret)).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
    ground.app.advance(Duration::from_mins(1));
    let page = at_second_factor(&stranger).await;
    let locked = page.post("mfa", right()).await;
    let told = (&locked.body["error"], &locked.body["retry_after"]);
    assert_eq!(told, (&json!("locked"), &json!(null)), "the password alone does not help");
    assert_eq!(at_second_factor(&known).await.step("mfa", right()).await, "done");
    ground.app.advance(Duration::from_secs(30));
    assert_eq!(page.step("mfa", right()).await, "done", "the user was here");
}
