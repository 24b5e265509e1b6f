//! Keys are made, and with them secrets.

use serde_json::{Value, json};
use tests::{App, Caller};

use super::{DRIVER, body, holder, made, of_tenant, path, refused};

#[tokio::test]
async fn a_created_key_reads_back_whole_and_its_secret_is_shown_once() {
    let app = App::start(DRIVER).await;
    let body = json!({
        "name": "CI", "description": "d", "tags": ["ci", "eu"], "type": "api_key", "expires_at": app.now() + 60_000,
        "restrictions": { "scopes": ["issuers:read"], "ip_allowlist": ["127.0.0.1", "::1", "10.0.0.0/8"] },
        "metadata": { "crm": 7 },
    });
    let key = made(&app, body).await;
    let secret = key.text("secret_plain");
    assert_eq!(secret.len(), 43);
    let read = app.root().get(&path(&app, &key)).expect(200).await;
    assert_eq!(read.header("etag"), key.header("etag"));
    let mut expected = key.data().clone();
    expected.as_object_mut().unwrap().remove("secret_plain");
    assert_eq!(read.data(), &expected);
    assert!(!String::from_utf8_lossy(&read.bytes).contains(&secret));
    let data = read.data();
    assert_eq!(data["type"], "api_key");
    assert_eq!(data["status"], "active");
    assert_eq!(data["status_at"], Value::Null);
    assert_eq!(data["org_id"], app.account.replace("acc_", "org_"));
    assert_eq!(data["restrictions"]["scopes"], json!(["issuers:read"]));
    assert_eq!(data["restrictions"]["ip_allowlist"].as_array().unwrap().len(), 3);
    assert_eq!(data["metadata"], json!({ "crm": 7 }));
    assert_eq!(data["secret"]["algorithm"], "sha256");
    assert_eq!(data["secret"]["hint"], secret[secret.len() - 8..]);
    assert_eq!(data["secret"]["rotated_at"], Value::Null);
    assert_eq!(data["secret"]["previous_valid_until"], Value::Null);
    assert_eq!((&data["created_at"], &data["updated_at"]), (&json!(app.now()), &json!(app.now())));

    let me = holder(&app, &key).get("/v1/me").expect(200).await;
    let access = json!({ "account_id": app.account, "org_id": data["org_id"], "scopes": ["issuers:read"] });
    assert_eq!(me.data()["type"], "api_key");
    assert_eq!(me.data()["key_id"], key.id());
    assert_eq!(me.data()["accounts"], json!([access]));
    assert_eq!(me.data()["organizations"], json!([{ "org_id": data["org_id"], "scopes": ["issuers:read"] }]));

    let events = app.events("event_types=api-key.created").await;
    let event = events.last().unwrap();
    let expected = json!({ "name": "CI", "scopes": ["issuers:read"], "expires_at": data["expires_at"] });
    assert_eq!(event["data"], expected);
    assert_eq!(event["subject"]["key_id"], key.id());
    assert_eq!(event["subject"]["org_id"], data["org_id"]);
}

#[tokio::test]
async fn a_replayed_creation_repeats_the_secret_and_makes_no_second_key() {
    let app = App::start(DRIVER).await;
    let send = |caller: Caller| {
        caller.post(&app.path("/api-keys"), body("replayed", &["events:read"])).header("idempotency-key", "one")
    };
    let first = send(app.root()).expect(201).await;
    let second = send(app.root()).expect(201).await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.body, first.body);
    let (id, secret) = app.account_key(&["*:**"]).await;
    let stranger = send(app.with_key(&id, &secret)).expect(422).await;
    assert!(!String::from_utf8_lossy(&stranger.bytes).contains(&first.text("secret_plain")));
    let listed = app.root().get(&app.path("/api-keys?q=replayed")).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_works_from_the_addresses_on_its_list_only() {
    let app = App::start(DRIVER).await;
    let bound = json!({ "name": "k", "restrictions": { "scopes": ["*:**"], "ip_allowlist": ["192.0.2.0/24"] } });
    let key = made(&app, bound).await;
    let caller = holder(&app, &key);
    for call in [caller.get("/v1/me"), caller.get(&app.path("/issuers"))] {
        assert_eq!(call.expect(403).await.refusal().0, "access_denied");
    }
    // The secret is checked before the address.
    refused(&app.with_key(&key.id(), "wrong")).await;
    let here = json!({ "restrictions": { "ip_allowlist": ["192.0.2.0/24", "127.0.0.0/8"] } });
    let changed = app.root().patch(&path(&app, &key), here).expect(200).await;
    assert_eq!(changed.data()["restrictions"]["scopes"], json!(["*:**"]), "the scopes stay");
    caller.get("/v1/me").expect(200).await;
    let alias = json!({ "name": "k", "restrictions": { "scopes": [], "ip_addresses": ["192.0.2.7"] } });
    let key = made(&app, alias).await;
    assert_eq!(key.data()["restrictions"], json!({ "scopes": [], "ip_allowlist": ["192.0.2.7"] }));
    assert_eq!(holder(&app, &key).get("/v1/me").expect(403).await.refusal().0, "access_denied");
}

#[tokio::test]
async fn nobody_gives_a_key_of_the_account_what_they_do_not_hold() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&["api-keys:**", "issuers:read", "issuers.organizations.api-keys:write"]).await;
    let limited = app.with_key(&id, &secret);
    let events = app.event_types("").await.len();
    let keys = app.path("/api-keys");
    let (platform, organization) = (app.account_organization().await, of_tenant(&app, &[]).await.0);
    for scopes in [vec!["*:**"], vec!["issuers:read", "issuers:write"], vec!["issuers:*"], vec!["issuers.users:read"]] {
        for list in [&keys, &format!("{platform}/api-keys")] {
            let refused = limited.post(list, body("more", &scopes)).expect(403).await;
            assert_eq!(refused.refusal().0, "insufficient_scope", "{scopes:?}");
        }
    }
    let same = limited.post(&keys, body("same", &["issuers:read"])).expect(201).await;
    let same = app.path(&format!("/api-keys/{}", same.id()));
    let more = json!({ "restrictions": { "scopes": ["issuers:read", "webhooks:read"] } });
    assert_eq!(limited.patch(&same, more).expect(403).await.refusal().0, "insufficient_scope");
    assert_eq!(limited.patch(&same, json!({ "scopes": ["*:**"] })).expect(403).await.refusal().0, "insufficient_scope");
    limited.patch(&same, json!({ "restrictions": { "scopes": [] } })).expect(200).await;
    // The secret of a stronger key would give its scopes.
    let root = app.path(&format!("/api-keys/{}", app.key.0));
    assert_eq!(limited.act(&format!("{root}/rotate")).expect(403).await.refusal().0, "insufficient_scope");
    limited.patch(&root, json!({ "name": "renamed" })).expect(200).await;
    app.root().get("/v1/me").expect(200).await;
    // Scopes of a tenant mean what the tenant makes of them.
    limited.post(&format!("{organization}/api-keys"), body("tenant", &["*:**"])).expect(201).await;
    let new = app.event_types("").await.split_off(events);
    let refused_wrote_nothing = new.iter().filter(|kind| *kind == "api-key.created").count();
    assert_eq!(refused_wrote_nothing, 3, "{new:?}");
}

#[tokio::test]
async fn a_chosen_secret_works_and_a_weak_one_is_refused_without_being_repeated() {
    let app = App::start(DRIVER).await;
    let strong = "Zq8-r4_Tn1VxK7mD2yPbW9sHcJ5gLfAe";
    let chosen = |secret: &str| json!({ "name": "migrated", "restrictions": {}, "secret": secret });
    let key = made(&app, chosen(strong)).await;
    assert_eq!(key.text("secret_plain"), strong);
    assert_eq!(key.data()["secret"]["hint"], "cJ5gLfAe");
    holder(&app, &key).get("/v1/me").expect(200).await;
    for weak in [
        "a".repeat(40),
        strong[..31].to_owned(),
        strong.repeat(9),
        format!("{strong}:"),
        format!("{strong} ä"),
        format!("{strong}migrated"),
        "abcdefghijklmno".repeat(3),
    ] {
        let refused = app.root().post(&app.path("/api-keys"), chosen(&weak)).expect(400).await;
        assert_eq!(refused.refusal().1, ["secret not_allowed"], "{weak}");
        assert!(!String::from_utf8_lossy(&refused.bytes).contains(&weak));
    }
    let hint = json!({ "name": "k", "restrictions": {}, "secret_hint": "x" });
    let refused = app.root().post(&app.path("/api-keys"), hint).expect(400).await;
    assert_eq!(refused.refusal().1, ["secret_hint not_allowed"]);
    let hint = json!({ "name": "k", "restrictions": {}, "secret": strong, "secret_hint": "old-crm" });
    assert_eq!(made(&app, hint).await.data()["secret"]["hint"], "old-crm");
}

#[tokio::test]
async fn a_typo_in_the_restrictions_never_mints_an_open_key() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &[])).await;
    let rate_limit = json!({ "limit": 1, "window_seconds": 1 });
    for (restrictions, problem) in [
        (json!({ "typo": 1 }), "restrictions.typo unknown_field"),
        (json!({ "scope": ["a:read"] }), "restrictions.scope unknown_field"),
        (json!({ "rate_limits": rate_limit }), "restrictions.rate_limits unknown_field"),
        (json!({ "scopes": ["not a scope"] }), "restrictions.scopes.0 invalid_format"),
        (json!({ "scopes": "a:read" }), "restrictions.scopes invalid_type"),
        (json!({ "ip_allowlist": ["10.0.0.0/8", "here"] }), "restrictions.ip_allowlist.1 invalid_format"),
    ] {
        let created = json!({ "name": "k", "restrictions": restrictions });
        let refused = app.root().post(&app.path("/api-keys"), created).expect(400).await;
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec![problem.to_owned()]));
        let refused = app.root().patch(&path(&app, &key), json!({ "restrictions": restrictions })).expect(400).await;
        assert_eq!(refused.refusal().1, [problem]);
    }
    let both = json!({ "name": "k", "scopes": ["a:read"], "restrictions": { "scopes": ["b:read"] } });
    let refused = app.root().post(&app.path("/api-keys"), both).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes not_allowed"]);
    let all = json!({ "name": "", "type": "token", "tags": [""], "expires_at": "soon", "metadata": [], "typo": 1 });
    let refused = app.root().post(&app.path("/api-keys"), all).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "expires_at invalid_type",
            "metadata invalid_type",
            "name too_short",
            "restrictions required",
            "tags.0 too_short",
            "type invalid_enum_value",
            "typo unknown_field",
        ]
    );
}
