//! `refresh_token` (idp §7).

use std::time::Duration;

use authpi_core::web::services::Options;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::App;

use super::{DRIVER, Ground, claims, refused, text};

fn sid(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_refresh_replaces_the_token_and_keeps_the_grant() {
    let ground = Ground::new().await;
    let first = ground.tokens(&["openid", "email", "profile"]).await;
    ground.app.advance(Duration::from_mins(1));
    let parameters =
        [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), ("scope", "email")];
    let narrow = ground.token(&parameters).await;
    assert_eq!((narrow.status.as_u16(), &narrow.body["scope"]), (200, &json!("email")), "{narrow}");
    let second = ground.refresh(text(&narrow, "refresh_token")).await;
    assert_eq!(second.body["scope"], "openid email profile", "narrowing is not sticky");
    let id = claims(text(&second, "id_token"));
    assert_eq!((&id["nonce"], &id["auth_time"]), (&Value::Null, &json!(1_800_000_000)));
    assert_eq!(id["iat"], ground.app.now() / 1_000);
    let session = ground.session(&sid(text(&second, "access_token"))).await;
    assert_eq!((&session["refresh_count"], &session["refresh_token_issued_at"]), (&json!(2), &json!(ground.app.now())));
    let events = ground.events("session.token-refreshed").await;
    let data: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    let expected = [
        json!({ "scope": "email", "refresh_count": 1 }),
        json!({ "scope": "openid email profile", "refresh_count": 2 }),
    ];
    assert_eq!(data, expected);
    assert_eq!(events[0]["subject"]["client_id"], ground.client);
    assert_eq!(
        (&events[0]["auth"]["type"], &events[0]["auth"]["client_id"]),
        (&json!("client"), &json!(ground.client))
    );
    refused(
        &ground
            .token(&[parameters[0], ("refresh_token", text(&second, "refresh_token")), ("scope", "orders:read")])
            .await,
        400,
        "invalid_scope",
    );
    assert_eq!(ground.refresh(text(&second, "refresh_token")).await.status.as_u16(), 200, "a refusal spends nothing");
}

#[tokio::test]
async fn what_a_client_may_not_ask_for_any_more_its_sessions_do_not_get() {
    let ground = Ground::new().await;
    let first = ground.tokens(&["openid", "email", "profile"]).await;
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let may_ask = async |scopes: &[&str]| {
        ground.app.root().patch(&client, json!({ "settings": { "scopes": scopes } })).expect(200).await;
    };
    may_ask(&["openid", "profile", "offline_access"]).await;
    let second = ground.refresh(text(&first, "refresh_token")).await;
    assert_eq!((second.status.as_u16(), &second.body["scope"]), (200, &json!("openid profile")), "{second}");
    assert!(ground.userinfo(text(&second, "access_token")).await.body["email"].is_null());
    may_ask(&["email", "profile", "offline_access"]).await;
    let nameless = ground.refresh(text(&second, "refresh_token")).await;
    assert_eq!((&nameless.body["scope"], &nameless.body["id_token"]), (&json!("email profile"), &Value::Null));
    may_ask(&["openid", "email", "profile", "offline_access"]).await;
    let third = ground.refresh(text(&nameless, "refresh_token")).await;
    assert_eq!(third.body["scope"], "openid email profile", "the grant is as it was");
    assert!(third.body["id_token"].is_string());
}

#[tokio::test]
async fn of_sixty_four_refreshes_of_one_token_one_wins_and_the_family_ends() {
    let ground = Ground::new().await;
    let other = ground.tokens(&["openid"]).await;
    let first = ground.tokens(&["openid"]).await;
    let replies = join_all((0..64).map(|_| ground.refresh(text(&first, "refresh_token")))).await;
    let (good, bad): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status.as_u16() == 200);
    assert_eq!(good.len(), 1);
    for reply in &bad {
        refused(reply, 400, "invalid_grant");
    }
    refused(&ground.refresh(text(&good[0], "refresh_token")).await, 400, "invalid_grant");
    refused(&ground.refresh(text(&other, "refresh_token")).await, 400, "invalid_grant");
    let session = ground.session(&sid(text(&first, "access_token"))).await;
    assert_eq!((&session["status"], &session["compromised"]), (&json!("revoked"), &json!(true)));
    assert_eq!(session["compromised_reason"], "refresh_token_reuse");
    assert_eq!(ground.session(&ground.op).await["status"], "revoked");
    let compromised = ground.events("session.compromised").await;
    let [event] = compromised.as_slice() else { panic!("{compromised:?}") };
    assert_eq!(event["data"], json!({ "cause": "refresh_token_reuse", "refresh_count": 1 }));
    let ended = ground.events("session.terminated").await;
    assert_eq!(ended.len(), 3, "the session, the one at the issuer, the other client's");
    assert!(event["id"].as_str() < ended[0]["id"].as_str());
    let userinfo = ground.userinfo(text(&other, "access_token")).await;
    refused(&userinfo, 401, "session_expired");
}

#[tokio::test]
async fn where_the_issuer_says_so_a_reuse_ends_every_session_of_the_user() {
    let ground = Ground::new().await;
    let elsewhere = ground.app.log_in(&ground.issuer, &ground.user).await;
    let strict = json!({ "settings": { "security": { "on_token_reuse": "user" }, "access": { "mode": "open" } } });
    ground.app.root().patch(&ground.issuer, strict).expect(200).await;
    let first = ground.tokens(&["openid"]).await;
    assert_eq!(ground.refresh(text(&first, "refresh_token")).await.status.as_u16(), 200);
    refused(&ground.refresh(text(&first, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(ground.session(&elsewhere).await["status"], "revoked");
}

#[tokio::test]
async fn a_spent_token_in_the_hands_of_a_stranger_ends_nothing() {
    let ground = Ground::new().await;
    let first = ground.tokens(&["openid"]).await;
    let spent = text(&first, "refresh_token");
    let second = ground.refresh(spent).await;
    let unproven = [("grant_type", "refresh_token"), ("client_id", &*ground.client), ("refresh_token", spent)];
    refused(&ground.post("token", &unproven).await, 401, "invalid_client");
    let body = json!({ "name": "Other", "confidential": true, "settings": { "openid": { "redirect_uris": ["https://o.example/cb"] } } });
    let other = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    let (id, secret) = (other.id(), other.text("secret"));
    let theirs =
        [("grant_type", "refresh_token"), ("client_id", &*id), ("client_secret", &*secret), ("refresh_token", spent)];
    refused(&ground.post("token", &theirs).await, 400, "invalid_grant");
    assert!(!ground.introspect(spent).await["active"].as_bool().unwrap(), "asking is no use of it");
    assert_eq!(ground.refresh(text(&second, "refresh_token")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn within_the_window_the_same_request_gets_the_same_bytes_and_another_gets_nothing() {
    let options = Options { rate_limits: false, refresh_grace: Duration::from_secs(10), ..Options::default() };
    let ground = Ground::on(App::start_with(DRIVER, options).await, json!({})).await;
    let first = ground.tokens(&["openid", "email"]).await;
    let spent = text(&first, "refresh_token").to_owned();
    let replies = join_all((0..16).map(|_| ground.refresh(&spent))).await;
    assert!(replies.iter().all(|reply| reply.status.as_u16() == 200 && reply.bytes == replies[0].bytes));
    let narrower = [("grant_type", "refresh_token"), ("refresh_token", spent.as_str()), ("scope", "email")];
    refused(&ground.token(&narrower).await, 400, "invalid_grant");
    ground.app.advance(Duration::from_secs(9));
    assert_eq!(ground.refresh(&spent).await.bytes, replies[0].bytes);
    let session = ground.session(&sid(text(&first, "access_token"))).await;
    assert_eq!((&session["status"], &session["refresh_count"]), (&json!("active"), &json!(1)));
    // The window never slides.
    ground.app.advance(Duration::from_secs(1));
    refused(&ground.refresh(&spent).await, 400, "invalid_grant");
    assert_eq!(ground.session(&sid(text(&first, "access_token"))).await["status"], "revoked");
}

#[tokio::test]
async fn a_used_successor_closes_the_window() {
    let options = Options { rate_limits: false, refresh_grace: Duration::from_secs(30), ..Options::default() };
    let ground = Ground::on(App::start_with(DRIVER, options).await, json!({})).await;
    let first = ground.tokens(&["openid"]).await;
    let spent = text(&first, "refresh_token").to_owned();
    let second = ground.refresh(&spent).await;
    assert_eq!(ground.refresh(text(&second, "refresh_token")).await.status.as_u16(), 200);
    refused(&ground.refresh(&spent).await, 400, "invalid_grant");
    assert_eq!(ground.session(&sid(text(&first, "access_token"))).await["status"], "revoked");
}

#[tokio::test]
async fn only_an_active_session_of_an_active_user_refreshes() {
    let ground = Ground::new().await;
    let first = ground.tokens(&["openid"]).await;
    let token = text(&first, "refresh_token");
    let id = sid(text(&first, "access_token"));
    let path = format!("{}/sessions/{id}", ground.issuer);
    ground.app.root().act(&format!("{path}/suspend")).expect(200).await;
    refused(&ground.refresh(token).await, 400, "invalid_grant");
    ground.app.root().act(&format!("{path}/reactivate")).expect(200).await;
    let second = ground.refresh(token).await;
    assert_eq!(second.status.as_u16(), 200, "a frozen session has spent nothing: {second}");
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().patch(&user, json!({ "status": "suspended" })).expect(200).await;
    refused(&ground.refresh(text(&second, "refresh_token")).await, 400, "invalid_grant");
    ground.app.root().patch(&user, json!({ "status": "active" })).expect(200).await;
    let third = ground.refresh(text(&second, "refresh_token")).await;
    assert_eq!(third.status.as_u16(), 200, "{third}");
    ground.app.root().act(&format!("{path}/revoke")).expect(200).await;
    refused(&ground.refresh(text(&third, "refresh_token")).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_refreshing_is_use() {
    let ground = Ground::new().await;
    let mut token = text(&ground.tokens(&["openid"]).await, "refresh_token").to_owned();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for _ in 0..3 {
        ground.app.advance(hours(11));
        token = text(&ground.refresh(&token).await, "refresh_token").to_owned();
    }
    assert_eq!(ground.session(&ground.op).await["status"], "active");
    ground.app.advance(hours(12));
    refused(&ground.refresh(&token).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_membership_that_is_gone_stops_the_tokens_of_its_organization_and_not_the_session() {
    let ground = Ground::new().await;
    let org = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{org}/members"), member.clone()).expect(201).await;
    let code = ground.code(&["openid"], Some(org.rsplit('/').next().unwrap())).await;
    let first = ground.exchange(&code).await;
    let members = format!("{org}/members/{}", ground.user);
    ground.app.root().delete(&members).expect(204).await;
    refused(&ground.refresh(text(&first, "refresh_token")).await, 400, "invalid_grant");
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    assert_eq!(ground.refresh(text(&first, "refresh_token")).await.status.as_u16(), 200);
}
