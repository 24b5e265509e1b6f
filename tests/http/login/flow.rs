//! A login as such: whose it is, how long it lasts, and what is asked at its end.

use std::time::Duration;

use authpi_core::worker;
use http::Method;
use serde_json::{Value, json};

use super::{Ground, PASSWORD, request};
use authpi_core::login::model::{Decision, OrganizationChoice, Outcome, Question, Wants};

#[tokio::test]
async fn a_login_belongs_to_the_browser_that_it_was_begun_in() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let thief = ground.browser();
    thief.login().await;
    for call in [
        thief.call(Method::GET, &format!("/flows/{}", page.id)),
        thief.call(Method::POST, &format!("/flows/{}/abort", page.id)).header("authpi-portal", &page.ticket),
    ] {
        let reply = thief.send(call).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (403, &json!("access_denied")), "{reply}");
    }
    assert_eq!(ground.last("auth.flow.device-mismatch").await, json!({ "flow": page.id }));
    assert_eq!(page.state().await["step"], "identify", "it goes on");
    let nowhere = format!("/{}/flows/{}", ground.issuer.rsplit('/').next().unwrap(), page.id);
    assert_eq!(ground.app.anonymous().get(&nowhere).send().await.status, 403, "without any cookie");
}

#[tokio::test]
async fn a_step_needs_the_ticket_and_a_page_of_ours() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    let path = format!("/flows/{}/identify", page.id);
    let body = json!({ "identifier": "ada@example.com" });
    for ticket in ["", "x", &page.ticket[1..]] {
        let call = browser.call(Method::POST, &path).header("authpi-portal", ticket).json(body.clone());
        let reply = browser.send(call).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (401, &json!("unauthorized_client")), "{ticket}");
    }
    let foreign =
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")];
    for (name, value) in foreign {
        let reply = browser.send(page.call("identify", body.clone()).header(name, value)).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (403, &json!("access_denied")), "{name}: {value}");
    }
    let forged = browser.call(Method::POST, &path).header("origin", "null").json(body.clone());
    assert_eq!(browser.send(forged).await.status, 401, "null admits nobody by itself");
    for (name, value) in [("origin", "null"), ("origin", ground.app.base.as_str()), ("sec-fetch-site", "same-origin")] {
        let reply = browser.send(page.call("identify", body.clone()).header(name, value)).await;
        assert_eq!(reply.status, 200, "{name}: {value}");
    }
    let other = browser.login().await;
    let swapped = browser.call(Method::POST, &path).header("authpi-portal", &other.ticket).json(body);
    assert_eq!(browser.send(swapped).await.status, 401, "each login has its own");
}

#[tokio::test]
async fn a_step_that_was_taken_before_ends_the_login() {
    let ground = Ground::new().await;
    ground.enrolled().await;
    let browser = ground.browser();
    let page = browser.login().await;
    let early = page.post("mfa", json!({ "type": "totp_app", "code": "123456" })).await;
    assert_eq!((early.status.as_u16(), &early.body["error"]), (409, &json!("conflict")), "not reached yet");
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let again = page.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((again.status.as_u16(), &again.body["error"]), (400, &json!("invalid_request")));
    let told = ground.last("auth.flow.replay-attempt").await;
    assert_eq!(told, json!({ "flow": page.id, "artefact": "state" }));
    let after = page.post("mfa", json!({ "type": "totp_app", "code": "123456" })).await;
    assert_eq!(after.status, 404, "it is over");
}

#[tokio::test]
async fn a_login_lasts_for_a_quarter_of_an_hour() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let (used, swept) = (browser.login().await, browser.login().await);
    ground.app.advance(Duration::from_mins(15));
    let late = used.post("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!((late.status.as_u16(), &late.body["error"]), (400, &json!("invalid_request")));
    assert_eq!(ground.last("auth.flow.expired").await, json!({ "flow": used.id, "age_seconds": 900 }));
    assert_eq!(used.post("identify", json!({ "identifier": "a" })).await.status, 404, "told once");
    ground.app.advance(Duration::from_hours(1));
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    assert_eq!(swept.post("identify", json!({ "identifier": "ada@example.com" })).await.status, 404, "it is gone");
    let count = ground.events_after(0).await.iter().filter(|kind| *kind == "auth.flow.expired").count();
    assert_eq!(count, 1, "strangers leave no traces by not coming back");
}

#[tokio::test]
async fn whoever_wants_no_more_says_so() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let reply = page.post("abort", json!({})).await;
    assert!(reply.body["redirect_to"].as_str().unwrap().ends_with(&page.id));
    assert!(matches!(page.resume().await.unwrap().outcome, Outcome::Aborted));
}

#[tokio::test]
async fn questions_are_answered_before_the_application_learns_anything() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
    let organization = ground.app.organization(&ground.issuer).await;
    let org_id = organization.rsplit('/').next().unwrap().parse().unwrap();
    let choices = vec![OrganizationChoice { id: org_id, name: Some("Acme".to_owned()) }];
    page.ask(Question::SelectOrganization { choices }).await;
    let state = page.state().await;
    assert_eq!((&state["step"], &state["question"]["choices"][0]["name"]), (&json!("select_org"), &json!("Acme")));
    assert!(page.resume().await.is_none(), "it is not at its end");
    let other = page.post("organization", json!({ "org_id": "org_0000000000000000000000000" })).await;
    assert_eq!(other.status, 404);
    assert_eq!(page.step("organization", json!({ "org_id": org_id })).await, "done");
    page.ask(Question::Consent {
        scopes: vec!["openid".to_owned()],
        audiences: Vec::new(),
        shares_organizations: true,
        redirect_host: Some("app.example.com".to_owned()),
    })
    .await;
    assert_eq!(page.step("consent", json!({ "approve": false })).await, "done");
    let Outcome::SignedIn { decisions, .. } = page.resume().await.unwrap().outcome else { panic!("nobody is here") };
    assert_eq!(decisions, [Decision::Organization { org_id }, Decision::Consent { approved: false }]);
}

#[tokio::test]
async fn bodies_are_checked_like_everywhere() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    let cases: [(&str, Value, &str); 4] = [
        ("identify", json!({}), "identifier required"),
        ("identify", json!({ "identifier": 7 }), "identifier invalid_type"),
        ("identify", json!({ "identifier": "a", "typo": 1 }), "typo unknown_field"),
        ("mfa", json!({ "type": "sms", "code": "1" }), "type invalid_enum_value"),
    ];
    for (step, body, problem) in cases {
        let reply = page.post(step, body).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().1), (400, vec![problem.to_owned()]), "{step}");
    }
}

#[tokio::test]
async fn what_proves_something_takes_its_time() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "nobody@example.com" })).await;
    for (step, body) in [("password", json!({ "password": "x" })), ("magic-link", json!({}))] {
        let begun = tokio::time::Instant::now();
        page.post(step, body).await;
        assert!(begun.elapsed() >= Duration::from_millis(250), "{step}");
    }
}

#[tokio::test]
async fn an_organization_with_its_own_way_in_allows_no_other() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["a:read"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    ground.app.sso_only(&organization, "example.com").await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for step in ["magic-link", "email-code", "password-reset"] {
        assert_eq!(page.post(step, json!({})).await.status, 200, "{step}");
    }
    assert_eq!(ground.mails().await.len(), 0, "nothing is mailed");
    let reply = page.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (403, &json!("access_denied")), "{reply}");
    Ground::made(&ground.app, &ground.issuer, "bob@example.com").await;
    assert_eq!(ground.browser().login().await.password("bob@example.com", PASSWORD).await, "done", "no member");
}
