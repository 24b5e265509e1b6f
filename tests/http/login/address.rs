//! Another address in the place of the one that a user has.

use http::Method;
use serde_json::{Value, json};
use tests::{Browser, Reply};

use super::{Ground, PASSWORD};

async fn signed_in(ground: &Ground) -> Browser<'_> {
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    ground.mails().await;
    browser
}

async fn user(ground: &Ground) -> Value {
    let path = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().get(&path).expect(200).await.data().clone()
}

async fn open(browser: &Browser<'_>, link: &str) -> Reply {
    browser.send(browser.call(Method::GET, link).header("accept", "application/json")).await
}

async fn typed(browser: &Browser<'_>, code: &str) -> Reply {
    let call = browser.call(Method::POST, "/verify-email").header("accept", "application/json");
    browser.send(call.form(&[("code", code)])).await
}

#[tokio::test]
async fn it_is_in_force_after_a_click_where_it_was_asked_for_and_the_old_one_is_told() {
    let ground = Ground::new().await;
    let browser = signed_in(&ground).await;
    let before = ground.event_count().await;
    browser.request_address(&ground.user, "ada@new.example").await.unwrap();
    let link = ground.link().await;
    assert!(link.starts_with("/verify-email?token="), "{link}");
    let page = browser.send(browser.call(Method::GET, &link)).await;
    assert!(String::from_utf8_lossy(&page.bytes).contains("ada@new.example"), "it asks first: {page}");
    assert_eq!(user(&ground).await["username"], "ada@example.com");
    let confirmed = browser.send(browser.call(Method::POST, &link).header("origin", "null").form(&[("a", "b")])).await;
    assert_eq!(confirmed.status, 200, "{confirmed}");
    let shown = user(&ground).await;
    assert_eq!((&shown["username"], &shown["profile"]["email_verified"]), (&json!("ada@new.example"), &json!(true)));
    let told = ground.events_after(before).await;
    let expected = ["user.email.change-requested", "email.sent", "user.email.changed", "user.email.verified"];
    assert_eq!(told, expected);
    let (asked, changed) = (ground.last("user.email.change-requested").await, ground.last("user.email.changed").await);
    assert_eq!(asked, changed, "the same hashes");
    assert!(!asked.to_string().contains("example"), "{asked}");
    let mails: Vec<_> = ground.mails().await.into_iter().map(|mail| mail.to).collect();
    assert_eq!(mails, ["ada@example.com"], "a notice to the former address");
    assert_eq!(open(&browser, &link).await.status, 400, "good for once");
    assert_eq!(ground.browser().login().await.password("ada@new.example", PASSWORD).await, "done");
    assert_eq!(ground.browser().login().await.password("ada@example.com", PASSWORD).await, "invalid_credentials");
}

#[tokio::test]
async fn elsewhere_the_link_shows_a_code_that_is_worth_something_where_it_was_asked_for() {
    let ground = Ground::new().await;
    let browser = signed_in(&ground).await;
    browser.request_address(&ground.user, "ada@new.example").await.unwrap();
    let link = ground.link().await;
    let phone = ground.browser();
    phone.login().await;
    let shown = open(&phone, &link).await;
    assert_eq!((shown.status.as_u16(), &shown.body["verified"]), (200, &json!(false)), "{shown}");
    let code = shown.body["code"].as_str().unwrap().to_owned();
    assert_eq!(typed(&phone, &code).await.status, 400, "nobody is signed in there");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = typed(&browser, wrong).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (400, &json!("invalid_request")));
    assert_eq!(user(&ground).await["username"], "ada@example.com");
    let done = typed(&browser, &code).await;
    assert_eq!((done.status.as_u16(), done.body), (200, json!({ "verified": true, "email": "ada@new.example" })));
    assert_eq!(user(&ground).await["username"], "ada@new.example");
}

#[tokio::test]
async fn a_program_in_the_browser_that_asked_confirms_at_once() {
    let ground = Ground::new().await;
    let browser = signed_in(&ground).await;
    browser.request_address(&ground.user, "ada@old.example").await.unwrap();
    let first = ground.link().await;
    browser.request_address(&ground.user, "ada@new.example").await.unwrap();
    let second = ground.link().await;
    assert_eq!(open(&browser, &first).await.status, 400, "what was asked for last counts");
    let done = open(&browser, &second).await;
    assert_eq!((done.status.as_u16(), done.body), (200, json!({ "verified": true, "email": "ada@new.example" })));
}

#[tokio::test]
async fn that_somebody_has_the_address_is_for_its_reader_to_know() {
    let ground = Ground::new().await;
    Ground::made(&ground.app, &ground.issuer, "bob@example.com").await;
    let browser = signed_in(&ground).await;
    browser.request_address(&ground.user, "Bob@example.com").await.unwrap();
    let mails = ground.mails().await;
    let told: Vec<_> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    assert_eq!(told, [("bob@example.com", "You already have an account at acme")]);
    for bad in ["ada@example.com", "ADA@example.com", "nonsense"] {
        assert!(browser.request_address(&ground.user, bad).await.is_err(), "{bad}");
    }
    assert_eq!(user(&ground).await["username"], "ada@example.com");
}

#[tokio::test]
async fn a_restricted_domain_holds_for_another_address_too() {
    let access = json!({ "mode": "domain_restricted", "allowed_domains": ["example.com", "new.example"] });
    let ground = Ground::with(json!({ "access": access })).await;
    let browser = signed_in(&ground).await;
    assert!(browser.request_address(&ground.user, "ada@evil.example").await.is_err());
    browser.request_address(&ground.user, "ada@new.example").await.unwrap();
    let link = ground.link().await;
    let narrower = json!({ "settings": { "access": { "allowed_domains": ["example.com"] } } });
    ground.app.root().patch(&ground.issuer, narrower).expect(200).await;
    ground.app.advance(std::time::Duration::from_secs(2));
    assert_eq!(open(&browser, &link).await.status, 400, "the issuer has changed its mind");
    assert_eq!(user(&ground).await["username"], "ada@example.com");
}
