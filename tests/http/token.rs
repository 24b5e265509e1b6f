//! /v1/accounts/{account_id}/tokens, those of a user, and what they are good for as credentials

use std::time::Duration;

use authpi_core::key::model::{Jws, PublicJwk, VerifyingKey};
use authpi_core::web::services::Options;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Caller, Reply};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// An issuer with a user.
struct Ground {
    app: App,
    issuer: String,
    user: String,
}

impl Ground {
    async fn of(app: App) -> Self {
        let issuer = app.issuer().await;
        let user = app.user(&issuer, "ann@example.com").await;
        Self { app, issuer, user }
    }

    async fn new() -> Self {
        Self::of(App::start(DRIVER).await).await
    }

    /// Behind a proxy that says who calls.
    async fn proxied() -> Self {
        let options = Options {
            rate_limits: false,
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            proxy_hops: 1,
            ..Options::default()
        };
        Self::of(App::start_with(DRIVER, options).await).await
    }

    fn issuer_id(&self) -> &str {
        self.issuer.rsplit('/').next().unwrap()
    }

    fn of_user(&self) -> String {
        format!("{}/users/{}/tokens", self.issuer, self.user)
    }

    fn one(&self, token: &str) -> String {
        self.app.path(&format!("/tokens/{token}"))
    }

    async fn make(&self, body: Value) -> Reply {
        self.app.root().post(&self.of_user(), body).expect(201).await
    }

    async fn named(&self, name: &str) -> Reply {
        self.make(json!({ "name": name, "restrictions": { "scopes": ["a:read"] } })).await
    }

    fn bearing(&self, made: &Reply) -> Caller {
        self.app.with_bearer(&made.text("token_plain"))
    }

    async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events(&format!("event_types=user.personal-token.{kind}")).await;
        events.iter().map(|event| event["data"].clone()).collect()
    }

    async fn introspect(&self, token: &str) -> Value {
        self.introspect_with(json!({ "token": token })).await
    }

    async fn introspect_with(&self, body: Value) -> Value {
        let path = format!("{}/tokens/introspect", self.issuer);
        self.app.root().post(&path, body).expect(200).await.data().clone()
    }

    async fn set_user_status(&self, status: &str) {
        let path = format!("{}/users/{}", self.issuer, self.user);
        self.app.root().patch(&path, json!({ "status": status })).expect(200).await;
    }
}

fn inactive(kind: &str, reason: &str) -> Value {
    json!({ "active": false, "type": kind, "reason": reason })
}

#[tokio::test]
async fn a_new_token_shows_its_text_once_and_reads_back_whole() {
    let ground = Ground::new().await;
    let (app, now) = (&ground.app, ground.app.now());
    let body = json!({
        "name": "laptop", "description": "Scripts", "tags": ["ci"], "audience": "https://api.example.com",
        "restrictions": { "scopes": ["a:read", "b:*"], "ip_addresses": ["192.0.2.0/24"] },
        "expires_at": now + 86_400_999, "metadata": { "crm": 7 },
    });
    let made = ground.make(body).await;
    let read = app.root().get(&ground.one(&made.id())).expect(200).await;
    let jti = read.text("jti");
    assert!(jti.len() == 18 && jti.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{jti}");
    let mut expected = json!({
        "id": made.id(), "user_id": ground.user, "issuer_id": ground.issuer_id(), "type": "personal_token",
        "name": "laptop", "description": "Scripts", "tags": ["ci"], "audience": "https://api.example.com",
        "restrictions": { "scopes": ["a:read", "b:*"], "ip_allowlist": ["192.0.2.0/24"] },
        "status": "active", "status_at": null, "status_reason": null, "status_by": null,
        "expires_at": now + 86_400_000, "jti": jti, "metadata": { "crm": 7 }, "created_at": now, "updated_at": now,
    });
    assert_eq!(read.data(), &expected, "and not its text");
    expected["token_plain"] = made.data()["token_plain"].clone();
    assert_eq!(made.data(), &expected);
    assert_eq!(made.header("etag"), read.header("etag"));
    let event = &app.events("event_types=user.personal-token.created").await[0];
    assert_eq!(event["data"], json!({ "scopes": ["a:read", "b:*"], "expires_at": now + 86_400_000 }));
    let subject = json!({
        "account_id": app.account, "issuer_id": ground.issuer_id(), "user_id": ground.user, "token_id": made.id(),
    });
    assert_eq!(event["subject"], subject);
    assert!(!serde_json::to_string(&app.events("").await).unwrap().contains("ptk_"));
}

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
async fn a_token_needs_a_name_restrictions_and_an_end_within_366_days() {
    let ground = Ground::new().await;
    let (root, path, now) = (ground.app.root(), ground.of_user(), ground.app.now());
    let refuse = async |body: Value| root.post(&path, body).expect(400).await.refusal().1;
    assert_eq!(refuse(json!({})).await, ["name required", "restrictions required"]);
    let bad = json!({
        "name": "", "restrictions": { "scopes": ["a b"], "ip_allowlist": ["here"], "rate_limit": 1 }, "audience": "",
        "tags": ["x".repeat(51)], "metadata": { "_a": 1 }, "typo": 1, "expires_at": "soon",
    });
    let expected = [
        "audience too_short",
        "expires_at invalid_type",
        "metadata._a invalid_format",
        "name too_short",
        "restrictions.ip_allowlist.0 invalid_format",
        "restrictions.rate_limit unknown_field",
        "restrictions.scopes.0 invalid_format",
        "tags.0 too_long",
        "typo unknown_field",
    ];
    assert_eq!(refuse(bad).await, expected);
    assert_eq!(refuse(json!({ "name": "t", "restrictions": null })).await, ["restrictions invalid_type"]);
    let until = |at: i64| json!({ "name": "t", "restrictions": {}, "expires_at": at });
    assert_eq!(refuse(until(now)).await, ["expires_at too_small"]);
    let longest = now + 366 * 86_400_000;
    assert_eq!(refuse(until(longest + 1000)).await, ["expires_at too_big"]);
    root.post(&path, until(longest)).expect(201).await;
    let open_end = json!({ "name": "u", "scopes": ["a:read"], "ip_allowlist": [], "expires_at": null });
    let made = root.post(&path, open_end).expect(201).await;
    assert_eq!(made.data()["expires_at"], now + 90 * 86_400_000, "none is without end");
    assert_eq!(made.data()["restrictions"]["scopes"], json!(["a:read"]));
    let nobody = format!("{}/users/usr_0000000000000000000000000/tokens", ground.issuer);
    root.post(&nobody, json!({ "name": "t", "restrictions": {} })).expect(404).await;
    ground.set_user_status("suspended").await;
    root.post(&path, json!({ "name": "v", "restrictions": {} })).expect(409).await;
}

#[tokio::test]
async fn a_name_is_unique_among_the_active_tokens_of_a_user() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let body = json!({ "name": "laptop", "restrictions": {} });
    let path = ground.of_user();
    let racers = (0..8).map(|_| root.post(&path, body.clone()).send());
    let statuses: Vec<_> = join_all(racers).await.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    let refused = root.post(&path, body.clone()).expect(409).await;
    assert_eq!(refused.refusal(), ("conflict".to_owned(), vec!["name not_unique".to_owned()]));
    let first = root.get(&path).expect(200).await.data()[0]["id"].as_str().unwrap().to_owned();
    let other = ground.named("phone").await;
    let taken = root.patch(&ground.one(&other.id()), json!({ "name": "laptop" })).expect(409).await;
    assert_eq!(taken.refusal().1, ["name not_unique"]);
    root.patch(&ground.one(&first), json!({ "status": "blocked" })).expect(200).await;
    root.post(&path, body).expect(201).await;
    let back = root.patch(&ground.one(&first), json!({ "status": "active" })).expect(409).await;
    assert_eq!(back.refusal().1, ["name not_unique"], "its name is taken meanwhile");
    let bob = ground.app.user(&ground.issuer, "bob@example.com").await;
    let elsewhere = format!("{}/users/{bob}/tokens", ground.issuer);
    root.post(&elsewhere, json!({ "name": "laptop", "restrictions": {} })).expect(201).await;
}

#[tokio::test]
async fn a_user_has_fifty_active_and_blocked_tokens_at_most() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    for number in 0..50 {
        let made = ground.named(&format!("t{number}")).await;
        if number % 10 == 0 {
            root.patch(&ground.one(&made.id()), json!({ "status": "blocked" })).expect(200).await;
        }
    }
    let one_more = json!({ "name": "one more", "restrictions": {} });
    root.post(&ground.of_user(), one_more.clone()).expect(409).await;
    let newest = root.get(&ground.of_user()).expect(200).await.data()[0]["id"].as_str().unwrap().to_owned();
    root.act(&format!("{}/revoke", ground.one(&newest))).expect(200).await;
    root.post(&ground.of_user(), one_more).expect(201).await;
    ground.app.advance(90 * DAY);
    root.post(&ground.of_user(), json!({ "name": "t1", "restrictions": {} })).expect(201).await;
}

#[tokio::test]
async fn a_list_goes_in_pages_and_by_status() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        made.push(ground.named(name).await.id());
    }
    root.act(&format!("{}/revoke", ground.one(&made[0]))).expect(200).await;
    let first = root.get(&format!("{}?limit=2", ground.of_user())).expect(200).await;
    let item = &first.data()[0];
    assert_eq!((&item["id"], &item["scopes"], &item["tags"]), (&json!(made[2]), &json!(["a:read"]), &json!([])));
    assert_eq!((&first.body["has_more"], &first.body["next_cursor"]), (&json!(true), &json!(made[1])));
    let second = root.get(&format!("{}?cursor={}", ground.of_user(), made[1])).expect(200).await;
    assert_eq!((second.data()[0]["id"].as_str(), &second.body["has_more"]), (Some(made[0].as_str()), &json!(false)));
    let shown = async |status: &str| {
        let page = root.get(&format!("{}?status={status}", ground.of_user())).expect(200).await;
        page.data().as_array().unwrap().len()
    };
    assert_eq!((shown("active").await, shown("revoked").await, shown("expired").await), (2, 1, 0));
    ground.set_user_status("suspended").await;
    assert_eq!((shown("active").await, shown("suspended").await), (0, 2));
    ground.app.advance(90 * DAY);
    assert_eq!((shown("suspended").await, shown("expired").await), (0, 2), "time goes before the user");
    root.get(&format!("{}?status=gone", ground.of_user())).expect(400).await;
}

#[tokio::test]
async fn a_change_writes_what_is_not_signed() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let made = ground.named("laptop").await;
    let path = ground.one(&made.id());
    let mut whole = made.data().clone();
    whole["name"] = json!("desktop");
    let changed = root.patch(&path, whole).expect(200).await;
    assert_eq!(changed.text("name"), "desktop");
    assert_ne!(changed.header("etag"), made.header("etag"));
    let again = root.patch(&path, json!({ "name": "desktop", "scopes": ["a:read"] })).expect(200).await;
    assert_eq!(again.header("etag"), changed.header("etag"));
    let signed = json!({
        "scopes": ["*:**"], "ip_allowlist": ["::1"], "audience": "https://elsewhere.example", "expires_at": 1,
    });
    let refused = root.patch(&path, signed).expect(400).await;
    let expected = [
        "audience immutable",
        "expires_at immutable",
        "restrictions.ip_allowlist immutable",
        "restrictions.scopes immutable",
    ];
    assert_eq!(refused.refusal().1, expected);
    let open_end = root.patch(&path, json!({ "expires_at": null })).expect(400).await;
    assert_eq!(open_end.refusal().1, ["expires_at immutable"]);
    let blocked = json!({ "status": "blocked", "status_reason": "leaked", "status_by": "ops", "tags": ["x"] });
    let blocked = root.patch(&path, blocked).expect(200).await;
    let told = ["status", "status_reason", "status_by"].map(|name| blocked.text(name));
    assert_eq!(told, ["blocked", "leaked", "ops"]);
    root.patch(&path, json!({ "status": "revoked" })).expect(400).await;
    root.patch(&path, json!({ "status": "active" })).expect(200).await;
    let revoked = root.post(&format!("{path}/revoke"), json!({ "status_reason": "left" })).expect(200).await;
    assert_eq!((revoked.text("status"), revoked.text("status_reason")), ("revoked".to_owned(), "left".to_owned()));
    let again = root.act(&format!("{path}/revoke")).expect(200).await;
    assert_eq!(again.data(), revoked.data());
    root.patch(&path, json!({ "status": "active" })).expect(409).await;
    let step = |from: &str, to: &str| json!({ "from": from, "to": to });
    let expected = [
        json!({ "changes": ["name"] }),
        json!({ "changes": ["status", "tags"], "status": step("active", "blocked") }),
        json!({ "changes": ["status"], "status": step("blocked", "active") }),
        json!({ "changes": ["status"], "status": step("active", "revoked") }),
    ];
    assert_eq!(ground.told("updated").await, expected);
    root.delete(&path).header("if-match", made.header("etag")).expect(412).await;
    root.delete(&path).expect(204).await;
    root.get(&path).expect(404).await;
    assert_eq!(ground.told("deleted").await, [Value::Null]);
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

#[tokio::test]
async fn introspection_tells_all_of_an_active_token_and_why_others_are_not() {
    let ground = Ground::new().await;
    let (app, root) = (&ground.app, ground.app.root());
    let made =
        ground.make(json!({ "name": "t", "restrictions": { "scopes": ["a:read"] }, "metadata": { "x": 1 } })).await;
    let plain = made.text("token_plain");
    let found = ground.introspect(&plain).await;
    let shown = made.data();
    let expected = json!({
        "active": true, "type": "personal_token", "id": made.id(), "issuer_id": ground.issuer_id(),
        "user_id": ground.user, "name": "t", "scopes": ["a:read"], "expires_at": shown["expires_at"],
        "audience": shown["audience"], "jti": shown["jti"], "metadata": { "x": 1 }, "created_at": shown["created_at"],
    });
    assert_eq!(found, expected);
    let told = ground.told("verified").await;
    assert_eq!(told, [json!({ "surface": "introspect", "scopes": ["a:read"], "new_ip": false })]);

    let reason = async |token: &str| {
        let found = ground.introspect(token).await;
        assert_eq!((&found["active"], &found["type"]), (&json!(false), &json!("personal_token")));
        found["reason"].as_str().unwrap().to_owned()
    };
    let path = ground.one(&made.id());
    root.patch(&path, json!({ "status": "blocked" })).expect(200).await;
    assert_eq!(reason(&plain).await, "blocked");
    root.patch(&path, json!({ "status": "active" })).expect(200).await;
    ground.set_user_status("suspended").await;
    assert_eq!(reason(&plain).await, "suspended");
    ground.set_user_status("blocked").await;
    assert_eq!(reason(&plain).await, "user_blocked");
    ground.set_user_status("active").await;
    let (message, _) = plain.rsplit_once('.').unwrap();
    let other = ground.named("other").await.text("token_plain");
    assert_eq!(reason(&format!("{message}.{}", other.rsplit_once('.').unwrap().1)).await, "invalid_signature");
    assert_eq!(reason("ptk_nonsense").await, "malformed");
    let elsewhere = Ground { issuer: app.issuer().await, user: String::new(), app: ground.app };
    assert_eq!(elsewhere.introspect(&plain).await, inactive("personal_token", "not_found"), "of another issuer");
    let ground = Ground {
        issuer: elsewhere.app.path(&format!("/issuers/{}", shown["issuer_id"].as_str().unwrap())),
        user: made.text("user_id"),
        app: elsewhere.app,
    };
    let root = ground.app.root();
    root.act(&format!("{path}/revoke")).expect(200).await;
    assert_eq!(ground.introspect(&plain).await, inactive("personal_token", "revoked"));
    root.delete(&path).expect(204).await;
    assert_eq!(ground.introspect(&plain).await, inactive("personal_token", "not_found"));
    ground.app.advance(90 * DAY);
    assert_eq!(ground.introspect(&other).await, inactive("personal_token", "expired"));
    assert_eq!(ground.told("verified").await.len(), 1, "the others were not verified");
}

#[tokio::test]
async fn introspection_tells_all_of_an_active_key_and_why_others_are_not() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    let organization = ground.app.organization(&ground.issuer).await;
    let body = json!({ "name": "k", "restrictions": { "scopes": ["a:read"], "ip_allowlist": ["192.0.2.7"] } });
    let key = root.post(&format!("{organization}/api-keys"), body).expect(201).await;
    let credential = format!("{}:{}", key.id(), key.text("secret_plain"));
    let org_id = organization.rsplit('/').next().unwrap();
    let expected = json!({
        "active": true, "type": "api_key", "id": key.id(), "issuer_id": ground.issuer_id(), "org_id": org_id,
        "name": "k", "scopes": ["a:read"], "expires_at": null, "metadata": {}, "created_at": key.data()["created_at"],
    });
    assert_eq!(ground.introspect(&credential).await, expected);
    let event = &ground.app.events("event_types=api-key.verified").await[0];
    assert_eq!(event["data"], json!({ "surface": "introspect", "scopes": ["a:read"] }));
    assert_eq!((&event["subject"]["key_id"], &event["subject"]["org_id"]), (&json!(key.id()), &json!(org_id)));
    let expect = async |token: &str, reason: &str| {
        assert_eq!(ground.introspect(token).await, inactive("api_key", reason), "{reason}");
    };
    let from = async |ip: &str| ground.introspect_with(json!({ "token": credential, "ip": ip })).await;
    assert_eq!(from("192.0.2.8").await, inactive("api_key", "ip_not_allowed"));
    assert_eq!(from("192.0.2.7").await["active"], true);
    expect(&format!("{}:wrong", key.id()), "invalid_secret").await;
    expect(&format!("key_{}:x", "0".repeat(32)), "not_found").await;
    for malformed in ["key_", "key_x:y", &key.id()] {
        expect(malformed, "malformed").await;
    }
    let path = ground.app.path(&format!("/api-keys/{}", key.id()));
    root.act(&format!("{path}/block")).expect(200).await;
    expect(&credential, "blocked").await;
    root.act(&format!("{path}/unblock")).expect(200).await;
    root.patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    expect(&credential, "suspended").await;
    root.patch(&organization, json!({ "status": "active" })).expect(200).await;
    let end = ground.app.now() + 1000;
    root.patch(&path, json!({ "expires_at": end })).expect(200).await;
    ground.app.advance(Duration::from_secs(1));
    expect(&credential, "expired").await;
    root.act(&format!("{path}/revoke")).expect(200).await;
    expect(&credential, "revoked").await;
    root.delete(&organization).expect(204).await;
    let of_account = format!("{}:{}", ground.app.key.0, ground.app.key.1);
    expect(&of_account, "not_found").await;
    assert_eq!(ground.app.events("event_types=api-key.verified").await.len(), 2);
}

#[tokio::test]
async fn introspection_refuses_what_is_no_credential_of_ours_and_repeats_no_answer() {
    let ground = Ground::new().await;
    let (root, path) = (ground.app.root(), format!("{}/tokens/introspect", ground.issuer));
    let refuse = async |body: Value| root.post(&path, body).expect(400).await.refusal().1;
    assert_eq!(refuse(json!({})).await, ["token required"]);
    assert_eq!(refuse(json!({ "token": "eyJhbGciOi" })).await, ["token invalid_format"]);
    let bad = json!({ "token": 7, "ip": "here", "typo": 1 });
    assert_eq!(refuse(bad).await, ["ip invalid_format", "token invalid_type", "typo unknown_field"]);
    root.act(&path).expect(400).await;
    let made = ground.named("t").await;
    let body = json!({ "token": made.text("token_plain") });
    let ask = || root.post(&path, body.clone()).header("idempotency-key", "once").expect(200);
    assert_eq!(ask().await.data()["active"], true);
    root.act(&format!("{}/revoke", ground.one(&made.id()))).expect(200).await;
    assert_eq!(ask().await.data()["active"], false, "what was true once is not repeated");
}

/// A user of the platform issuer who is a member of the first account's organization.
struct Team {
    app: App,
    users: String,
    members: String,
}

impl Team {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let organization = app.account_organization().await;
        let users = format!("{}/users", organization.split("/organizations").next().unwrap());
        Self { users, members: format!("{organization}/members"), app }
    }

    /// A member with these scopes, as they act with a token that has those.
    async fn member(&self, held: &[&str], scopes: &[&str]) -> Caller {
        let name = format!("{}@example.com", self.app.root().get(&self.users).expect(200).await.bytes.len());
        let user = self.app.root().post(&self.users, json!({ "email": name })).expect(201).await.id();
        let member = json!({ "member_id": user, "scopes": held });
        self.app.root().post(&self.members, member).expect(201).await;
        let token = json!({ "name": "t", "restrictions": { "scopes": scopes } });
        let made = self.app.root().post(&format!("{}/{user}/tokens", self.users), token).expect(201).await;
        self.app.with_bearer(&made.text("token_plain"))
    }
}

#[tokio::test]
async fn a_member_of_the_account_team_acts_with_what_role_and_token_share() {
    let team = Team::new().await;
    let (app, issuers) = (&team.app, team.app.path("/issuers"));
    let owner = team.member(&["owner"], &["*:**"]).await;
    let me = owner.get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["account_id"], json!(app.account));
    assert_eq!(me.data()["accounts"][0]["scopes"], json!(["*:**"]));
    assert_eq!(me.data()["organizations"][0]["scopes"], json!(["*:**"]));
    let listed = owner.get("/v1/accounts").expect(200).await;
    assert_eq!(listed.data()[0]["id"], json!(app.account));
    let made = owner.post(&issuers, json!({ "name": "of the owner" })).expect(201).await;
    let event = app.events("event_types=issuer.created").await.pop().unwrap();
    assert_eq!(event["auth"]["type"], "personal_token");
    let issuer = format!("{issuers}/{}", made.id());

    let refuse = async |call: tests::caller::Call| {
        assert_eq!(call.expect(403).await.refusal().0, "insufficient_scope");
    };
    let narrow = team.member(&["owner"], &["issuers:read"]).await;
    narrow.get(&issuer).expect(200).await;
    refuse(narrow.patch(&issuer, json!({ "name": "x" }))).await;
    refuse(narrow.get(&app.path(""))).await;

    let admin = team.member(&["admin"], &["*:**"]).await;
    admin.patch(&issuer, json!({ "name": "of the admin" })).expect(200).await;
    refuse(admin.delete(&issuer)).await;
    let owner_id = me.data()["user_id"].clone();
    refuse(admin.patch(&app.path(""), json!({ "owner_user_id": owner_id }))).await;
    admin.patch(&app.path(""), json!({ "description": "Ours" })).expect(200).await;
    owner.patch(&app.path(""), json!({ "owner_user_id": owner_id })).expect(200).await;
    admin.patch(&app.path(""), json!({ "owner_user_id": owner_id, "name": "Same owner" })).expect(200).await;

    let member = team.member(&["member"], &["*:**"]).await;
    member.get(&app.path("")).expect(200).await;
    refuse(member.get(&issuer)).await;
    let scoped = team.member(&["issuers:*"], &["issuers:read", "issuers:delete"]).await;
    scoped.get(&issuer).expect(200).await;
    refuse(scoped.patch(&issuer, json!({ "name": "x" }))).await;
    scoped.delete(&issuer).expect(204).await;
}

#[tokio::test]
async fn a_member_of_the_account_team_gives_no_more_than_they_have() {
    let team = Team::new().await;
    let (app, keys) = (&team.app, team.app.path("/api-keys"));
    let admin = team.member(&["admin"], &["*:**"]).await;
    let key = |scopes: &[&str]| json!({ "name": "k", "restrictions": { "scopes": scopes } });
    admin.post(&keys, key(&["issuers:read", "issuers.users:*"])).expect(201).await;
    for scope in ["*:**", "issuers:write", "owner", "payment-methods:write"] {
        let refused = admin.post(&keys, key(&[scope])).expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope", "{scope}");
    }
    let [ann, bob] = [1, 2].map(|number| json!({ "email": format!("new{number}@example.com") }));
    let ann = admin.post(&team.users, ann).expect(201).await.id();
    let bob = admin.post(&team.users, bob).expect(201).await.id();
    let add = |user: &str, scope: &str| admin.post(&team.members, json!({ "member_id": user, "scopes": [scope] }));
    add(&ann, "owner").expect(403).await;
    add(&ann, "admin").expect(201).await;
    let member = team.member(&["member", "issuers.organizations.members:*"], &["*:**"]).await;
    let other = json!({ "member_id": bob, "scopes": ["admin"] });
    member.post(&team.members, other).expect(403).await;

    // Whoever makes a token for somebody acts as they do.
    let owner = app.root().post(&team.users, json!({ "email": "boss@example.com" })).expect(201).await.id();
    let body = json!({ "member_id": owner, "scopes": ["owner"] });
    app.root().post(&team.members, body).expect(201).await;
    let token = |scopes: &[&str]| json!({ "name": "t", "restrictions": { "scopes": scopes } });
    let of_owner = format!("{}/{owner}/tokens", team.users);
    for scopes in [&["*:**"], &["owner"], &["issuers:delete"]] {
        let refused = admin.post(&of_owner, token(scopes)).expect(403).await;
        assert_eq!(refused.refusal().0, "insufficient_scope", "{scopes:?}");
    }
    admin.post(&of_owner, token(&["issuers:read"])).expect(201).await;
}
