//! Links and codes that are mailed.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use super::{Ground, OTHER, request};
use authpi_core::login::model::Wants;

#[tokio::test]
async fn a_mailed_code_is_good_once_in_its_own_login() {
    let ground = Ground::new().await;
    let before = ground.event_count().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("identify", json!({ "identifier": "Ada@Example.com" })).await;
    assert_eq!(page.step("email-code", json!({})).await, "first_factor");
    let code = ground.code().await;
    let other = ground.browser();
    let foreign = other.login().await;
    foreign.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(
        foreign.step("email-code/verify", json!({ "code": code })).await,
        "expired",
        "nothing was mailed for it"
    );
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    assert_eq!(page.step("email-code/verify", json!({ "code": spaced })).await, "done");
    assert_eq!(ground.sessions().await[0]["authentication"]["amr"], json!(["otp"]));
    let told = ground.events_after(before).await;
    let expected = [
        "user.login-link.requested",
        "email.sent",
        "user.login-link.consumed",
        "user.verification.succeeded",
        "session.created",
    ];
    assert_eq!(told, expected);
    assert_eq!(ground.last("user.login-link.consumed").await, json!({ "channel": "email-otp" }));
}

#[tokio::test]
async fn what_was_mailed_late_in_a_login_is_good_for_as_long_as_the_mail_says() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    for (step, minutes) in [("email-code", 9), ("magic-link", 14)] {
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": "ada@example.com" })).await;
        ground.app.advance(Duration::from_mins(14));
        page.step(step, json!({})).await;
        if step == "email-code" {
            let code = ground.code().await;
            ground.app.advance(Duration::from_mins(minutes));
            assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
        } else {
            let link = ground.link().await;
            ground.app.advance(Duration::from_mins(minutes));
            let used = browser.send(browser.call(Method::POST, &link)).await;
            assert!(used.status.is_success() || used.status.is_redirection(), "{used}");
            assert_eq!(page.state().await["step"], "done");
        }
    }
}

#[tokio::test]
async fn whoever_signs_up_or_has_forgotten_a_password_late_goes_on_in_the_same_login() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let (late, waited) = (Duration::from_mins(14), Duration::from_mins(20));
    let page = browser.begin(request(Wants::default())).await;
    ground.app.advance(late);
    page.step("signup", json!({ "email": "bob@example.com", "password": OTHER })).await;
    let link = ground.link().await;
    ground.app.advance(waited);
    let phone = ground.browser();
    let shown = phone.send(phone.call(Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!(page.step("email-code/verify", json!({ "code": shown.body["code"] })).await, "done");
    let page = ground.browser();
    let page = page.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    ground.app.advance(late);
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    ground.app.advance(waited);
    let body = json!({ "token": link.split("token=").nth(1), "password": OTHER });
    assert_eq!(page.step("password-reset/complete", body).await, "first_factor");
    assert_eq!(page.step("password", json!({ "password": OTHER })).await, "done");
}

#[tokio::test]
async fn however_many_mails_are_asked_for_a_login_ends() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let mut code = String::new();
    for _ in 0..7 {
        ground.app.advance(Duration::from_mins(10) - Duration::from_secs(1));
        assert_eq!(page.step("email-code", json!({})).await, "first_factor");
        code = ground.code().await;
    }
    ground.app.advance(Duration::from_mins(5) + Duration::from_secs(7));
    let over = page.post("email-code/verify", json!({ "code": code })).await;
    assert_eq!((over.status.as_u16(), &over.body["error"]), (400, &json!("invalid_request")), "{over}");
}

#[tokio::test]
async fn five_wrong_codes_end_a_mail() {
    let ground = Ground::with(json!({ "security": { "lockout": { "max_attempts": 50 } } })).await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(page.step("email-code/verify", json!({ "code": wrong })).await, "invalid_code");
    }
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "expired");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_mailed_nothing_and_cannot_tell() {
    let ground = Ground::new().await;
    let mut answers = Vec::new();
    for name in ["nobody@example.com", "ada@example.com"] {
        for step in ["email-code", "magic-link", "password-reset"] {
            let browser = ground.browser();
            let page = browser.login().await;
            page.step("identify", json!({ "identifier": name })).await;
            let sent = page.post(step, json!({})).await;
            let typed = page.post("email-code/verify", json!({ "code": "1" })).await;
            answers.push((step, sent.status, sent.body, typed.body));
        }
        let expected = if name.starts_with("nobody") { 0 } else { 3 };
        assert_eq!(ground.mails().await.len(), expected, "{name}");
    }
    let (unknown, known) = answers.split_at(3);
    assert_eq!(unknown, known);
}

#[tokio::test]
async fn a_link_is_used_by_a_click_in_the_browser_that_asked() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("magic-link", json!({})).await;
    let link = ground.link().await;
    for _ in 0..3 {
        let seen = ground
            .app
            .anonymous()
            .get(&format!("/{}{link}", ground.issuer.rsplit('/').next().unwrap()))
            .header("accept", "application/json")
            .send()
            .await;
        assert_eq!((seen.status.as_u16(), &seen.body["verified"]), (200, &json!(false)), "scanners use nothing up");
    }
    let looked = browser.send(browser.call(Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!((&looked.body["verified"], &looked.body["email"]), (&json!(false), &json!("ada@example.com")));
    let used = browser.send(browser.call(Method::POST, &link)).await;
    assert_eq!((used.status.as_u16(), &used.body["step"]), (200, &json!("done")), "{used}");
    assert_eq!(ground.sessions().await[0]["authentication"]["amr"], json!(["mlink"]));
    let again = browser.send(browser.call(Method::POST, &link)).await;
    assert_eq!((again.status.as_u16(), &again.body["error"]), (400, &json!("invalid_request")));
    assert_eq!(ground.sessions().await.len(), 1);
}

/// `auth.flow.replay-attempt` (events-webhooks §4).
#[tokio::test]
async fn each_further_use_of_a_link_leaves_a_trace_and_a_look_at_it_none() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("magic-link", json!({})).await;
    let replaced = ground.link().await;
    page.step("magic-link", json!({})).await;
    let link = ground.link().await;
    let replays = async || ground.app.events("event_types=auth.flow.replay-attempt").await;
    let post = async |browser: &tests::Browser<'_>, link: &str| {
        browser.send(browser.call(Method::POST, link)).await.status.as_u16()
    };
    assert_eq!(post(&browser, &replaced).await, 400);
    assert_eq!(post(&browser, &link).await, 200);
    browser.send(browser.call(Method::GET, &link)).await;
    let other_token = format!("{link}x");
    assert_eq!(post(&browser, &other_token).await, 400);
    assert_eq!(post(&browser, &replaced).await, 400, "it was never used: the next mail took its place");
    assert_eq!(replays().await, Vec::<serde_json::Value>::new());
    let elsewhere = ground.browser();
    for (times, who) in [(1, &browser), (2, &elsewhere)] {
        assert_eq!(post(who, &link).await, 400);
        let told = replays().await;
        assert_eq!(told.len(), times);
        assert_eq!(told[times - 1]["data"], json!({ "flow": page.id, "artefact": "link" }));
        assert_eq!(told[times - 1]["subject"]["user_id"], ground.user);
    }
    assert_eq!(ground.sessions().await.len(), 1, "nobody's session ends by it");
    ground.app.advance(std::time::Duration::from_mins(16));
    authpi_core::worker::run_once(ground.app.authpi.services()).await.unwrap();
    assert_eq!(post(&browser, &link).await, 400);
    assert_eq!(replays().await.len(), 2, "its time is over");
}

#[tokio::test]
async fn a_link_that_is_opened_elsewhere_shows_what_to_type_where_it_was_asked_for() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("magic-link", json!({})).await;
    let link = ground.link().await;
    let phone = ground.browser();
    phone.login().await;
    let shown = phone.send(phone.call(Method::POST, &link)).await;
    let told = ["verified", "application", "device"].map(|name| shown.body[name].clone());
    assert_eq!(told, [json!(false), json!("App"), json!("Firefox / Linux")], "{shown}");
    assert_eq!(shown.body["requested_at"], ground.app.now());
    assert_eq!((&shown.body["email"], phone.cookie("op")), (&json!(null), None));
    let code = shown.body["code"].as_str().unwrap();
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
    let late = phone.send(phone.call(Method::POST, &link)).await;
    assert_eq!(late.status, 400, "{late}");
}

#[tokio::test]
async fn of_parallel_uses_of_a_link_one_opens_a_session() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("magic-link", json!({})).await;
    let link = ground.link().await;
    let uses = join_all((0..32).map(|_| browser.call(Method::POST, &link).send())).await;
    let granted = uses.iter().filter(|reply| reply.headers.contains_key("set-cookie")).count();
    assert_eq!((granted, ground.sessions().await.len()), (1, 1));
}

#[tokio::test]
async fn what_was_mailed_last_counts() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("email-code", json!({})).await;
    let first = ground.code().await;
    page.step("email-code", json!({})).await;
    let second = ground.code().await;
    assert_ne!(page.step("email-code/verify", json!({ "code": first })).await, "done");
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(page.step("email-code/verify", json!({ "code": second })).await, "expired", "somebody else may be here");
}

#[tokio::test]
async fn codes_and_links_are_kept_as_hashes_and_sealed() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "somebody.special@example.com" })).await;
    page.step("magic-link", json!({})).await;
    let mut database = Vec::new();
    for entry in std::fs::read_dir(ground.app.folder.path()).unwrap() {
        database.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
    }
    let contains = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!contains("somebody.special"), "what was typed is sealed");
    assert!(!contains(&page.ticket) && !contains(&browser.cookie("flow").unwrap()));
}
