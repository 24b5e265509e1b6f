//! What failed attempts lead to.

use std::time::Duration;

use serde_json::json;

use super::{Ground, OTHER, PASSWORD};

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

#[tokio::test]
async fn after_a_hundred_failures_in_a_row_strangers_need_a_reset() {
    let ground =
        Ground::with(json!({ "security": { "lockout": { "max_attempts": 100, "duration_seconds": 1 } } })).await;
    let known = ground.browser();
    assert_eq!(known.login().await.password("ada@example.com", PASSWORD).await, "done");
    let stranger = ground.browser();
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
    let verifiers = format!("{}/users/{}/verifiers", ground.issuer, ground.user);
    ground.app.root().post(&verifiers, json!({ "type": "password", "password": OTHER })).expect(201).await;
    let stranger = ground.browser();
    assert_eq!(stranger.login().await.password("ada@example.com", OTHER).await, "done", "a new password");
}
