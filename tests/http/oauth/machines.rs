//! `client_credentials` of clients and agents.

use serde_json::{Value, json};

use super::{Ground, claims, part, refused, text};

pub(super) async fn machine(ground: &Ground, scopes: &[&str], openid: Value) -> (String, String) {
    let mut settings = json!({ "application_type": "m2m" });
    settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
    let body = json!({ "name": "Job", "confidential": true, "settings": { "scopes": scopes, "openid": settings } });
    let made = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    (made.id(), made.text("secret"))
}

pub(super) async fn agent(ground: &Ground, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": "Agent", "scopes": scopes });
    let id = ground.app.root().post(&format!("{}/agents", ground.issuer), body).expect(201).await.id();
    let path = format!("{}/agents/{id}/verifiers", ground.issuer);
    let made = ground.app.root().post(&path, json!({ "type": "secret" })).expect(201).await;
    (id, made.text("secret"))
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself_with_all_its_scopes_but_those_for_people() {
    let ground = Ground::new().await;
    let (id, secret) = machine(&ground, &["openid", "jobs:run", "jobs:read"], json!({})).await;
    let parameters = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)];
    let reply = ground.post("token", &parameters).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply}");
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    let members: Vec<_> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(reply.body["expires_in"], 1800);
    assert_eq!(reply.body["scope"], "jobs:run jobs:read");
    let token = text(&reply, "access_token");
    let header = part(token, 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
    let now = ground.app.now() / 1_000;
    let mut found = claims(token);
    let jti = found["jti"].take();
    assert!(jti.as_str().is_some_and(|jti| jti.len() == 18 && jti.chars().all(|c| c.is_ascii_alphanumeric())));
    let expected = json!({
        "iss": ground.url(), "sub": id, "aud": id, "exp": now + 1800, "iat": now, "auth_time": now, "jti": null,
        "client_id": id, "scope": "jobs:run jobs:read",
    });
    assert_eq!(found, expected);
    let events = ground.events("machine.token.issued").await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event["auth"]["type"], "client");
    assert_eq!((&event["auth"]["client_id"], &event["subject"]["client_id"]), (&json!(id), &json!(id)));
    let data = json!({ "grant_type": "client_credentials", "scope": "jobs:run jobs:read", "expires_in": 1800 });
    assert_eq!((&event["data"], &event["trigger"]), (&data, &json!("idp")));
}

#[tokio::test]
async fn a_scope_that_is_not_listed_literally_is_never_in_a_token() {
    let ground = Ground::new().await;
    let (client, client_secret) = machine(&ground, &["jobs:*", "openid"], json!({})).await;
    let (agent, agent_secret) = agent(&ground, &["jobs:*"]).await;
    for (id, secret) in [(&client, &client_secret), (&agent, &agent_secret)] {
        let ask = |scope: &'static str| {
            let parameters = [
                ("grant_type", "client_credentials"),
                ("client_id", id.as_str()),
                ("client_secret", secret.as_str()),
                ("scope", scope),
            ];
            let ground = &ground;
            async move { ground.post("token", &parameters).await }
        };
        assert_eq!(ask("jobs:*").await.body["scope"], "jobs:*");
        for beyond in ["jobs:read", "*:**", "openid", "offline_access", "jobs:* admin", "jobs:*\u{e9}"] {
            refused(&ask(beyond).await, 400, "invalid_scope");
        }
    }
}

#[tokio::test]
async fn an_agent_gets_five_minutes_and_says_what_it_is_where() {
    let ground = Ground::new().await;
    let (id, secret) = agent(&ground, &["orders:read"]).await;
    let org = ground.app.organization(&ground.issuer).await;
    let org_id = org.rsplit('/').next().unwrap();
    let member = json!({ "member_id": id, "member_type": "agent", "scopes": ["bills:read", "a:read"] });
    ground.app.root().post(&format!("{org}/members"), member).expect(201).await;
    let parameters = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", &secret)];
    let reply = ground.post("token", &parameters).await;
    assert_eq!((reply.status.as_u16(), &reply.body["expires_in"]), (200, &json!(300)), "{reply}");
    let token = claims(text(&reply, "access_token"));
    assert_eq!(part(text(&reply, "access_token"), 0)["alg"], "ES256");
    assert_eq!(token["dat"], json!({ "type": "agent" }));
    assert_eq!((&token["sub"], &token["client_id"], &token["aud"]), (&json!(id), &json!(id), &json!(id)));
    assert_eq!(token["organizations"][0]["id"], org_id);
    assert_eq!(token["organizations"][0]["scopes"], json!(["a:read", "bills:read"]));
    assert_eq!((&token["org_id"], &token["sid"]), (&Value::Null, &Value::Null));

    let mut selecting = parameters.to_vec();
    selecting.push(("org", org_id));
    let reply = ground.post("token", &selecting).await;
    assert_eq!(claims(text(&reply, "access_token"))["org_id"], org_id);
    let event = ground.events("machine.token.issued").await.pop().unwrap();
    assert_eq!((&event["subject"]["agent_id"], &event["subject"]["org_id"]), (&json!(id), &json!(org_id)));
    assert_eq!(event["auth"]["type"], "agent");
    assert!(event["data"]["verifier_id"].as_str().is_some_and(|id| id.starts_with("vrf_")));

    let other = ground.app.organization(&ground.issuer).await;
    for unreachable in [other.rsplit('/').next().unwrap(), "org_x", "c_1"] {
        let mut selecting = parameters.to_vec();
        selecting.push(("org", unreachable));
        refused(&ground.post("token", &selecting).await, 403, "access_denied");
    }
    ground.app.root().patch(&org, json!({ "status": "suspended" })).expect(200).await;
    refused(&ground.post("token", &selecting).await, 403, "access_denied");
}

#[tokio::test]
async fn an_agent_that_is_not_active_is_not_known() {
    let ground = Ground::new().await;
    let (id, secret) = agent(&ground, &[]).await;
    let parameters = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", &secret)];
    assert_eq!(ground.post("token", &parameters).await.status.as_u16(), 200);
    let path = format!("{}/agents/{id}", ground.issuer);
    for status in ["suspended", "blocked"] {
        ground.app.root().patch(&path, json!({ "status": status })).expect(200).await;
        refused(&ground.post("token", &parameters).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn the_audience_is_what_was_asked_for_as_far_as_the_client_may_ask() {
    let ground = Ground::new().await;
    let listed = json!({ "allowed_resources": ["urn:a", "https://api.example.com/"], "audience": "urn:default" });
    let (id, secret) = machine(&ground, &["jobs:run"], listed).await;
    let ask = |resources: &'static [&'static str]| {
        let mut parameters =
            vec![("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
        parameters.extend(resources.iter().map(|resource| ("resource", *resource)));
        let ground = &ground;
        async move { ground.post("token", &parameters).await }
    };
    let audience = async |resources| claims(text(&ask(resources).await, "access_token"))["aud"].clone();
    assert_eq!(audience(&[]).await, "urn:default");
    assert_eq!(audience(&["urn:a", "urn:a"]).await, "urn:a");
    assert_eq!(audience(&["urn:a", "https://api.example.com/"]).await, json!(["urn:a", "https://api.example.com/"]));
    for refused_ones in [&["urn:b"][..], &["urn:a#x"], &["https://api.example.com"], &["nothing"]] {
        refused(&ask(refused_ones).await, 400, "invalid_target");
    }
    let path = format!("{}/clients/{id}", ground.issuer);
    let demanding = json!({ "settings": { "openid": { "require_resource": true, "audience": null } } });
    ground.app.root().patch(&path, demanding).expect(200).await;
    refused(&ask(&[]).await, 400, "invalid_target");
}

#[tokio::test]
async fn an_issuer_that_wants_resources_listed_holds_agents_to_what_its_clients_list() {
    let ground = Ground::with(json!({ "allowed_resources": ["urn:a"] })).await;
    let (id, secret) = agent(&ground, &[]).await;
    let ask = |resource: &'static str| {
        let parameters = [
            ("grant_type", "client_credentials"),
            ("client_id", &*id),
            ("client_secret", &*secret),
            ("resource", resource),
        ];
        let ground = &ground;
        async move { ground.post("token", &parameters).await }
    };
    assert_eq!(ask("urn:b").await.status.as_u16(), 200);
    let strict = json!({ "settings": { "security": { "resources": "listed" }, "access": { "mode": "open" } } });
    ground.app.root().patch(&ground.issuer, strict).expect(200).await;
    assert_eq!(ask("urn:a").await.status.as_u16(), 200);
    refused(&ask("urn:b").await, 400, "invalid_target");
}

#[tokio::test]
async fn the_grant_must_be_the_clients() {
    let ground = Ground::new().await;
    refused(&ground.token(&[("grant_type", "client_credentials")]).await, 401, "unauthorized_client");
    for unknown in ["password", "implicit", "", "urn:ietf:params:oauth:grant-type:device_code"] {
        let reply = ground.token(&[("grant_type", unknown)]).await;
        refused(&reply, 400, if unknown.is_empty() { "invalid_request" } else { "unsupported_grant_type" });
    }
}

#[tokio::test]
async fn a_suspended_issuer_issues_nothing_and_keeps_its_keys() {
    let ground = Ground::new().await;
    ground.app.root().patch(&ground.issuer, json!({ "status": "suspended" })).expect(200).await;
    refused(&ground.token(&[("grant_type", "client_credentials")]).await, 403, "access_denied");
    ground.app.anonymous().get(&ground.path("jwks.json")).expect(200).await;
    let unknown = ground.app.anonymous().call(http::Method::POST, "/i_0000000000000000000000000/token");
    refused(&unknown.form(&[("grant_type", "x")]).send().await, 404, "not_found");
}
