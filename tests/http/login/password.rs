//! Passwords.

use http::Method;
use serde_json::json;

use super::{Ground, OTHER, PASSWORD, request};
use authpi_core::login::model::{Outcome, Wants};

#[tokio::test]
async fn a_password_opens_a_session_and_leads_back_to_the_application() {
    let ground = Ground::new().await;
    let before = ground.event_count().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let state = page.state().await;
    assert_eq!((&state["step"], &state["client"]["name"]), (&json!("identify"), &json!("App")));
    let offered: Vec<_> = state["methods"].as_array().unwrap().iter().map(|method| method["type"].clone()).collect();
    assert_eq!(offered, ["password", "email-link", "email-otp"]);
    assert_eq!(page.step("identify", json!({ "identifier": "ADA@example.com" })).await, "first_factor");
    let done = page.post("password", json!({ "password": PASSWORD })).await;
    let back = format!("{}/{}/authorize?flow={}", ground.app.base, ground.issuer.rsplit('/').next().unwrap(), page.id);
    assert_eq!((done.status.as_u16(), &done.body), (200, &json!({ "step": "done", "redirect_to": back })));

    let sessions = ground.sessions().await;
    let session = &sessions[0];
    assert_eq!((sessions.len(), &session["type"], &session["status"]), (1, &json!("op"), &json!("active")));
    let proven = json!({ "method": "password", "amr": ["pwd"], "acr": "aal1", "mfa": false,
        "authenticated_at": ground.app.now() });
    assert_eq!(session["authentication"], proven);
    assert_eq!(session["device"]["name"], "Firefox / Linux");
    let expected = ["user.verification.succeeded", "session.created"];
    assert_eq!(ground.events_after(before).await, expected);
    assert_eq!(ground.last("session.created").await["new_device"], false, "the first login of all is no alarm");

    let resumed = page.resume().await.unwrap();
    let Outcome::SignedIn { session: found, decisions } = resumed.outcome else { panic!("nobody is signed in") };
    assert_eq!((resumed.continuation.as_str(), decisions.len()), ("continuation", 0));
    assert_eq!(found.id.to_string(), session["id"].as_str().unwrap());
    assert!(page.resume().await.is_none(), "a login is gone on with once");
}

#[tokio::test]
async fn cookies_are_bound_to_host_and_script_never_sees_them() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let done = page.post("password", json!({ "password": PASSWORD })).await;
    let mut lines: Vec<_> = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    lines.sort_unstable();
    let names: Vec<_> = lines.iter().map(|line| line.split('.').next().unwrap()).collect();
    assert_eq!(names, ["dv", "op", "opbs"]);
    for line in lines {
        assert!(line.contains("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let ground = Ground::new().await;
    let mut answers = Vec::new();
    for name in ["ada@example.com", "nobody@example.com", "no address at all", "ada@example.com "] {
        let browser = ground.browser();
        let page = browser.login().await;
        let identified = page.post("identify", json!({ "identifier": name })).await;
        let wrong = page.post("password", json!({ "password": "wrong" })).await;
        answers.push((identified.body, wrong.status, wrong.body));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    assert_eq!(answers[0].2["error"], "invalid_credentials");
    let told = ground.last("user.verification.failed").await;
    assert_eq!((&told["method"], &told["cause"]), (&json!("password"), &json!("invalid_credentials")));
}

#[tokio::test]
async fn who_may_not_sign_in_is_told_so_after_the_password_only() {
    let ground = Ground::new().await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let cases = [("suspended", "access_denied"), ("active", ""), ("blocked", "user_blocked")];
    for (status, error) in cases {
        ground.app.root().patch(&user, json!({ "status": status })).expect(200).await;
        let browser = ground.browser();
        let page = browser.begin(request(Wants::default())).await;
        assert_eq!(page.password("ada@example.com", "wrong").await, "invalid_credentials");
        let reply = page.post("password", json!({ "password": PASSWORD })).await;
        if status == "active" {
            assert_eq!(reply.body["step"], "done");
            continue;
        }
        assert_eq!((reply.status.as_u16(), reply.body["error"].as_str().unwrap()), (403, error), "{reply}");
        assert!(reply.body["redirect_to"].as_str().unwrap().ends_with(&page.id), "the application is told");
        let resumed = page.resume().await.unwrap();
        assert!(matches!(resumed.outcome, Outcome::Refused(why) if why.code.as_str() == error));
        assert_eq!(browser.cookie("op"), None);
    }
}

#[tokio::test]
async fn a_temporary_password_is_good_once_and_must_be_replaced() {
    let ground = Ground::new().await;
    let verifiers = format!("{}/users/{}/verifiers", ground.issuer, ground.user);
    let body = json!({ "type": "temporary-password" });
    let temporary = ground.app.root().post(&verifiers, body).expect(201).await.text("secret");
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", &temporary).await, "password_change");
    assert_eq!((browser.cookie("op"), ground.sessions().await.len()), (None, 0));
    let other = ground.browser();
    let again = other.login().await;
    assert_eq!(again.password("ada@example.com", &temporary).await, "invalid_credentials", "it was spent");

    let weak = page.post("password-change", json!({ "password": "short" })).await;
    assert_eq!(weak.refusal(), ("invalid_request".to_owned(), vec!["password too_short".to_owned()]));
    assert_eq!(page.step("password-change", json!({ "password": OTHER })).await, "done");
    assert_eq!(ground.sessions().await[0]["authentication"]["method"], "temporary-password");
    let fresh = ground.browser();
    assert_eq!(fresh.login().await.password("ada@example.com", OTHER).await, "done");
}

#[tokio::test]
async fn a_method_that_is_not_offered_is_not_there() {
    let ground = Ground::new().await;
    let methods = format!("{}/auth-methods", ground.issuer);
    let found = ground.app.root().get(&methods).expect(200).await;
    for method in found.data().as_array().unwrap() {
        let path = format!("{methods}/{}", method["id"].as_str().unwrap());
        ground.app.root().patch(&path, json!({ "allow_login": false })).expect(200).await;
    }
    let browser = ground.browser();
    let page = browser.login().await;
    assert_eq!(page.state().await["methods"], json!([]));
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for (step, body) in
        [("password", json!({ "password": PASSWORD })), ("magic-link", json!({})), ("email-code", json!({}))]
    {
        assert_eq!(page.post(step, body).await.status, 404, "{step}");
    }
}

#[tokio::test]
async fn a_suspended_issuer_lets_nobody_in() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    ground.app.root().patch(&ground.issuer, json!({ "status": "suspended" })).expect(200).await;
    let reply = browser.send(browser.call(Method::GET, &format!("/flows/{}", page.id))).await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (403, &json!("access_denied")));
}

#[tokio::test]
async fn who_has_proven_who_they_are_is_who_acts() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    let events = ground.app.events("event_types=user.verification.succeeded,session.created").await;
    for event in events {
        let acted = (&event["auth"]["type"], &event["auth"]["user_id"]);
        assert_eq!(acted, (&json!("user"), &json!(ground.user)), "{}", event["type"]);
    }
}
