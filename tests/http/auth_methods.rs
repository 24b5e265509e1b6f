//! /v1/accounts/{account_id}/issuers/{issuer_id}/auth-methods

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Dns, Reply};

use super::DRIVER;

const SECRET: &str = "upstream-secret-of-32-characters";

/// An issuer and its login methods.
struct Ground {
    app: App,
    issuer: String,
    methods: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let methods = format!("{issuer}/auth-methods");
        Self { app, issuer, methods }
    }

    async fn make(&self, body: Value) -> Reply {
        self.app.root().post(&self.methods, body).expect(201).await
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.methods)
    }

    async fn all(&self) -> Vec<Value> {
        let page = self.app.root().get(&self.methods).expect(200).await;
        assert_eq!((&page.body["has_more"], &page.body["next_cursor"]), (&json!(false), &Value::Null));
        page.data().as_array().unwrap().clone()
    }

    /// The counters of the issuer, and its readiness.
    async fn counted(&self) -> (i64, i64, i64, String) {
        let page = self.app.root().get(&self.app.path("/issuers")).expect(200).await;
        let id = self.issuer.rsplit('/').next().unwrap();
        let item = page.data().as_array().unwrap().iter().find(|item| item["id"] == id).unwrap();
        let number = |name: &str| item[name].as_i64().unwrap();
        (
            number("auth_method_count"),
            number("enabled_login_method_count"),
            number("enabled_signup_method_count"),
            item["readiness"].as_str().unwrap().to_owned(),
        )
    }
}

fn google() -> Value {
    json!({
        "method": "oauth2", "name": "Google",
        "settings": { "provider": "google", "client_id": "id.apps", "client_secret": SECRET },
    })
}

#[tokio::test]
async fn a_new_issuer_has_a_password_and_a_mailed_link() {
    let ground = Ground::new().await;
    let all = ground.all().await;
    let shown: Vec<_> = all.iter().map(|method| (&method["method"], &method["type"], &method["settings"])).collect();
    let (link, password) = (json!("email-link"), json!("password"));
    let expected = [(&link, &link, &json!({ "ttl_seconds": 900 })), (&password, &password, &json!({}))];
    assert_eq!(shown, expected, "newest first");
    assert_eq!(ground.counted().await, (2, 2, 2, "ready".to_owned()));
}

#[tokio::test]
async fn a_method_reads_back_whole_and_its_secret_never() {
    let ground = Ground::new().await;
    let app = &ground.app;
    app.advance(Duration::from_secs(1));
    let before = app.root().get(&ground.issuer).expect(200).await;
    let made = ground.make(google()).await;
    assert_eq!(
        made.data(),
        &json!({
            "id": made.id(), "issuer_id": before.id(), "method": "oauth2", "type": "oauth2", "name": "Google",
            "enabled": true, "allow_login": true, "allow_signup": true, "first_factor_only": false,
            "settings": { "provider": "google", "client_id": "id.apps", "client_secret_hint": "aracters" },
            "created_at": app.now(), "updated_at": app.now(),
        })
    );
    let read = app.root().get(&ground.one(&made.id())).expect(200).await;
    assert_eq!((read.data(), read.header("etag")), (made.data(), made.header("etag")));
    assert!(!read.to_string().contains(SECRET) && !made.to_string().contains(SECRET));
    let database = ["authpi.db", "authpi.db-wal"].map(|name| std::fs::read(app.folder.path().join(name)));
    for bytes in database.into_iter().flatten() {
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "sealed at rest");
    }
    let event = &app.events("event_types=issuer.auth-method.created").await[0];
    assert_eq!(event["data"], json!({ "method_type": "oauth2", "enabled": true }));
    assert_eq!(
        (&event["subject"]["method_id"], &event["subject"]["issuer_id"], &event["auth"]["key_id"]),
        (&json!(made.id()), &json!(before.id()), &json!(app.key.0))
    );
    assert_eq!(ground.counted().await, (3, 3, 3, "ready".to_owned()));
    let after = app.root().get(&ground.issuer).expect(200).await;
    assert_eq!(after.header("etag"), before.header("etag"), "counters do not touch the version");
}

#[tokio::test]
async fn methods_have_aliases_and_defaults() {
    let ground = Ground::new().await;
    for (body, method, settings) in [
        (json!({ "type": "passkey", "name": "P" }), "webauthn", json!({ "user_verification": "required" })),
        (json!({ "method": "totp", "name": "T" }), "totp_app", json!({})),
        (json!({ "method": "email_otp", "name": "O" }), "email-otp", json!({ "length": 6, "ttl_seconds": 600 })),
        (json!({ "method": "backup_codes", "name": "B", "settings": null }), "backup_codes", json!({ "count": 10 })),
        (json!({ "method": "temporary-password", "name": "X", "settings": {} }), "temporary-password", json!({})),
    ] {
        let made = ground.make(body).await;
        assert_eq!((made.text("method"), &made.data()["settings"]), (method.to_owned(), &settings));
    }
    let oidc = json!({
        "type": "oidc", "name": "Custom", "enabled": false, "allow_signup": false, "first_factor_only": true,
        "settings": {
            "provider": "custom", "client_id": "x", "issuer_url": "https://id.example", "scopes": ["openid"],
            "claim_mapping": { "display_name": "full_name" },
        },
    });
    let made = ground.make(oidc.clone()).await;
    assert_eq!((made.text("method"), &made.data()["settings"]), ("oauth2".to_owned(), &oidc["settings"]));
    assert_eq!(ground.counted().await, (8, 7, 7, "ready".to_owned()));
}

#[tokio::test]
async fn every_problem_of_a_body_is_told() {
    let ground = Ground::new().await;
    let root = ground.app.root();
    for (body, expected) in [
        (json!({}), vec!["method required", "name required"]),
        (json!({ "method": "magic", "name": "" }), vec!["method invalid_enum_value", "name too_short"]),
        (json!({ "method": "totp_app", "type": "webauthn", "name": "x" }), vec!["type not_allowed"]),
        (
            json!({ "method": "email-otp", "name": "x", "settings": { "ttl_seconds": 59, "length": 9, "typo": 1 } }),
            vec!["settings.length too_big", "settings.ttl_seconds too_small", "settings.typo unknown_field"],
        ),
        (
            json!({ "method": "email-otp", "name": "x", "settings": { "ttl_seconds": 1801 } }),
            vec!["settings.ttl_seconds too_big"],
        ),
        (
            json!({ "method": "totp", "name": "x", "settings": { "ttl_seconds": 60 } }),
            vec!["settings.ttl_seconds unknown_field"],
        ),
        (
            json!({ "method": "totp", "name": "x", "settings": { "client_secret": SECRET } }),
            vec!["settings.client_secret unknown_field"],
        ),
        (
            json!({ "method": "oauth2", "name": "x", "settings": { "provider": "custom" } }),
            vec![
                "settings.authorization_endpoint required",
                "settings.client_id required",
                "settings.token_endpoint required",
                "settings.userinfo_endpoint required",
            ],
        ),
        (
            json!({
                "method": "oauth2", "name": "x",
                "settings": { "provider": "custom", "client_id": "x", "issuer_url": "http://id.example" },
            }),
            vec!["settings.issuer_url invalid_format"],
        ),
        (
            json!({ "method": "oauth2", "name": "x", "settings": { "rp_id": "id.example.com" } }),
            vec!["settings.client_id required", "settings.provider required", "settings.rp_id unknown_field"],
        ),
    ] {
        let refused = root.post(&ground.methods, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, expected, "{body}");
    }
    assert_eq!(ground.all().await.len(), 2);
}

#[tokio::test]
async fn there_is_one_method_of_a_kind_and_several_providers() {
    let ground = Ground::new().await;
    let taken = ground.app.root().post(&ground.methods, json!({ "method": "magic_link", "name": "x" }));
    assert_eq!(taken.expect(409).await.refusal(), ("conflict".to_owned(), vec!["method not_unique".to_owned()]));
    ground.make(google()).await;
    ground.make(google()).await;
    let passkey = json!({ "method": "webauthn", "name": "Passkey" });
    let racers = (0..16).map(|_| ground.app.root().post(&ground.methods, passkey.clone()).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (1, 15), "{}", replies[0]);
    assert_eq!(ground.counted().await, (5, 5, 5, "ready".to_owned()));
    for _ in 5..50 {
        ground.make(google()).await;
    }
    let full = ground.app.root().post(&ground.methods, google()).expect(409).await;
    assert_eq!(full.refusal(), ("conflict".to_owned(), Vec::new()));
}

#[tokio::test]
async fn a_change_merges_settings_counts_and_tells_what_changed() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let made = ground.make(google()).await;
    let one = ground.one(&made.id());
    app.advance(Duration::from_secs(1));
    let same = app.root().patch(&one, made.data().clone()).expect(200).await;
    assert_eq!((same.data(), same.header("etag")), (made.data(), made.header("etag")), "what was read can be sent");
    let again = json!({ "settings": { "client_secret": SECRET } });
    assert_eq!(app.root().patch(&one, again).expect(200).await.header("etag"), made.header("etag"));
    assert!(app.events("event_types=issuer.auth-method.updated").await.is_empty());

    let patch = json!({ "name": "G", "settings": { "client_secret": "short", "scopes": ["openid", "email"] } });
    let changed = app.root().patch(&one, patch).header("if-match", made.header("etag")).expect(200).await;
    assert_eq!(
        changed.data()["settings"],
        json!({
            "provider": "google", "client_id": "id.apps", "client_secret_hint": "****", "scopes": ["openid", "email"],
        })
    );
    app.root().patch(&one, json!({ "typo": 1 })).header("if-match", made.header("etag")).expect(412).await;
    let off = app.root().patch(&one, json!({ "enabled": false, "settings": { "client_secret": null } }));
    assert!(off.expect(200).await.data()["settings"].get("client_secret_hint").is_none());
    let events = app.events("event_types=issuer.auth-method.updated").await;
    let told: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    let data = |changes: Value| json!({ "method_type": "oauth2", "changes": changes });
    assert_eq!(told, [data(json!(["name", "settings"])), data(json!(["enabled", "settings"]))]);
    for (patch, field) in [
        (json!({ "method": "webauthn" }), "method immutable"),
        (json!({ "type": "totp" }), "method immutable"),
        (json!({ "name": null }), "name invalid_type"),
        (json!({ "settings": { "client_id": null } }), "settings.client_id required"),
        (json!({ "settings": { "length": 6 } }), "settings.length unknown_field"),
        (json!({ "settings": { "claim_mapping": { "a": 1 } } }), "settings.claim_mapping.a invalid_type"),
    ] {
        let refused = app.root().patch(&one, patch.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, [field], "{patch}");
    }
    app.root().patch(&one, json!({ "type": "oidc" })).expect(200).await;
}

#[tokio::test]
async fn without_a_login_method_an_issuer_is_incomplete() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let ids: Vec<_> = ground.all().await.iter().map(|method| method["id"].as_str().unwrap().to_owned()).collect();
    app.root().patch(&ground.one(&ids[0]), json!({ "allow_login": false })).expect(200).await;
    assert_eq!(ground.counted().await, (2, 1, 2, "ready".to_owned()));
    let etag = app.root().get(&ground.one(&ids[1])).expect(200).await.header("etag").to_owned();
    app.root().delete(&ground.one(&ids[1])).header("if-match", "\"1\"").expect(412).await;
    app.root().delete(&ground.one(&ids[1])).header("if-match", &etag).expect(204).await;
    assert_eq!(ground.counted().await, (1, 0, 1, "incomplete".to_owned()));
    app.root().get(&ground.one(&ids[1])).expect(404).await;
    app.root().delete(&ground.one(&ids[1])).expect(404).await;
    let event = &app.events("event_types=issuer.auth-method.deleted").await[0];
    assert_eq!(
        (&event["data"], &event["subject"]["method_id"]),
        (&json!({ "method_type": "password" }), &json!(ids[1]))
    );
    app.root().patch(&ground.one(&ids[0]), json!({ "allow_login": true, "enabled": false })).expect(200).await;
    assert_eq!(ground.counted().await, (1, 0, 0, "incomplete".to_owned()));
}

#[tokio::test]
async fn the_list_of_methods_is_whole_and_takes_no_cursor() {
    let ground = Ground::new().await;
    let all = ground.app.root().get(&format!("{}?limit=1&cursor=x", ground.methods)).expect(200).await;
    assert_eq!((all.data().as_array().unwrap().len(), &all.body["has_more"]), (2, &json!(false)));
}

#[tokio::test]
async fn passkeys_are_bound_to_a_host_of_the_issuer_or_a_parent_that_is_the_accounts() {
    let dns = Dns::start().await;
    let app = App::start_reaching(DRIVER, &dns).await;
    let issuer = app.issuer().await;
    let root = app.root();
    for host in ["login.example.com", "example.com", "other.example", "unproven.example"] {
        root.post(&app.path("/domains"), json!({ "host": host })).expect(201).await;
        if host != "unproven.example" {
            dns.txt(&format!("_challenge.{host}"), &format!("account-domain={}", app.account));
            root.act(&app.path(&format!("/domains/{host}/verify"))).expect(200).await;
        }
    }
    let id = issuer.rsplit('/').next().unwrap();
    let assign = app.path("/domains/login.example.com/assign");
    root.post(&assign, json!({ "issuer_id": id })).expect(200).await;
    let methods = format!("{issuer}/auth-methods");
    let passkey = |rp_id: &str| json!({ "method": "webauthn", "name": "P", "settings": { "rp_id": rp_id } });
    for (rp_id, code) in [
        ("unproven.example", "unknown_reference"),
        ("elsewhere.example", "unknown_reference"),
        ("com.example", "unknown_reference"),
        ("other.example", "not_allowed"),
    ] {
        let refused = root.post(&methods, passkey(rp_id)).expect(400).await;
        assert_eq!(refused.refusal().1, [format!("settings.rp_id {code}")], "{rp_id}");
    }
    assert_eq!(root.post(&methods, passkey("no host")).expect(400).await.refusal().1.len(), 1);
    let made = root.post(&methods, passkey("Example.com")).expect(201).await;
    assert_eq!(made.data()["settings"]["rp_id"], "example.com");
    let one = format!("{methods}/{}", made.id());
    let host = json!({ "settings": { "rp_id": "login.example.com" } });
    assert_eq!(root.patch(&one, host).expect(200).await.data()["settings"]["rp_id"], "login.example.com");
    let none = root.patch(&one, json!({ "settings": { "rp_id": null } })).expect(200).await;
    assert_eq!(none.data()["settings"], json!({ "user_verification": "required" }));
}
