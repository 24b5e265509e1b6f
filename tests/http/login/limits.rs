//! How much anybody may ask for, and what is told of it.

use std::time::Duration;

use authpi_core::web::services::Options;
use http::Method;
use serde_json::json;

use super::{Ground, OTHER, PASSWORD};

async fn count(ground: &Ground, kind: &str) -> usize {
    ground.app.events(&format!("event_types={kind}")).await.len()
}

#[tokio::test]
async fn another_browser_is_told_of_once_a_minute_and_stopped() {
    let ground = Ground::limited(json!({}), true).await;
    let browser = ground.browser();
    let page = browser.login().await;
    let thief = ground.browser();
    thief.set_cookie("flow", Some("A".repeat(43)));
    let mut statuses = Vec::new();
    for _ in 0..32 {
        statuses.push(thief.send(thief.call(Method::GET, &format!("/flows/{}", page.id))).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[31]), (403, 429), "{statuses:?}");
    assert_eq!(count(&ground, "auth.flow.device-mismatch").await, 1);
    assert_eq!(count(&ground, "auth.flow.rate-limited").await, 1);
    assert_eq!(ground.last("auth.flow.rate-limited").await, json!({ "flow": page.id, "bucket": "flow" }));
    ground.app.advance(Duration::from_mins(1));
    thief.send(thief.call(Method::GET, &format!("/flows/{}", page.id))).await;
    assert_eq!(count(&ground, "auth.flow.device-mismatch").await, 2);
}

#[tokio::test]
async fn a_device_cookie_of_ones_own_making_gives_no_bucket_of_its_own() {
    let ground = Ground::limited(json!({ "security": { "lockout": { "max_attempts": 100 } } }), true).await;
    let thief = ground.browser();
    let page = thief.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let mut statuses = Vec::new();
    for number in 0..21 {
        thief.set_cookie("dv", Some(format!("{number:0>43}")));
        statuses.push(page.post("password", json!({ "password": "wrong" })).await.status.as_u16());
    }
    assert_eq!((statuses[19], statuses[20]), (200, 429), "{statuses:?}");
    assert_eq!(ground.last("auth.flow.rate-limited").await["bucket"], "credential");
}

#[tokio::test]
async fn the_browser_of_the_user_has_buckets_that_strangers_cannot_empty() {
    let ground = Ground::limited(json!({}), true).await;
    let own = ground.browser();
    assert_eq!(own.login().await.password("ada@example.com", PASSWORD).await, "done");
    let stranger = ground.browser();
    let page = stranger.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(page.post("magic-link", json!({})).await.status, 200);
    assert_eq!(page.post("magic-link", json!({})).await.status, 429, "one mail a minute");
    let page = own.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(page.post("magic-link", json!({})).await.status, 200);
}

#[tokio::test]
async fn what_mails_nothing_draws_on_no_mailbox() {
    let ground = Ground::limited(json!({ "access": { "signup": { "verify_email": false } } }), true).await;
    let browser = ground.browser();
    let body = json!({ "email": "bob@example.com", "password": OTHER });
    assert_eq!(browser.login().await.step("signup", body.clone()).await, "done");
    let page = ground.browser();
    let page = page.login().await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    assert_eq!(page.post("magic-link", json!({})).await.status, 200, "the first mail in a minute");
    let nobody = ground.browser();
    let first = nobody.login().await;
    assert_eq!(first.post("signup", json!({ "email": "carl@example.com" })).await.status, 200);
    let second = ground.browser();
    let second = second.login().await;
    assert_eq!(second.post("signup", json!({ "email": "Carl@example.com" })).await.status, 429, "of that address");
    assert_eq!(second.post("signup", json!({ "email": "dora@example.com" })).await.status, 200, "and no other");
}

#[tokio::test]
async fn a_mailbox_with_two_names_gets_as_much_as_one_and_nobody_can_tell() {
    let ground = Ground::limited(json!({}), true).await;
    let twin = json!({ "username": "ada.l", "profile": { "email": "ada@example.com", "email_verified": true } });
    ground.app.root().post(&format!("{}/users", ground.issuer), twin).expect(201).await;
    let mut answers = Vec::new();
    for name in ["ada@example.com", "ada.l", "nobody.l"] {
        let browser = ground.browser();
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": name })).await;
        let reply = page.post("email-code", json!({})).await;
        answers.push((reply.status, reply.body));
    }
    assert_eq!(answers[0].0, 200);
    assert_eq!((&answers[1], &answers[2]), (&answers[0], &answers[0]));
    assert_eq!(ground.mails().await.len(), 1);
}

#[tokio::test]
async fn each_bucket_that_overflows_is_told_of_once_a_minute_and_hides_no_other() {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let options = Options { rate_limits: true, trusted_proxies, proxy_hops: 1, ..Options::default() };
    let ground = Ground::on(json!({}), options).await;
    let mail =
        |page: &tests::Page<'_, '_>, from: &str| page.call("magic-link", json!({})).header("x-forwarded-for", from);
    let mut told = 0;
    for name in ["bob@example.com", "carl@example.com"] {
        let browser = ground.browser();
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": name })).await;
        assert_eq!(browser.send(mail(&page, "203.0.113.7")).await.status, 200, "{name}");
        // One mailbox is one bucket, whoever asks and however often.
        for from in ["203.0.113.7", "203.0.113.7", "198.51.100.9"] {
            assert_eq!(browser.send(mail(&page, from)).await.status, 429, "{name} from {from}");
        }
        told += 1;
        assert_eq!(count(&ground, "auth.flow.rate-limited").await, told, "{name}");
        assert_eq!(ground.last("auth.flow.rate-limited").await, json!({ "flow": page.id, "bucket": "mail" }));
        // Its minute is its own.
        ground.app.advance(Duration::from_secs(10));
    }
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    assert_eq!(browser.send(mail(&page, "203.0.113.7")).await.status, 429);
    assert_eq!(count(&ground, "auth.flow.rate-limited").await, told, "20 seconds later");
    ground.app.advance(Duration::from_secs(40));
    assert_eq!(browser.send(mail(&page, "203.0.113.7")).await.status, 200);
    assert_eq!(browser.send(mail(&page, "203.0.113.7")).await.status, 429);
    assert_eq!(count(&ground, "auth.flow.rate-limited").await, told + 1, "in the next minute");
}
