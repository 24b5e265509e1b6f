//! Introspection and revocation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ground, claims, refused, text};

async fn revoke(ground: &Ground, token: &str) {
    let client = [("client_id", ground.client.as_str()), ("client_secret", ground.secret.as_str()), ("token", token)];
    let reply = ground.post("revoke", &client).await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0), "{reply}");
}

#[tokio::test]
async fn a_client_learns_all_of_its_own_tokens_and_nothing_of_others() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid", "email"]).await;
    for (name, kind) in [("access_token", "Bearer"), ("refresh_token", "refresh_token")] {
        let mut expected = claims(text(&tokens, name));
        let members = expected.as_object_mut().unwrap();
        members.remove("token_use");
        members.extend([("active".to_owned(), json!(true)), ("token_type".to_owned(), json!(kind))]);
        assert_eq!(ground.introspect(text(&tokens, name)).await, expected);
    }
    let inactive = json!({ "active": false });
    assert_eq!(ground.introspect(text(&tokens, "id_token")).await, inactive);
    let access = text(&tokens, "access_token");
    for broken in ["x", &access[1..], &access[..access.len() - 4], &format!("{access}A"), &format!("ptk_{access}")] {
        assert_eq!(ground.introspect(broken).await, inactive);
    }
    let body = json!({ "name": "Other", "confidential": true, "settings": { "openid": { "redirect_uris": ["https://o.example/cb"] } } });
    let other = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    let (id, secret) = (other.id(), other.text("secret"));
    for name in ["access_token", "refresh_token"] {
        let theirs = [("client_id", &*id), ("client_secret", &*secret), ("token", text(&tokens, name))];
        assert_eq!(ground.post("introspect", &theirs).await.body, inactive);
        let reply = ground.post("revoke", &theirs).await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0));
        assert_eq!(ground.introspect(text(&tokens, name)).await["active"], true, "nothing has happened");
    }
}

#[tokio::test]
async fn what_a_token_stands_for_must_be_alive() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let active = async || {
        let [access, refresh] = ["access_token", "refresh_token"].map(|name| ground.introspect(text(&tokens, name)));
        [access.await["active"].clone(), refresh.await["active"].clone()]
    };
    let session =
        format!("{}/sessions/{}", ground.issuer, claims(text(&tokens, "access_token"))["sid"].as_str().unwrap());
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let (yes, no) = ([json!(true), json!(true)], [json!(false), json!(false)]);
    assert_eq!(active().await, yes);
    ground.app.root().act(&format!("{session}/suspend")).expect(200).await;
    assert_eq!(active().await, no);
    ground.app.root().act(&format!("{session}/reactivate")).expect(200).await;
    ground.app.root().patch(&user, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(active().await, no);
    ground.app.root().patch(&user, json!({ "status": "active" })).expect(200).await;
    assert_eq!(active().await, yes);
    ground.app.advance(Duration::from_mins(30));
    assert_eq!(active().await, [json!(false), json!(true)], "the access token is past its time");
    let refreshed = ground.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(active().await[1], false, "spent");
    assert_eq!(ground.introspect(text(&refreshed, "refresh_token")).await["active"], true);
}

#[tokio::test]
async fn a_revoked_access_token_is_dead_and_its_session_lives() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    revoke(&ground, text(&tokens, "access_token")).await;
    revoke(&ground, text(&tokens, "access_token")).await;
    assert_eq!(ground.introspect(text(&tokens, "access_token")).await, json!({ "active": false }));
    refused(&ground.userinfo(text(&tokens, "access_token")).await, 401, "invalid_token");
    assert_eq!(ground.refresh(text(&tokens, "refresh_token")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_session_spent_or_not() {
    let ground = Ground::new().await;
    for spent in [false, true] {
        let tokens = ground.tokens(&["openid"]).await;
        if spent {
            ground.refresh(text(&tokens, "refresh_token")).await;
        }
        revoke(&ground, text(&tokens, "refresh_token")).await;
        let sid = claims(text(&tokens, "access_token"))["sid"].as_str().unwrap().to_owned();
        let session = ground.session(&sid).await;
        assert_eq!((&session["status"], &session["revoked_reason"]), (&json!("revoked"), &json!("token_revoked")));
        assert_eq!(session["compromised"], false);
    }
    assert_eq!(ground.session(&ground.op).await["status"], "active");
    let ended = ground.events("session.terminated").await;
    let causes: Vec<Value> = ended.iter().map(|event| event["data"]["cause"].clone()).collect();
    assert_eq!(causes, ["token_revoked", "token_revoked"]);
}

#[tokio::test]
async fn whatever_is_revoked_the_answer_is_the_same() {
    let ground = Ground::new().await;
    for token in ["x", "a.b.c", "ptk_x", "\u{1F980}"] {
        revoke(&ground, token).await;
    }
    refused(&ground.post("revoke", &[("client_id", &ground.client), ("token", "x")]).await, 401, "invalid_client");
    let nothing = [("client_id", ground.client.as_str()), ("client_secret", ground.secret.as_str())];
    refused(&ground.post("revoke", &nothing).await, 400, "invalid_request");
    refused(&ground.post("introspect", &nothing).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_token_of_one_issuer_is_worth_nothing_at_another() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let other = ground.app.issuer().await;
    let there = other.rsplit('/').next().unwrap();
    let path = format!("/{there}/userinfo");
    refused(&ground.app.with_bearer(text(&tokens, "access_token")).get(&path).send().await, 401, "invalid_token");
}
