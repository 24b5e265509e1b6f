//! Forgotten passwords.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ground, OTHER, PASSWORD};

fn token(link: &str) -> &str {
    link.split("token=").nth(1).unwrap()
}

#[tokio::test]
async fn a_reset_proves_the_mailbox_ends_all_sessions_and_needs_a_fresh_login() {
    let ground = Ground::new().await;
    let signed_in = ground.browser();
    assert_eq!(signed_in.login().await.password("ada@example.com", PASSWORD).await, "done");
    ground.mails().await;
    let before = ground.event_count().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(page.step("password-reset", json!({})).await, "first_factor");
    let link = ground.link().await;
    assert!(link.starts_with("/password-reset?token="), "{link}");
    let weak =
        page.post("password-reset/complete", json!({ "token": token(&link), "password": "ada@example.com" })).await;
    assert_eq!(weak.status, 400, "{weak}");
    let body = json!({ "token": token(&link), "password": OTHER });
    assert_eq!(page.step("password-reset/complete", body.clone()).await, "first_factor");
    assert_eq!(browser.cookie("op"), None, "it signs nobody in");
    let told = ground.events_after(before).await;
    assert_eq!(told, ["user.password.reset-requested", "email.sent", "user.password.reset", "session.terminated"]);
    assert_eq!(page.step("password-reset/complete", body).await, "expired", "good for once");
    assert_eq!(ground.last("auth.flow.replay-attempt").await["artefact"], "link");
    assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "invalid_credentials");
    assert_eq!(page.step("password", json!({ "password": OTHER })).await, "done");
    let subjects: Vec<_> = ground.mails().await.into_iter().map(|mail| mail.subject).collect();
    assert!(subjects.contains(&"Your password was changed".to_owned()), "{subjects:?}");
}

#[tokio::test]
async fn a_reset_does_not_replace_the_second_factor() {
    let ground = Ground::new().await;
    ground.enrolled().await;
    ground.mails().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    page.step("password-reset/complete", json!({ "token": token(&link), "password": OTHER })).await;
    assert_eq!(page.step("password", json!({ "password": OTHER })).await, "mfa");
}

#[tokio::test]
async fn a_link_is_dead_after_half_an_hour_and_other_texts_always_were() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    for bad in ["x", "mpf_0000000000000000000000000.x", &format!("{}x", token(&link))] {
        let body = json!({ "token": bad, "password": OTHER });
        assert_eq!(page.step("password-reset/complete", body).await, "expired", "{bad}");
    }
    ground.app.advance(Duration::from_mins(30));
    let later = ground.browser();
    let page = later.login().await;
    let body = json!({ "token": token(&link), "password": OTHER });
    assert_eq!(page.step("password-reset/complete", body).await, "expired");
}

#[tokio::test]
async fn a_host_header_shapes_no_link() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let call = page.call("password-reset", json!({})).header("x-forwarded-host", "evil.example");
    browser.send(call.header("forwarded", "host=evil.example")).await;
    // The helper demands the configured base.
    assert!(ground.link().await.starts_with("/password-reset?token="));
}

#[tokio::test]
async fn where_the_page_is_off_there_is_no_reset() {
    let ground = Ground::with(json!({ "portals": { "password_reset": { "enabled": false } } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.state().await["password_reset"], Value::Bool(false));
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(page.post("password-reset", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_page_that_is_turned_off_replaces_no_password_by_a_mail_that_is_out() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    let turn = async |enabled: bool| {
        let settings = json!({ "settings": { "portals": { "password_reset": { "enabled": enabled } } } });
        ground.app.root().patch(&ground.issuer, settings).expect(200).await;
    };
    let body = || json!({ "token": token(&link), "password": OTHER });
    turn(false).await;
    assert_eq!(page.step("password-reset/complete", body()).await, "expired");
    turn(true).await;
    assert_eq!(page.step("password-reset/complete", body()).await, "first_factor", "nothing was spent");
}
