//! /v1/accounts/{account_id}/issuers

use std::time::Duration;

use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

async fn made(app: &App, body: Value) -> Reply {
    app.root().post(&app.path("/issuers"), body).expect(201).await
}

fn path(app: &App, issuer: &Reply) -> String {
    app.path(&format!("/issuers/{}", issuer.id()))
}

fn problems(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

#[tokio::test]
async fn a_name_is_enough_and_the_defaults_make_login_work_at_once() {
    let app = App::start(DRIVER).await;
    let issuer = made(&app, json!({ "name": "acme-prod" })).await;
    let read = app.root().get(&path(&app, &issuer)).expect(200).await;
    assert_eq!((issuer.data(), issuer.header("etag")), (read.data(), read.header("etag")));
    assert_eq!(read.header("etag"), format!("\"{}\"", app.now()));
    let data = read.data();
    assert_eq!(data["account_id"], app.account);
    assert_eq!(data["status"], "active");
    assert_eq!(data["description"], Value::Null);
    assert_eq!(data["metadata"], json!({}));
    assert_eq!(data["available_scopes"], json!(["openid", "profile", "email", "phone", "address", "offline_access"]));
    let settings = &data["settings"];
    assert_eq!(
        settings["access"],
        json!({
            "mode": "open", "allowed_domains": [], "allowed_hosts": [], "allow_user_orgs": false,
            "signup": { "verify_email": true, "require_approval": false, "create_org": false },
            "sessions": { "max_age": 604_800, "idle_timeout": 43_200, "extend_on_activity": true },
            "device_fingerprinting": true, "residency": "auto",
        })
    );
    assert_eq!(settings["security"]["mfa"], "optional");
    assert_eq!(settings["security"]["password"], json!({ "min_length": 10, "check_breached": true }));
    assert_eq!(settings["security"]["lockout"], json!({ "max_attempts": 5, "duration_seconds": 900 }));
    assert_eq!(settings["security"]["trusted_device_ttl"], 2_592_000);
    assert_eq!(settings["security"]["authorization_code_ttl"], 60);
    assert_eq!(settings["security"]["resources"], "any");
    assert_eq!(settings["security"]["event_context"], "full");
    assert_eq!(settings["security"]["on_token_reuse"], "session_family");
    assert_eq!(settings["branding"]["locales"], json!(["en"]));
    assert_eq!(settings["branding"]["display_name"], Value::Null);
    assert_eq!(settings["invitations"], json!({ "require_approval": false, "ttl_seconds": 604_800 }));
    assert_eq!(settings["portals"]["login"], json!({ "enabled": true, "url": null }));
    let item = app.root().get(&app.path(&format!("/issuers?q={}", issuer.id()))).expect(200).await;
    let item = &item.data()[0];
    assert_eq!(item["access_mode"], "open");
    assert_eq!(item["auth_method_count"], 2);
    assert_eq!(item["enabled_login_method_count"], 2);
    assert_eq!(item["enabled_signup_method_count"], 2);
    assert_eq!(item["available_scope_count"], 6);
    assert_eq!(item["branding_configured"], false);
    assert_eq!(item["readiness"], "ready");
    assert_eq!(item["settings"], data["settings"]);
    let event = app.events("event_types=issuer.created").await.pop().unwrap();
    assert_eq!(event["data"], json!({ "name": "acme-prod" }));
    assert_eq!(event["subject"]["issuer_id"], issuer.id());
}

#[tokio::test]
async fn only_the_given_paths_of_the_settings_change() {
    let app = App::start(DRIVER).await;
    let access = json!({ "access": { "sessions": { "max_age": 3600 }, "allowed_domains": ["Bücher.example"] } });
    let issuer = made(&app, json!({ "name": "acme", "settings": access, "metadata": { "a": 1, "b": 2 } })).await;
    assert_eq!(issuer.data()["settings"]["access"]["allowed_domains"], json!(["xn--bcher-kva.example"]));
    app.advance(Duration::from_secs(1));
    let patch = json!({
        "settings": { "access": { "sessions": { "idle_timeout": 600 } }, "branding": { "primary_color": "#ff0000" } },
        "links": { "support": "https://example.com/help" }, "metadata": { "a": null },
    });
    let tag = issuer.header("etag");
    let after = app.root().patch(&path(&app, &issuer), patch).header("if-match", tag).expect(200).await;
    let mut expected = issuer.data()["settings"].clone();
    expected["access"]["sessions"]["idle_timeout"] = json!(600);
    expected["branding"]["primary_color"] = json!("#ff0000");
    assert_eq!(after.data()["settings"], expected);
    assert_eq!(after.data()["links"]["support"], "https://example.com/help");
    assert_eq!(after.data()["metadata"], json!({ "b": 2 }));
    assert_eq!(after.data()["updated_at"], app.now());
    let event = app.events("event_types=issuer.updated").await.pop().unwrap();
    assert_eq!(event["data"], json!({ "changes": ["links", "metadata", "settings"] }));
    let listed = app.root().get(&app.path(&format!("/issuers?q={}", issuer.id()))).expect(200).await;
    assert_eq!(listed.data()[0]["branding_configured"], true);
    let alias = app.root().patch(&path(&app, &issuer), json!({ "access_mode": "closed" })).expect(200).await;
    assert_eq!(alias.data()["settings"]["access"]["mode"], "closed");
    assert_eq!(alias.data()["settings"]["access"]["sessions"]["max_age"], 3600);
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once_and_nothing_is_written() {
    let app = App::start(DRIVER).await;
    let body = json!({
        "name": "", "description": 7, "links": { "website": "nowhere", "blog": "https://example.com" },
        "available_scopes": ["openid", "not a scope"], "status": "deleted", "metadata": { "_x": 1 }, "typo": 1,
        "settings": {
            "access": {
                "mode": "sometimes", "sesions": {}, "allowed_domains": ["not a domain"],
                "sessions": { "max_age": 31_536_001, "idle_timeout": "long" }, "signup": { "verify_email": 1 },
            },
            "security": { "mfa": "maybe", "password": { "min_length": 7 }, "authorization_code_ttl": 601 },
            "branding": { "logo_url": "http://example.com/logo.png", "locales": ["english!"] },
            "invitations": { "ttl_seconds": 3599 },
        },
    });
    let refused = app.root().post(&app.path("/issuers"), body).expect(400).await;
    assert_eq!(
        refused.refusal(),
        (
            "invalid_request".to_owned(),
            problems(&[
                "available_scopes.1 invalid_format",
                "description invalid_type",
                "links.blog unknown_field",
                "links.website invalid_format",
                "metadata._x invalid_format",
                "name too_short",
                "settings.access.allowed_domains.0 invalid_format",
                "settings.access.mode invalid_enum_value",
                "settings.access.sesions unknown_field",
                "settings.access.sessions.idle_timeout invalid_type",
                "settings.access.sessions.max_age too_big",
                "settings.access.signup.verify_email invalid_type",
                "settings.branding.locales.0 invalid_format",
                "settings.branding.logo_url invalid_format",
                "settings.invitations.ttl_seconds too_small",
                "settings.security.authorization_code_ttl too_big",
                "settings.security.mfa invalid_enum_value",
                "settings.security.password.min_length too_small",
                "status invalid_enum_value",
                "typo unknown_field",
            ])
        )
    );
    for (body, problem) in [
        (json!({}), "name required"),
        (json!({ "name": "x", "settings": {} }), "settings.access required"),
        (json!({ "name": "x".repeat(201) }), "name too_long"),
    ] {
        assert_eq!(app.root().post(&app.path("/issuers"), body).expect(400).await.refusal().1, [problem]);
    }
    let issuers = app.event_types("event_types=issuer.created").await;
    assert_eq!(issuers.len(), 1, "the platform's own");
}

#[tokio::test]
async fn a_fetched_issuer_or_list_item_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let issuer = made(&app, json!({ "name": "acme", "settings": { "access": { "residency": "eu" } } })).await;
    assert_eq!(issuer.data()["settings"]["security"]["event_context"], "truncated");
    let item = app.root().get(&app.path(&format!("/issuers?q={}", issuer.id()))).expect(200).await.data()[0].clone();
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [issuer.data().clone(), item, json!({})] {
        let same = app.root().patch(&path(&app, &issuer), body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (issuer.data(), issuer.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn suspension_is_an_update_with_both_states_and_management_goes_on() {
    let app = App::start(DRIVER).await;
    let issuer = made(&app, json!({ "name": "acme" })).await;
    let path = path(&app, &issuer);
    let suspend = json!({ "status": "suspended", "status_reason": "unpaid", "status_by": "billing" });
    let suspended = app.root().patch(&path, suspend).expect(200).await;
    assert_eq!((&suspended.data()["status"], &suspended.data()["status_at"]), (&json!("suspended"), &json!(app.now())));
    app.user(&path, "ann@example.com").await;
    app.organization(&path).await;
    app.root().patch(&path, json!({ "status": "suspended" })).expect(200).await;
    app.root().patch(&path, json!({ "status": "active" })).expect(200).await;
    let events = app.events("event_types=issuer.updated").await;
    let seen: Vec<_> = events.iter().map(|event| event["data"]["status"].clone()).collect();
    let (active, suspended) = ("active", "suspended");
    assert_eq!(seen, [json!({ "from": active, "to": suspended }), json!({ "from": suspended, "to": active })]);
    assert_eq!(events[0]["data"]["reason"], "unpaid");
}

#[tokio::test]
async fn lists_filter_walk_by_cursor_and_refuse_bad_parameters_together() {
    let app = App::start(DRIVER).await;
    let platform = app.root().get(&app.path("/issuers")).expect(200).await.data()[0]["id"].as_str().unwrap().to_owned();
    let plain = made(&app, json!({ "name": "Ärzte" })).await.id();
    let closed = json!({ "name": "b", "settings": { "access": { "mode": "closed" } } });
    let closed = made(&app, closed).await.id();
    let suspended = made(&app, json!({ "name": "c", "status": "suspended" })).await.id();
    let deleted = made(&app, json!({ "name": "d" })).await.id();
    app.root().delete(&app.path(&format!("/issuers/{deleted}"))).expect(204).await;
    let ids = async |query: &str| -> Vec<String> {
        let page = app.root().get(&app.path(&format!("/issuers?{query}"))).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("").await, [&suspended, &closed, &plain, &platform].map(Clone::clone));
    assert_eq!(ids("q=%C3%A4RZ").await, [plain.clone()]);
    assert_eq!(ids(&format!("q={}", &closed[2..].to_uppercase())).await, [closed.clone()]);
    assert_eq!(ids("status=suspended").await, [suspended.clone()]);
    assert_eq!(ids("status=deleted").await, [deleted]);
    assert_eq!(ids("access_mode=closed").await, [closed.clone()]);
    assert_eq!(ids("readiness=ready&access_mode=open").await, [&plain, &platform].map(Clone::clone));
    assert_eq!(ids("readiness=inactive").await, [suspended.clone()]);
    assert_eq!(ids("readiness=incomplete").await, [""; 0]);
    assert_eq!(ids(&format!("limit=2&cursor={suspended}")).await, [closed, plain]);
    let bad = "status=gone&access_mode=x&readiness=x&limit=0";
    let refused = app.root().get(&app.path(&format!("/issuers?{bad}"))).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "access_mode invalid_enum_value",
            "limit too_small",
            "readiness invalid_enum_value",
            "status invalid_enum_value",
        ]
    );
}

#[tokio::test]
async fn a_deleted_issuer_is_404_everywhere_at_once() {
    let app = App::start(DRIVER).await;
    let issuer = made(&app, json!({ "name": "acme" })).await;
    let path = path(&app, &issuer);
    let user = format!("{path}/users/{}", app.user(&path, "ann@example.com").await);
    let organization = app.organization(&path).await;
    let client = json!({ "name": "m2m", "confidential": true, "application_type": "m2m" });
    let client = app.root().post(&format!("{path}/clients"), client).send().await;
    let discovery = [
        format!("/{}/jwks.json", issuer.id()),
        format!("/{}/.well-known/openid-configuration", issuer.id()),
        format!("/.well-known/oauth-authorization-server/{}", issuer.id()),
    ];
    for document in &discovery {
        app.anonymous().get(document).expect(200).await;
    }
    app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    assert!(app.root().delete(&path).expect(204).await.bytes.is_empty());
    for document in &discovery {
        app.anonymous().get(document).expect(404).await;
    }
    let mut gone =
        vec![user, organization.clone(), format!("{organization}/members"), format!("{organization}/api-keys")];
    gone.extend(["", "/users", "/clients", "/organizations"].map(|below| format!("{path}{below}")));
    if client.status == 201 {
        gone.push(format!("{path}/clients/{}", client.id()));
    }
    for path in &gone {
        assert_eq!(app.root().get(path).expect(404).await.refusal().0, "not_found", "{path}");
    }
    for call in [
        app.root().delete(&path),
        app.root().patch(&path, json!({ "typo": 1 })),
        app.root().post(&format!("{path}/users"), json!({ "email": "bob@example.com" })),
        app.root().post(&format!("{path}/organizations"), json!({ "name": "x" })),
    ] {
        call.expect(404).await;
    }
    let listed = app.root().get(&app.path(&format!("/issuers?q={}", issuer.id()))).expect(200).await;
    assert_eq!(listed.data(), &json!([]));
    let events = app.events("event_types=issuer.deleted").await;
    assert_eq!(events.len(), 1);
    let cascade = &events[0]["data"]["cascade"];
    assert_eq!((&cascade["users"], &cascade["organizations"]), (&json!(1), &json!(1)));
    let kinds: Vec<_> = cascade.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "agents",
        "api_keys",
        "auth_methods",
        "clients",
        "delegations",
        "devices",
        "groups",
        "invitations",
        "memberships",
        "organizations",
        "personal_tokens",
        "sessions",
        "users",
        "verifiers",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(app.event_types("event_types=user.deleted,organization.deleted").await, [""; 0]);
}

#[tokio::test]
async fn the_platforms_own_issuer_and_account_organization_stay() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    assert_eq!(app.root().delete(platform).expect(409).await.refusal().0, "conflict");
    assert_eq!(app.root().delete(&organization).expect(409).await.refusal().0, "conflict");
    app.root().get(platform).expect(200).await;
    app.root().get("/v1/me").expect(200).await;
}

#[tokio::test]
async fn what_is_deleted_with_an_issuer_is_counted_by_kind() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let user = app.user(&issuer, "ada@example.com").await;
    let agent = app.root().post(&format!("{issuer}/agents"), json!({ "name": "n" })).expect(201).await.id();
    for (path, body) in [
        (format!("{organization}/groups"), json!({ "name": "g" })),
        (format!("{organization}/invitations"), json!({ "email": "bob@example.com", "scopes": ["a:read"] })),
        (format!("{issuer}/users/{user}/trusted-devices"), json!({ "fingerprint": "f" })),
        (format!("{issuer}/users/{user}/verifiers"), json!({ "type": "password", "password": "k7!qZp2vv-Rw9xT4mN6b" })),
        (format!("{issuer}/agents/{agent}/verifiers"), json!({ "type": "secret" })),
    ] {
        app.root().post(&path, body).expect(201).await;
    }
    let delegations = format!("{issuer}/users/{user}/delegations");
    for scope in ["a:read", "b:read", "c:read"] {
        let body = json!({ "agent_id": agent, "scopes": [scope], "expires_at": app.now() + 1_000 });
        app.root().post(&delegations, body).expect(201).await;
        app.advance(std::time::Duration::from_secs(1));
    }
    let body = json!({ "agent_id": agent, "scopes": ["d:read"] });
    app.root().post(&delegations, body).expect(201).await;
    app.root().delete(&issuer).expect(204).await;
    let cascade = &app.events("event_types=issuer.deleted").await[0]["data"]["cascade"];
    for (kind, count) in
        [("groups", 1), ("invitations", 1), ("devices", 1), ("verifiers", 2), ("delegations", 1), ("agents", 1)]
    {
        assert_eq!(cascade[kind], count, "{kind}: {cascade}");
    }
}

#[tokio::test]
async fn a_style_sheet_is_kept_as_it_is_unless_it_would_load_something() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let css = ".card { color: #333; content: \"→\" } /* ours */ @media print { .card { display: none } }";
    let patch = |css: Value| app.root().patch(&issuer, json!({ "settings": { "branding": { "custom_css": css } } }));
    let after = patch(json!(css)).expect(200).await;
    assert_eq!(after.data()["settings"]["branding"]["custom_css"], css);
    let read = app.root().get(&issuer).expect(200).await;
    assert_eq!(read.data()["settings"]["branding"]["custom_css"], css);
    for (bad, code) in [
        (json!("@import 'https://evil.example';"), "not_allowed"),
        (json!("a { background: url(/x) }"), "not_allowed"),
        (json!("a {} </style><script>"), "invalid_format"),
        (json!("a { b: \\75rl(x) }"), "invalid_format"),
        (json!("a {} \u{7}"), "invalid_format"),
        (json!("ü".repeat(32 * 1024 + 1)), "too_long"),
        (json!("x".repeat(64 * 1024 + 1)), "too_long"),
        (json!(7), "invalid_type"),
    ] {
        let refused = patch(bad.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, [format!("settings.branding.custom_css {code}")], "{bad}");
    }
    let longest = "ü".repeat(32 * 1024);
    assert_eq!(patch(json!(longest)).expect(200).await.data()["settings"]["branding"]["custom_css"], longest);
    assert_eq!(patch(Value::Null).expect(200).await.data()["settings"]["branding"]["custom_css"], Value::Null);
}
