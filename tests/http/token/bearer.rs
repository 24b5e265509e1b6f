//! What a token is, and what its bearer may do.

use authpi_core::key::model::{Jws, PublicJwk, VerifyingKey};
use serde_json::{Value, json};

use super::{DAY, Ground, inactive};

#[tokio::test]
async fn the_jwt_says_what_the_specification_says_and_is_signed_by_the_issuer() {
    let ground = Ground::new().await;
    let (app, now) = (&ground.app, ground.app.now());
    let made = ground.make(json!({ "name": "t", "restrictions": { "scopes": ["a:read", "b:*"] } })).await;
    let text = made.text("token_plain");
    let jws = Jws::parse(text.strip_prefix("ptk_").unwrap()).unwrap();
    assert_eq!(jws.typ(), Some("pat+jwt"));
    let set = app.anonymous().get(&format!("/{}/jwks.json", ground.issuer_id())).expect(200).await;
    let of_kid = |key: &&Value| key["kid"].as_str() == Some(jws.kid().unwrap().to_string().as_str());
    let key = set.body["keys"].as_array().unwrap().iter().find(of_kid).unwrap();
    assert_eq!(key["alg"], "ES256");
    let key: PublicJwk = serde_json::from_value(key.clone()).unwrap();
    let claims: Value = jws.verified(&VerifyingKey::new(&key).unwrap()).unwrap();
    let url = format!("{}/{}", app.base, ground.issuer_id());
    let expected = json!({
        "iss": url, "sub": made.id(), "user_id": ground.user, "aud": url, "scope": "a:read b:*",
        "jti": made.text("jti"), "iat": now / 1000, "exp": now / 1000 + 90 * 86_400, "dat": { "type": "token" },
    });
    assert_eq!(claims, expected, "for 90 days unless its maker says otherwise");
}

#[tokio::test]
async fn a_token_of_a_tenants_user_tells_who_it_is_and_where() {
    let ground = Ground::new().await;
    let (app, root) = (&ground.app, ground.app.root());
    let organization = app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["apps:*", "owner"] });
    root.post(&format!("{organization}/members"), member).expect(201).await;
    let suspended = app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["apps:*"] });
    root.post(&format!("{suspended}/members"), member).expect(201).await;
    root.patch(&suspended, json!({ "status": "suspended" })).expect(200).await;
    let made = ground.make(json!({ "name": "t", "restrictions": { "scopes": ["apps:read", "more:read"] } })).await;
    let me = ground.bearing(&made).get("/v1/me").expect(200).await;
    let expected = json!({
        "type": "personal_token", "key_id": null, "token_id": made.id(), "user_id": ground.user,
        "issuer_id": ground.issuer_id(), "accounts": [],
        "organizations": [{ "org_id": organization.rsplit('/').next().unwrap(), "scopes": ["apps:read"] }],
    });
    assert_eq!(me.data(), &expected);
    let refused = ground.bearing(&made).get(&app.path("")).expect(403).await;
    assert_eq!(refused.refusal().0, "access_denied");
    let event = &app.events("event_types=user.personal-token.verified").await[0];
    assert_eq!(event["data"], json!({ "surface": "me", "scopes": ["apps:read", "more:read"], "new_ip": true }));
    let auth = &event["auth"];
    let who = ["type", "token_id", "user_id"].map(|name| auth[name].clone());
    assert_eq!(who, [json!("personal_token"), json!(made.id()), json!(ground.user)]);
}

#[tokio::test]
async fn a_hosts_own_route_learns_who_bears_a_token() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["invoices:*"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let made = ground.make(json!({ "name": "t", "restrictions": { "scopes": ["invoices:read"] } })).await;
    let mut headers = http::HeaderMap::new();
    let bearer = format!("Bearer {}", made.text("token_plain"));
    headers.insert(http::header::AUTHORIZATION, bearer.parse().unwrap());
    let caller = ground.app.authpi.caller(&headers, None).await.unwrap();
    assert_eq!(caller.user().map(|user| user.to_string()), Some(ground.user.clone()));
    let org = organization.rsplit('/').next().unwrap().parse().unwrap();
    assert!(caller.require_in(org, "invoices:read").is_ok() && caller.require_in(org, "invoices:write").is_err());
    assert_eq!(ground.told("verified").await.pop().unwrap()["surface"], "host", "the first use from this address");
    headers.insert(http::header::AUTHORIZATION, "Bearer ptk_a.b.c".parse().unwrap());
    assert!(ground.app.authpi.caller(&headers, None).await.is_err());
}

#[tokio::test]
async fn a_token_is_refused_for_every_reason_there_is() {
    let ground = Ground::new().await;
    let (app, root) = (&ground.app, ground.app.root());
    let made = ground.named("t").await;
    let path = ground.one(&made.id());
    let plain = made.text("token_plain");
    let refuse = async |token: &str| {
        let refused = app.with_bearer(token).get("/v1/me").expect(401).await;
        assert_eq!(refused.refusal().0, "invalid_token");
        assert_eq!(refused.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    };
    ground.bearing(&made).get("/v1/me").expect(200).await;
    root.patch(&path, json!({ "status": "blocked" })).expect(200).await;
    refuse(&plain).await;
    root.patch(&path, json!({ "status": "active" })).expect(200).await;
    for status in ["suspended", "active", "blocked"] {
        ground.set_user_status(status).await;
        if status != "active" {
            refuse(&plain).await;
        }
    }
    ground.set_user_status("active").await;
    ground.bearing(&made).get("/v1/me").expect(200).await;
    let (message, signature) = plain.rsplit_once('.').unwrap();
    let other = ground.named("other").await.text("token_plain");
    let (_, strange) = other.rsplit_once('.').unwrap();
    for token in [&format!("{message}.{strange}"), &format!("{message}."), &plain[4..], "ptk_", "ptk_a.b.c"] {
        refuse(token).await;
    }
    refuse(&format!("{message}.{signature}x")).await;
    root.act(&format!("{path}/revoke")).expect(200).await;
    refuse(&plain).await;
    root.delete(&path).expect(204).await;
    refuse(&plain).await;
    app.advance(90 * DAY);
    refuse(&other).await;
}

#[tokio::test]
async fn an_allowlist_of_a_token_is_enforced() {
    let ground = Ground::proxied().await;
    let body = json!({ "name": "t", "restrictions": { "scopes": [], "ip_allowlist": ["192.0.2.0/24"] } });
    let made = ground.make(body).await;
    let from = |address: &'static str| ground.bearing(&made).get("/v1/me").header("x-forwarded-for", address);
    from("192.0.2.7").expect(200).await;
    assert_eq!(from("198.51.100.1").expect(403).await.refusal().0, "access_denied");
    let plain = made.text("token_plain");
    let presented = async |ip: Value| ground.introspect_with(json!({ "token": plain, "ip": ip })).await;
    assert_eq!(presented(json!("198.51.100.1")).await, inactive("personal_token", "ip_not_allowed"));
    assert_eq!(presented(json!("192.0.2.9")).await["active"], true);
    assert_eq!(presented(Value::Null).await["active"], true, "not checked when it is not known");
}

#[tokio::test]
async fn the_first_use_from_an_address_is_told() {
    let ground = Ground::proxied().await;
    let made = ground.named("t").await;
    let use_from = async |address: &str| {
        ground.bearing(&made).get("/v1/me").header("x-forwarded-for", address).expect(200).await;
        ground.told("verified").await.pop().unwrap()["new_ip"].clone()
    };
    assert_eq!(use_from("192.0.2.7").await, true, "the first of all");
    assert_eq!(use_from("192.0.2.7").await, false);
    assert_eq!(use_from("192.0.2.8").await, true);
    assert_eq!(use_from("2001:db8:1:2::1").await, true);
    assert_eq!(use_from("2001:db8:1:2:ffff::9").await, false, "the same /64");
    assert_eq!(use_from("2001:db8:1:3::1").await, true);
    let introspected = async |ip: Option<&str>| {
        ground.introspect_with(json!({ "token": made.text("token_plain"), "ip": ip })).await;
        ground.told("verified").await.pop().unwrap()["new_ip"].clone()
    };
    assert_eq!(introspected(Some("192.0.2.7")).await, false);
    assert_eq!(introspected(Some("203.0.113.1")).await, true);
    assert_eq!(introspected(None).await, false, "no address, no check");
    let before = ground.told("verified").await.len();
    let listing = |address: &'static str| {
        ground.bearing(&made).get("/v1/accounts").header("x-forwarded-for", address).expect(200)
    };
    listing("203.0.113.1").await;
    assert_eq!(ground.told("verified").await.len(), before, "ordinary calls are no verifications");
    listing("203.0.113.2").await;
    let last = ground.told("verified").await.pop().unwrap();
    assert_eq!((&last["surface"], &last["new_ip"]), (&json!("core"), &json!(true)));
}

#[tokio::test]
async fn a_token_outlives_the_publication_of_its_key() {
    let ground = Ground::new().await;
    let end = ground.app.now() + 366 * 86_400_000;
    let made = ground.make(json!({ "name": "t", "restrictions": {}, "expires_at": end })).await;
    let jwks = format!("/{}/jwks.json", ground.issuer_id());
    let plain = made.text("token_plain");
    let kid = Jws::parse(plain.strip_prefix("ptk_").unwrap()).unwrap().kid().unwrap().to_string();
    for _ in 0..12 {
        ground.app.advance(30 * DAY);
        ground.app.anonymous().get(&jwks).expect(200).await;
    }
    let set = ground.app.anonymous().get(&jwks).expect(200).await;
    assert!(!String::from_utf8_lossy(&set.bytes).contains(&kid), "the key was withdrawn long ago");
    ground.bearing(&made).get("/v1/me").expect(200).await;
    ground.app.advance(6 * DAY);
    ground.bearing(&made).get("/v1/me").expect(401).await;
}
