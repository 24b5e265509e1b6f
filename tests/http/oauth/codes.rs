//! `authorization_code`

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{CALLBACK, Ground, VERIFIER, claims, part, refused, text};

#[tokio::test]
async fn a_code_gives_all_tokens_with_all_their_claims() {
    let ground = Ground::new().await;
    let profile = json!({ "profile": { "first_name": "Ann", "email": "ann@example.com", "email_verified": true } });
    ground.app.root().patch(&format!("{}/users/{}", ground.issuer, ground.user), profile).expect(200).await;
    let reply = ground.tokens(&["openid", "email", "orders:read"]).await;
    assert_eq!(reply.body["scope"], "openid email", "scopes that the user does not hold are left out");
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    let now = ground.app.now() / 1_000;
    let access = claims(text(&reply, "access_token"));
    let (sid, jti) = (access["sid"].clone(), access["jti"].clone());
    let expected = json!({
        "iss": ground.url(), "sub": ground.user, "aud": ground.client, "exp": now + 1800, "iat": now, "auth_time": now,
        "jti": jti, "sid": sid, "client_id": ground.client, "dat": { "type": "identity" }, "scope": "openid email",
        "organizations": [],
    });
    assert_eq!(access, expected);
    assert_eq!(part(text(&reply, "access_token"), 0)["typ"], "at+jwt");

    let id_token = text(&reply, "id_token");
    assert_eq!(part(id_token, 0)["typ"], Value::Null);
    let mut id = claims(id_token);
    assert!(id["jti"].take().is_string() && id["at_hash"].take().as_str().is_some_and(|hash| hash.len() == 22));
    let expected = json!({
        "iss": ground.url(), "sub": ground.user, "aud": ground.client, "exp": now + 1800, "iat": now, "jti": null,
        "auth_time": 1_800_000_000, "nonce": "n-0S6_WzA2Mj", "sid": sid, "at_hash": null, "amr": ["pwd"], "acr": "aal1",
        "email": "ann@example.com", "email_verified": true, "organizations": [],
    });
    assert_eq!(id, expected);

    let refresh = text(&reply, "refresh_token");
    assert_eq!(part(refresh, 0)["typ"], Value::Null);
    let mut found = claims(refresh);
    assert!(found["jti"].take().is_string());
    let expected = json!({
        "iss": ground.url(), "sub": ground.user, "aud": ground.url(), "exp": now + 604_800, "iat": now, "jti": null,
        "sid": sid, "client_id": ground.client, "scope": "openid email orders:read", "token_use": "refresh",
    });
    assert_eq!(found, expected);
    let session = ground.session(sid.as_str().unwrap()).await;
    assert_eq!((&session["status"], &session["refresh_count"]), (&json!("active"), &json!(0)));
}

#[tokio::test]
async fn of_sixteen_exchanges_of_one_code_one_succeeds_and_the_session_ends() {
    let ground = Ground::new().await;
    let code = ground.code(&["openid"], None).await;
    let replies = join_all((0..16).map(|_| ground.exchange(&code))).await;
    let (good, bad): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status.as_u16() == 200);
    assert_eq!(good.len(), 1);
    for reply in &bad {
        refused(reply, 400, "invalid_grant");
    }
    let sid = claims(text(&good[0], "access_token"))["sid"].as_str().unwrap().to_owned();
    let session = ground.session(&sid).await;
    assert_eq!((&session["status"], &session["revoked_reason"]), (&json!("revoked"), &json!("code_replay")));
    refused(&ground.refresh(text(&good[0], "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(ground.session(&ground.op).await["status"], "active");
    let ended = ground.events("session.terminated").await;
    assert_eq!((ended.len(), &ended[0]["data"]["cause"]), (1, &json!("code_replay")));
}

#[tokio::test]
async fn a_mistake_spends_the_code_and_ends_nobodys_session() {
    let ground = Ground::new().await;
    let right = [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let wrong_uri = [("redirect_uri", "https://app.example.com/cb"), ("code_verifier", VERIFIER)];
    let no_verifier = [("redirect_uri", CALLBACK), ("code_verifier", "")];
    let wrong_verifier = [("redirect_uri", CALLBACK), ("code_verifier", &VERIFIER[1..])];
    for mistake in [wrong_uri, no_verifier, wrong_verifier] {
        let code = ground.code(&["openid"], None).await;
        for parameters in [mistake, right] {
            let all = [("grant_type", "authorization_code"), ("code", code.as_str()), parameters[0], parameters[1]];
            refused(&ground.token(&all).await, 400, "invalid_grant");
        }
    }
    // Somebody who has found a spent code, and knows nothing else.
    let code = ground.code(&["openid"], None).await;
    let good = ground.exchange(&code).await;
    let all = [("grant_type", "authorization_code"), ("code", code.as_str()), no_verifier[0], no_verifier[1]];
    refused(&ground.token(&all).await, 400, "invalid_grant");
    assert_eq!(ground.refresh(text(&good, "refresh_token")).await.status.as_u16(), 200);
}

/// What a second use leaves behind: a trace of its own, and its cause before what it ends.
#[tokio::test]
async fn every_second_use_of_a_code_is_told_also_when_no_session_is_left_to_end() {
    let ground = Ground::new().await;
    let told = async || {
        let events = ground.app.events("event_types=auth.flow.replay-attempt,session.terminated").await;
        events.into_iter().map(|event| (event["type"].clone(), event["subject"].clone(), event["data"].clone()))
    };
    let code = ground.code(&["openid"], None).await;
    let good = ground.exchange(&code).await;
    let sid = claims(text(&good, "access_token"))["sid"].clone();
    let no_verifier = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    refused(&ground.token(&no_verifier).await, 400, "invalid_grant");
    let about = json!({
        "account_id": ground.app.account, "issuer_id": ground.id, "user_id": ground.user, "client_id": ground.client,
    });
    let replay = (json!("auth.flow.replay-attempt"), about, json!({ "flow": null, "artefact": "code" }));
    assert_eq!(told().await.collect::<Vec<_>>(), [replay.clone()], "a mere finder ends nobody's session");
    refused(&ground.exchange(&code).await, 400, "invalid_grant");
    let ended: Vec<_> = told().await.skip(1).collect();
    assert_eq!((&ended[0], &ended[1].0, &ended[1].1["session_id"]), (&replay, &json!("session.terminated"), &sid));
    refused(&ground.exchange(&code).await, 400, "invalid_grant");
    assert_eq!(told().await.skip(3).collect::<Vec<_>>(), [replay.clone()], "the session has ended");

    let code = ground.code(&["openid"], None).await;
    let sid = claims(text(&ground.exchange(&code).await, "access_token"))["sid"].clone();
    let session = format!("{}/sessions/{}", ground.issuer, sid.as_str().unwrap());
    ground.app.root().act(&format!("{session}/revoke")).expect(200).await;
    refused(&ground.exchange(&code).await, 400, "invalid_grant");
    assert_eq!(told().await.next_back(), Some(replay));
    assert_eq!(ground.session(sid.as_str().unwrap()).await["revoked_reason"], "revoked", "whoever was first says why");
}

#[tokio::test]
async fn another_client_neither_redeems_nor_spends_a_code() {
    let ground = Ground::new().await;
    let code = ground.code(&["openid"], None).await;
    let body =
        json!({ "name": "Other", "confidential": true, "settings": { "openid": { "redirect_uris": [CALLBACK] } } });
    let other = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    let (id, secret) = (other.id(), other.text("secret"));
    let theirs = [
        ("grant_type", "authorization_code"),
        ("client_id", &*id),
        ("client_secret", &*secret),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    refused(&ground.post("token", &theirs).await, 400, "invalid_grant");
    assert_eq!(ground.exchange(&code).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_only_whole() {
    let ground = Ground::new().await;
    let code = ground.code(&["openid"], None).await;
    for other in ["", "x", &code[1..], &format!("{code}A")] {
        let reply = ground.exchange(other).await;
        refused(&reply, 400, if other.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    ground.app.advance(Duration::from_mins(1));
    refused(&ground.exchange(&code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_without_the_grant_no_refresh_token() {
    let ground = Ground::with(json!({ "grant_types": ["authorization_code"] })).await;
    let reply = ground.tokens(&["orders:read"]).await;
    let members: Vec<_> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
}

#[tokio::test]
async fn an_exchange_selects_among_the_resources_of_the_authorization() {
    let ground = Ground::new().await;
    let authorized = ["urn:a", "urn:b"];
    let exchange = async |resources: &[&str]| {
        let code = ground.code_with(&["openid"], None, &authorized, None).await;
        let mut all = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        all.push(("code_verifier", VERIFIER));
        all.extend(resources.iter().map(|resource| ("resource", *resource)));
        let reply = ground.token(&all).await;
        // What was refused for its resource is not spent.
        if reply.status.as_u16() == 200 {
            reply
        } else {
            refused(&reply, 400, "invalid_target");
            ground.exchange(&code).await
        }
    };
    let audience = async |resources: &[&str]| claims(text(&exchange(resources).await, "access_token"))["aud"].clone();
    assert_eq!(audience(&[]).await, json!(["urn:a", "urn:b"]));
    assert_eq!(audience(&["urn:b", "urn:b"]).await, "urn:b");
    assert_eq!(audience(&["urn:c"]).await, json!(["urn:a", "urn:b"]));
}

#[tokio::test]
async fn a_selected_organization_is_the_only_one_in_the_tokens() {
    let ground = Ground::new().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let org = ground.app.organization(&ground.issuer).await;
        let member = json!({ "member_id": ground.user, "scopes": ["orders:read"], "user_title": "Head" });
        ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
        ids.push(org.rsplit('/').next().unwrap().to_owned());
    }
    let all = claims(text(&ground.tokens(&["openid", "orders:read"]).await, "access_token"));
    assert_eq!((all["organizations"].as_array().unwrap().len(), &all["org_id"]), (2, &Value::Null));
    assert_eq!(all["scope"], "openid", "what a membership gives stands in organizations");
    let code = ground.code(&["openid", "orders:read"], Some(&ids[1])).await;
    let reply = ground.exchange(&code).await;
    let joined = ground.app.now() / 1_000;
    let entry = json!([{ "id": ids[1], "title": "Head", "scopes": ["orders:read"], "joined_at": joined }]);
    for token in ["access_token", "id_token"] {
        let found = claims(text(&reply, token));
        assert_eq!((&found["org_id"], &found["organizations"]), (&json!(ids[1]), &entry), "{token}");
    }
    assert_eq!(reply.body["scope"], "openid orders:read");
    assert_eq!(claims(text(&reply, "refresh_token"))["org_id"], ids[1]);
}

#[tokio::test]
async fn an_organization_that_asks_for_more_than_the_login_is_not_in_its_tokens() {
    let ground = Ground::new().await;
    let org = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    let reply = ground.tokens(&["openid"]).await;
    let named = |reply: &tests::Reply| claims(text(reply, "access_token"))["organizations"].as_array().unwrap().len();
    assert_eq!(named(&reply), 1);
    // Switched on while the session runs.
    ground.app.root().patch(&org, json!({ "security": { "mfa_required": true } })).expect(200).await;
    assert_eq!(named(&ground.refresh(text(&reply, "refresh_token")).await), 0);
    let userinfo = ground.userinfo(text(&reply, "access_token")).await;
    assert_eq!(userinfo.body["organizations"], json!([]));
    let restriction = json!({ "settings": { "organizations": { "mode": "none" } } });
    ground.app.root().patch(&org, json!({ "security": { "mfa_required": false } })).expect(200).await;
    assert_eq!(named(&ground.tokens(&["openid"]).await), 1);
    ground.app.root().patch(&format!("{}/clients/{}", ground.issuer, ground.client), restriction).expect(200).await;
    assert_eq!(named(&ground.tokens(&["openid"]).await), 0);
}

/// Row 60: the login was one with a password, and then the organization leaves its own provider as the only way in.
#[tokio::test]
async fn an_organization_with_its_own_way_in_is_nowhere_in_what_a_password_brings() {
    let ground = Ground::new().await;
    let org = ground.app.organization(&ground.issuer).await;
    let id = org.rsplit('/').next().unwrap();
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    let before = ground.tokens(&["openid"]).await;
    let code = ground.code(&["openid"], Some(id)).await;
    let selected = ground.exchange(&code).await;
    let named = |reply: &tests::Reply| claims(text(reply, "access_token"))["organizations"].as_array().unwrap().len();
    assert_eq!(named(&before), 1);
    assert_eq!(claims(text(&selected, "access_token"))["org_id"], id);

    ground.app.sso_only(&org, "example.com").await;
    let userinfo = ground.userinfo(text(&before, "access_token")).await;
    assert_eq!((&userinfo.body["sub"], &userinfo.body["organizations"]), (&json!(ground.user), &json!([])));
    let known = ground.introspect(text(&before, "access_token")).await;
    assert_eq!((&known["active"], &known["organizations"]), (&json!(true), &json!([])));
    assert_eq!(ground.introspect(text(&selected, "access_token")).await, json!({ "active": false }));
    let refreshed = ground.refresh(text(&before, "refresh_token")).await;
    assert_eq!((refreshed.status.as_u16(), named(&refreshed)), (200, 0), "{refreshed}");
    assert_eq!(claims(text(&refreshed, "id_token"))["organizations"].as_array().map_or(0, Vec::len), 0);
    refused(&ground.refresh(text(&selected, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(named(&ground.tokens(&["openid"]).await), 0, "nor in new ones");
}

/// D182: a policy that is switched on reaches tokens that are out already wherever they are looked at.
#[tokio::test]
async fn an_organization_that_asks_for_more_by_now_is_not_told_at_introspection() {
    let ground = Ground::new().await;
    let org = ground.app.organization(&ground.issuer).await;
    let id = org.rsplit('/').next().unwrap();
    let member = json!({ "member_id": ground.user, "scopes": ["orders:read"] });
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    let all = text(&ground.tokens(&["openid"]).await, "access_token").to_owned();
    let code = ground.code(&["openid"], Some(id)).await;
    let selected = text(&ground.exchange(&code).await, "access_token").to_owned();
    assert_eq!(ground.introspect(&all).await["organizations"][0]["id"], id);
    assert_eq!(ground.introspect(&selected).await["org_id"], id);
    ground.app.root().patch(&org, json!({ "security": { "mfa_required": true } })).expect(200).await;
    let known = ground.introspect(&all).await;
    assert_eq!((&known["active"], &known["organizations"]), (&json!(true), &json!([])));
    assert_eq!(ground.introspect(&selected).await, json!({ "active": false }));
    ground.app.root().patch(&org, json!({ "security": { "mfa_required": false } })).expect(200).await;
    assert_eq!(ground.introspect(&selected).await["active"], true);
}
