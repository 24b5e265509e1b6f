//! What cannot be exchanged, row by row of the table in idp §26.1.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tests::Reply;

use super::super::machines::{agent, machine};
use super::super::{Ground, refused, text};
use super::{ACCESS, Acting, GRANT, STANDING};

#[tokio::test]
async fn a_subject_token_that_is_none_is_refused() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let tokens = ground.tokens(&["openid", "orders:read"]).await;
    let (job, job_secret) = machine(ground, &["orders:read"], json!({})).await;
    let credentials = [("grant_type", "client_credentials"), ("client_id", &*job), ("client_secret", &*job_secret)];
    let clients = ground.post("token", &credentials).await;
    let path = format!("{}/users/{}/tokens", ground.issuer, ground.user);
    let personal = json!({ "name": "t", "restrictions": { "scopes": ["orders:*"] } });
    let personal = ground.app.root().post(&path, personal).expect(201).await.text("token_plain");
    let own = acting.own_token(&[]).await;
    let access = text(&tokens, "access_token");
    let cut = &access[..access.len() - 1];
    let none = [
        ("malformed", "x.y.z"),
        ("cut off", cut),
        ("an ID token", text(&tokens, "id_token")),
        ("a refresh token", text(&tokens, "refresh_token")),
        ("an agent's", &own),
        ("a client's", text(&clients, "access_token")),
        ("a personal token", &personal),
        ("a bare personal token", personal.strip_prefix("ptk_").unwrap()),
        ("a record in the place of a token", &acting.delegation),
    ];
    for (what, token) in none {
        let reply = acting.exchange((token, ACCESS), &[]).await;
        assert_eq!(
            (reply.status.as_u16(), reply.body["error"].as_str()),
            (400, Some("invalid_request")),
            "{what}: {reply}"
        );
    }
    for no_record in ["", "dgn_x", access, &ground.user] {
        refused(&acting.exchange((no_record, STANDING), &[]).await, 400, "invalid_request");
    }
    for kind in
        ["", "urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token", "access_token"]
    {
        refused(&acting.exchange((access, kind), &[]).await, 400, "invalid_request");
    }
    for wanted in ["urn:ietf:params:oauth:token-type:refresh_token", "urn:ietf:params:oauth:token-type:jwt"] {
        refused(&acting.exchange((access, ACCESS), &[("requested_token_type", wanted)]).await, 400, "invalid_request");
    }
    assert_eq!(acting.exchange((access, ACCESS), &[("requested_token_type", ACCESS)]).await.status.as_u16(), 200);
    ground.app.advance(Duration::from_mins(30));
    refused(&acting.exchange((access, ACCESS), &[]).await, 400, "invalid_request");
}

/// security.md, row 30
#[tokio::test]
async fn a_revoked_token_is_not_exchanged() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let (token, own) = (acting.token().await, acting.own_token(&[]).await);
    let broker = acting.broker(json!({})).await;
    assert_eq!(acting.by_broker(&broker, &own, (&token, ACCESS), &[]).await.status.as_u16(), 200);
    let as_agent = [("client_id", acting.agent.as_str()), ("client_secret", &acting.secret), ("token", &own)];
    assert_eq!(ground.post("revoke", &as_agent).await.status.as_u16(), 200);
    refused(&acting.by_broker(&broker, &own, (&token, ACCESS), &[]).await, 400, "invalid_request");
    let as_client = [("client_id", ground.client.as_str()), ("client_secret", &ground.secret), ("token", &token)];
    assert_eq!(ground.post("revoke", &as_client).await.status.as_u16(), 200);
    refused(&acting.exchange((&token, ACCESS), &[]).await, 400, "invalid_request");
}

/// security.md, row 29
#[tokio::test]
async fn nothing_of_another_issuer_is_exchanged() {
    let acting = Acting::new().await;
    let token = acting.token().await;
    let other = acting.ground.app.issuer().await;
    let id = other.rsplit('/').next().unwrap();
    let agent_there =
        acting.ground.app.root().post(&format!("{other}/agents"), json!({ "name": "n", "scopes": ["orders:read"] }));
    let agent_there = agent_there.expect(201).await.id();
    let verifiers = format!("{other}/agents/{agent_there}/verifiers");
    let secret =
        acting.ground.app.root().post(&verifiers, json!({ "type": "secret" })).expect(201).await.text("secret");
    let there = async |more: &[(&str, &str)]| {
        let head = [("grant_type", GRANT), ("client_id", &*agent_there), ("client_secret", &*secret)];
        let all: Vec<_> = head.into_iter().chain(more.iter().copied()).collect();
        acting.ground.app.anonymous().call(Method::POST, &format!("/{id}/token")).form(&all).send().await
    };
    let subject = [("subject_token", token.as_str()), ("subject_token_type", ACCESS)];
    refused(&there(&subject).await, 400, "invalid_request");
    let standing = [("subject_token", acting.delegation.as_str()), ("subject_token_type", STANDING)];
    refused(&there(&standing).await, 400, "invalid_grant");
    // Nor is an agent of here known there, or its token taken as actor.
    let own = acting.own_token(&[]).await;
    let actor = [("actor_token", own.as_str()), ("actor_token_type", ACCESS)];
    refused(&there(&[standing[0], standing[1], actor[0], actor[1]]).await, 400, "invalid_request");
    assert_eq!(acting.standing(&[]).await.status.as_u16(), 200);
}

/// security.md, row 63
#[tokio::test]
async fn an_api_cannot_pass_an_agents_token_on_as_actor() {
    let acting = Acting::new().await;
    let broker = acting.broker(json!({})).await;
    let url = acting.ground.url();
    let status = async |resources: &[&str]| {
        let named: Vec<_> = resources.iter().map(|resource| ("resource", *resource)).collect();
        let own = acting.own_token(&named).await;
        let reply = acting.by_broker(&broker, &own, (&acting.delegation, STANDING), &[]).await;
        (reply.status.as_u16(), reply.body["error"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(status(&[]).await.0, 200, "for the agent itself");
    assert_eq!(status(&[&url]).await.0, 200, "for the issuer");
    for api in [&["https://api.example.com"][..], &[&url, "https://api.example.com"], &[&format!("{url}/")]] {
        assert_eq!(status(api).await, (400, "invalid_request".to_owned()), "{api:?}");
    }
}

#[tokio::test]
async fn a_client_needs_the_grant_a_secret_and_the_agents_own_token() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let (broker, own, token) = (acting.broker(json!({})).await, acting.own_token(&[]).await, acting.token().await);
    let subject = (token.as_str(), ACCESS);
    assert_eq!(acting.by_broker(&broker, &own, subject, &[]).await.status.as_u16(), 200);
    let without = (ground.client.clone(), ground.secret.clone());
    refused(&acting.by_broker(&without, &own, subject, &[]).await, 401, "unauthorized_client");
    let body = json!({ "name": "p", "confidential": false, "settings": { "openid": { "application_type": "spa", "redirect_uris": ["https://spa.example.com/cb"] } } });
    let public = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await.id();
    let as_public =
        [("grant_type", GRANT), ("client_id", &*public), ("subject_token", &token), ("subject_token_type", ACCESS)];
    refused(&ground.post("token", &as_public).await, 401, "unauthorized_client");
    let head = [("grant_type", GRANT), ("client_id", &*broker.0), ("client_secret", &*broker.1)];
    let no_actor: Vec<_> =
        head.into_iter().chain([("subject_token", &*token), ("subject_token_type", ACCESS)]).collect();
    refused(&ground.post("token", &no_actor).await, 400, "invalid_request");
    let (id, refresh) = {
        let tokens = ground.tokens(&["openid"]).await;
        (text(&tokens, "id_token").to_owned(), text(&tokens, "refresh_token").to_owned())
    };
    let acted = acting.standing(&[]).await;
    for no_actor in ["x", &token, &id, &refresh, text(&acted, "access_token"), &acting.delegation] {
        refused(&acting.by_broker(&broker, no_actor, subject, &[]).await, 400, "invalid_request");
    }
    // The type belongs to the token, and must be that of an access token.
    for pair in [&[("actor_token", own.as_str())][..], &[("actor_token_type", ACCESS)]] {
        refused(&acting.exchange(subject, pair).await, 400, "invalid_request");
    }
    let jwt = [("actor_token", own.as_str()), ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt")];
    refused(&acting.exchange(subject, &jwt).await, 400, "invalid_request");
    // Of an agent that calls it is its own, or there is none.
    let actor = [("actor_token", own.as_str()), ("actor_token_type", ACCESS)];
    assert_eq!(acting.exchange(subject, &actor).await.status.as_u16(), 200);
    let (other, other_secret) = agent(ground, &["orders:read"]).await;
    let others = [("grant_type", "client_credentials"), ("client_id", &*other), ("client_secret", &*other_secret)];
    let others = ground.post("token", &others).await;
    let actor = [("actor_token", text(&others, "access_token")), ("actor_token_type", ACCESS)];
    refused(&acting.exchange(subject, &actor).await, 400, "invalid_request");
}

#[tokio::test]
async fn an_agent_that_is_not_active_acts_for_nobody() {
    let acting = Acting::new().await;
    let broker = acting.broker(json!({})).await;
    let own = acting.own_token(&[]).await;
    let path = format!("{}/agents/{}", acting.ground.issuer, acting.agent);
    for status in ["suspended", "blocked"] {
        acting.ground.app.root().patch(&path, json!({ "status": status })).expect(200).await;
        refused(&acting.standing(&[]).await, 401, "invalid_client");
        refused(&acting.by_broker(&broker, &own, (&acting.delegation, STANDING), &[]).await, 401, "invalid_client");
    }
    acting.ground.app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    assert_eq!(acting.by_broker(&broker, &own, (&acting.delegation, STANDING), &[]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn one_wording_refuses_every_record_that_does_not_cover() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let token = acting.token().await;
    let wordings = std::sync::Mutex::new(Vec::new());
    let uncovered = |reply: &Reply| {
        refused(reply, 400, "invalid_grant");
        wordings.lock().unwrap().push(text(reply, "error_description").to_owned());
    };
    let (other, secret) = agent(ground, &["orders:read"]).await;
    let stranger = Acting { agent: other, secret, delegation: acting.delegation.clone(), ground: Ground::new().await };
    let head = [("grant_type", GRANT), ("client_id", &*stranger.agent), ("client_secret", &*stranger.secret)];
    let of = |subject: [(&'static str, String); 2]| {
        let head = head.map(|(name, value)| (name, value.to_owned()));
        async move {
            let all: Vec<_> = head.iter().chain(&subject).map(|(name, value)| (*name, value.as_str())).collect();
            ground.post("token", &all).await
        }
    };
    let kind = |kind: &str| ("subject_token_type", kind.to_owned());
    uncovered(&of([("subject_token", token.clone()), kind(ACCESS)]).await);
    uncovered(&of([("subject_token", acting.delegation.clone()), kind(STANDING)]).await);
    uncovered(&acting.exchange(("dgn_0000000000000000000000000", STANDING), &[]).await);
    // For another client; for the calling one.
    acting.revoke(&acting.delegation).await;
    uncovered(&acting.exchange((&token, ACCESS), &[]).await);
    uncovered(&acting.standing(&[]).await);
    let broker = acting.broker(json!({})).await;
    let through = acting.delegate(json!({ "scopes": ["orders:*"], "client_id": broker.0 })).await;
    uncovered(&acting.exchange((&token, ACCESS), &[]).await);
    uncovered(&acting.exchange((&through, STANDING), &[]).await);
    let own = acting.own_token(&[]).await;
    uncovered(&acting.by_broker(&broker, &own, (&token, ACCESS), &[]).await);
    assert_eq!(acting.by_broker(&broker, &own, (&through, STANDING), &[]).await.status.as_u16(), 200);
    let of_app = acting.delegate(
        json!({ "scopes": ["orders:*"], "client_id": ground.client, "expires_at": ground.app.now() + 60_000 }),
    );
    let of_app = of_app.await;
    assert_eq!(acting.exchange((&token, ACCESS), &[]).await.status.as_u16(), 200, "the token is that client's");
    ground.app.advance(Duration::from_mins(1));
    uncovered(&acting.exchange((&token, ACCESS), &[]).await);
    uncovered(&acting.exchange((&of_app, STANDING), &[]).await);
    let wordings = wordings.into_inner().unwrap();
    assert!(wordings.iter().all(|wording| *wording == wordings[0]), "{wordings:?}");
}
