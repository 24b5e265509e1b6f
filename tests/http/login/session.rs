//! The session that a login opens, and the browser that it is in.

use std::time::Duration;

use serde_json::json;

use super::{Ground, PASSWORD, request};
use authpi_core::login::model::{Outcome, Wants};

fn fresh() -> Wants {
    Wants { fresh: true, ..Wants::default() }
}

#[tokio::test]
async fn the_same_user_keeps_the_session_with_another_secret_and_another_time() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let cookies = ["op", "opbs", "dv"].map(|word| browser.cookie(word).unwrap());
    ground.app.advance(Duration::from_mins(5));
    let page = browser.begin(request(Wants::default())).await;
    assert_eq!(page.state().await["step"], "done", "one sign-on is enough");
    let page = browser.begin(request(fresh())).await;
    assert_eq!(page.state().await["step"], "identify");
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
    let sessions = ground.sessions().await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["authentication"]["authenticated_at"], ground.app.now());
    assert_eq!(ground.last("session.updated").await["changes"], json!(["authentication"]));
    let [op, opbs, dv] = ["op", "opbs", "dv"].map(|word| browser.cookie(word).unwrap());
    assert!(op != cookies[0] && opbs != cookies[1] && dv == cookies[2]);
}

#[tokio::test]
async fn another_user_gets_another_session() {
    let ground = Ground::new().await;
    Ground::made(&ground.app, &ground.issuer, "bob@example.com").await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let first = browser.cookie("op").unwrap();
    let page = browser.begin(request(Wants { select_account: true, ..Wants::default() })).await;
    assert_eq!(page.password("bob@example.com", PASSWORD).await, "done");
    assert_ne!(browser.cookie("op").unwrap(), first);
    assert_eq!(ground.sessions().await.len(), 1);
    let Some(Outcome::SignedIn { session, .. }) = page.resume().await.map(|resumed| resumed.outcome) else {
        panic!("nobody is signed in")
    };
    assert_ne!(session.user_id.to_string(), ground.user);
}

#[tokio::test]
async fn another_user_than_the_one_asked_for_is_no_answer() {
    let ground = Ground::new().await;
    Ground::made(&ground.app, &ground.issuer, "bob@example.com").await;
    let browser = ground.browser();
    let wants = Wants { user: Some(ground.user.parse().unwrap()), ..Wants::default() };
    let page = browser.begin(request(wants)).await;
    page.step("identify", json!({ "identifier": "bob@example.com" })).await;
    let reply = page.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (401, &json!("login_required")), "{reply}");
    let resumed = page.resume().await.unwrap();
    assert!(matches!(resumed.outcome, Outcome::Refused(why) if why.code.as_str() == "login_required"));
}

#[tokio::test]
async fn a_login_from_a_browser_that_was_never_seen_is_told() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(ground.mails().await.len(), 0);
    let other = ground.browser();
    assert_eq!(other.login().await.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(ground.last("session.created").await["new_device"], true);
    let mails = ground.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(), ["New sign-in to acme"]);
    let again = browser.begin(request(fresh())).await;
    assert_eq!(again.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!(ground.mails().await.len(), 0, "known");

    ground
        .app
        .root()
        .patch(&ground.issuer, json!({ "settings": { "access": { "device_fingerprinting": false } } }))
        .expect(200)
        .await;
    ground.app.advance(Duration::from_secs(2));
    let third = ground.browser();
    assert_eq!(third.login().await.password("ada@example.com", PASSWORD).await, "done");
    assert_eq!((third.cookie("dv"), ground.mails().await.len()), (None, 0), "browsers are not recognized");
}

#[tokio::test]
async fn a_cookie_of_one_issuer_is_worth_nothing_at_another() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let issuer = ground.app.issuer().await;
    let other = ground.app.browser(&issuer);
    for word in ["op", "dv", "td", "flow"] {
        other.set_cookie(word, browser.cookie(word));
    }
    let page = other.begin(request(Wants::default())).await;
    assert_eq!(page.state().await["step"], "identify");
    let stolen = ground.browser();
    let page = browser.login().await;
    let path = format!("/{}/flows/{}", issuer.rsplit('/').next().unwrap(), page.id);
    let cookie = format!("flow={}", browser.cookie("flow").unwrap());
    let found = ground.app.anonymous().get(&path).header("cookie", &cookie).send().await;
    assert_eq!(found.status, 404);
    drop(stolen);
}

#[tokio::test]
async fn malformed_cookies_are_no_cookies() {
    let ground = Ground::new().await;
    for value in ["", ".", "s_1.2.3", "%00", &"x".repeat(4000)] {
        let browser = ground.browser();
        browser.set_cookie("op", Some(value.to_owned()));
        browser.set_cookie("td", Some(value.to_owned()));
        browser.set_cookie("dv", Some(value.to_owned()));
        let page = browser.login().await;
        assert_eq!(page.password("ada@example.com", PASSWORD).await, "done", "{value}");
    }
}
