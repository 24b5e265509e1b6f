//! /v1/accounts/{account_id}/issuers/{issuer_id}/approvals

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

async fn pending(app: &App, issuer: &str, query: &str) -> (Vec<String>, Value) {
    let page = app.root().get(&format!("{issuer}/approvals?{query}")).expect(200).await;
    let ids = page.data().as_array().unwrap().iter().map(|item| item["user_id"].as_str().unwrap().to_owned());
    (ids.collect(), page.body["next_cursor"].clone())
}

#[tokio::test]
async fn who_waits_is_listed_oldest_first_without_a_name() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    app.user(&issuer, "made@example.com").await;
    let (first, second) = (app.sign_up(&issuer, "a@example.com").await, app.sign_up(&issuer, "b@example.com").await);
    let third = app.sign_up(&issuer, "c@example.com").await;
    assert_eq!(pending(&app, &issuer, "").await, (vec![first.clone(), second.clone(), third.clone()], Value::Null));
    let (page, cursor) = pending(&app, &issuer, "limit=2").await;
    assert_eq!((page, &cursor), (vec![first.clone(), second.clone()], &json!(second)));
    let rest = pending(&app, &issuer, &format!("limit=2&cursor={second}")).await;
    assert_eq!(rest, (vec![third], Value::Null));
    let listed = app.root().get(&format!("{issuer}/approvals")).expect(200).await;
    assert!(!listed.body.to_string().contains("example.com"));
    assert_eq!(listed.data()[0]["status"], "pending_approval");
    let events = app.events(&format!("user_id={first}")).await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["user.created", "user.approval.requested"]);
    assert_eq!(events[0]["data"]["origin"], "signup");
    assert_eq!(events[1]["data"], Value::Null);
}

#[tokio::test]
async fn a_decision_is_made_once_and_told() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    for (body, status, approval) in [
        (json!({ "status": "approved" }), "active", "approved"),
        (json!({ "decision": "approve", "reason": "customer.known" }), "active", "approved"),
        (json!({ "action": "reject", "reason": "We do not know Ada Lovelace." }), "blocked", "rejected"),
        (json!({ "status": "rejected", "decision": "rejected" }), "blocked", "rejected"),
    ] {
        let id = app.sign_up(&issuer, &format!("{}@example.com", mint_name(&body))).await;
        let path = format!("{issuer}/approvals/{id}");
        let waiting = app.root().get(&path).expect(200).await;
        let requested = json!({
            "status": "pending", "requested_at": app.now(), "decided_at": null, "decided_by": null, "reason": null,
        });
        assert_eq!(waiting.data()["approval"], requested);
        app.root().patch(&path, body.clone()).header("if-match", "\"1\"").expect(412).await;
        app.advance(Duration::from_secs(1));
        let decided = app.root().patch(&path, body.clone()).expect(200).await;
        let data = decided.data();
        assert_eq!((&data["status"], &data["approval"]["status"]), (&json!(status), &json!(approval)), "{body}");
        assert_eq!((&data["approval"]["decided_by"], &data["status_by"]), (&json!(app.key.0), &json!(app.key.0)));
        assert_eq!((&data["approval"]["decided_at"], &data["status_at"]), (&json!(app.now()), &json!(app.now())));
        let reason = body.get("reason").unwrap_or(&Value::Null);
        assert_eq!((&data["approval"]["reason"], &data["status_reason"]), (reason, reason));
        let event = app.events(&format!("user_id={id}")).await.pop().unwrap();
        assert_eq!(event["type"], format!("user.approval.{approval}"));
        let word = if reason == "customer.known" { reason.clone() } else { Value::Null };
        assert_eq!(event["data"], json!({ "by": app.key.0, "reason": word }), "free text stays on the user");
        app.root().get(&path).expect(404).await;
        app.root().patch(&path, body).expect(409).await;
        app.root().get(&format!("{issuer}/users/{id}")).expect(200).await;
    }
    assert_eq!(pending(&app, &issuer, "").await.0, Vec::<String>::new());
}

#[tokio::test]
async fn who_is_disabled_while_waiting_waits_no_more() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let id = app.sign_up(&issuer, "ada@example.com").await;
    let user = format!("{issuer}/users/{id}");
    let requested_at = app.now();
    app.advance(Duration::from_secs(1));
    let body = json!({ "status": "disabled", "status_reason": "Asked to be forgotten" });
    let disabled = app.root().patch(&user, body).expect(200).await;
    let expected = json!({
        "status": "rejected", "requested_at": requested_at, "decided_at": app.now(), "decided_by": app.key.0,
        "reason": "Asked to be forgotten",
    });
    assert_eq!((&disabled.data()["status"], &disabled.data()["approval"]), (&json!("disabled"), &expected));
    assert_eq!(app.root().get(&user).expect(200).await.data(), disabled.data());
    let event = app.events(&format!("user_id={id}")).await.pop().unwrap();
    assert_eq!(event["type"], "user.blocked");
    assert_eq!(event["data"]["status"], json!({ "from": "pending_approval", "to": "disabled" }));
    assert_eq!(pending(&app, &issuer, "").await.0, Vec::<String>::new());
    let path = format!("{issuer}/approvals/{id}");
    app.root().get(&path).expect(404).await;
    app.root().patch(&path, json!({ "status": "approved" })).expect(409).await;
    // What was decided stays, whatever else becomes of the user.
    let other = app.sign_up(&issuer, "bob@example.com").await;
    app.root().patch(&format!("{issuer}/approvals/{other}"), json!({ "status": "approved" })).expect(200).await;
    let out = app.root().patch(&format!("{issuer}/users/{other}"), json!({ "status": "disabled" })).expect(200).await;
    assert_eq!(out.data()["approval"]["status"], "approved");
}

/// A name for each body.
fn mint_name(body: &Value) -> String {
    body.to_string().bytes().filter(u8::is_ascii_alphanumeric).map(char::from).take(60).collect()
}

#[tokio::test]
async fn only_a_decision_is_one() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let id = app.sign_up(&issuer, "ada@example.com").await;
    let path = format!("{issuer}/approvals/{id}");
    for (body, problem) in [
        (json!({}), "status required"),
        (json!({ "status": "active" }), "status invalid_enum_value"),
        (json!({ "status": "approved", "decision": "reject" }), "decision not_allowed"),
        (json!({ "status": "approved", "reason": "x".repeat(1001) }), "reason too_long"),
        (json!({ "status": "approved", "typo": 1 }), "typo unknown_field"),
    ] {
        let refused = app.root().patch(&path, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, [problem], "{body}");
    }
    app.root().patch(&format!("{issuer}/users/{id}"), json!({ "status": "active" })).expect(409).await;
    let made = app.user(&issuer, "made@example.com").await;
    let other = format!("{issuer}/approvals/{made}");
    app.root().get(&other).expect(404).await;
    app.root().patch(&other, json!({ "status": "approved" })).expect(409).await;
    assert_eq!(app.root().get(&format!("{issuer}/users/{made}")).expect(200).await.data()["approval"], Value::Null);
}
