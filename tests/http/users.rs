//! /v1/accounts/{account_id}/issuers/{issuer_id}/users

use std::time::Duration;

use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

/// Long, and hard to guess from its eighth letter on.
const PHRASE: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ3dK5 gurkensalat 0hW+iE=jU-kY.lO,mP/nA:oS";

/// Types and data of the events about a user, oldest first.
async fn trail(app: &App, user: &str) -> Vec<(String, Value)> {
    let events = app.events(&format!("user_id={user}")).await;
    events.into_iter().map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone())).collect()
}

async fn types(app: &App, user: &str) -> Vec<String> {
    trail(app, user).await.into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test]
async fn a_created_user_reads_back_whole_with_its_etag() {
    let app = App::start(DRIVER).await;
    let users = format!("{}/users", app.issuer().await);
    let body = json!({
        "username": " Ada@Example.com ", "profile": { "first_name": "Ada", "email_verified": true },
        "compliance": { "terms_accepted_at": 1_700_000_000_000_i64, "jurisdiction": "DE-NW" },
        "scopes": ["reports:read"], "preferences": { "theme": "dark" }, "custom_fields": { "tier": 2 },
        "metadata": { "crm": 7 }, "status": "suspended",
    });
    let made = app.root().post(&users, body).expect(201).await;
    let read = app.root().get(&format!("{users}/{}", made.id())).expect(200).await;
    assert_eq!(made.data(), read.data());
    assert_eq!(made.header("etag"), read.header("etag"));
    let data = read.data();
    assert_eq!((&data["username"], &data["username_type"]), (&json!("Ada@Example.com"), &json!("email")));
    assert_eq!(data["status"], "suspended");
    assert_eq!(data["profile"]["first_name"], "Ada");
    assert_eq!(data["profile"]["email_verified"], true);
    assert_eq!(data["scopes"], json!(["reports:read"]));
    let compliance = json!({
        "terms_accepted_at": 1_700_000_000_000_i64, "privacy_accepted_at": null, "jurisdiction": "DE-NW",
    });
    assert_eq!((&data["compliance"], &data["approval"]), (&compliance, &Value::Null));
    assert_eq!(data["custom_fields"], json!({ "tier": 2 }));
    assert_eq!(data["metadata"], json!({ "crm": 7 }));
    let security = json!({
        "mfa_enabled": false, "mfa_methods": [], "password_set": false, "password_changed_at": null,
        "failed_attempts": 0, "locked_until": null, "last_login_at": null,
    });
    assert_eq!(data["security"], security);
    let data = json!({ "username_type": "email", "status": "suspended", "origin": "admin" });
    assert_eq!(trail(&app, &made.id()).await, [("user.created".to_owned(), data)]);
}

#[tokio::test]
async fn short_forms_of_username_and_display_name_are_accepted() {
    let app = App::start(DRIVER).await;
    let users = format!("{}/users", app.issuer().await);
    let body = json!({ "email": "grace@example.com", "display_name": "Grace" });
    let made = app.root().post(&users, body).expect(201).await;
    assert_eq!(made.data()["username"], "grace@example.com");
    assert_eq!(made.data()["username_type"], "email");
    assert_eq!(made.data()["profile"]["display_name"], "Grace");
    for (body, field) in [
        (json!({}), "username required"),
        (json!({ "email": "nobody" }), "email invalid_format"),
        (json!({ "email": "a@b.c", "username": "x@b.c" }), "email not_allowed"),
        (json!({ "email": "a@b.c", "username_type": "phone" }), "email not_allowed"),
        (json!({ "username": "a@b.c", "username_type": "unique-name" }), "username invalid_format"),
        (json!({ "username": null }), "username invalid_type"),
        (json!({ "username": "x", "status": "blocked" }), "status invalid_enum_value"),
        (json!({ "username": "x", "status": "pending_approval" }), "status invalid_enum_value"),
        (
            json!({ "username": "x", "compliance": { "terms_accepted_at": -1 } }),
            "compliance.terms_accepted_at too_small",
        ),
        (
            json!({ "username": "x", "compliance": { "jurisdiction": "Germany" } }),
            "compliance.jurisdiction invalid_format",
        ),
        (
            json!({ "username": "x", "display_name": "A", "profile": { "display_name": "B" } }),
            "display_name not_allowed",
        ),
    ] {
        let refused = app.root().post(&users, body.clone()).expect(400).await;
        assert!(refused.refusal().1.contains(&field.to_owned()), "{body}: {refused}");
    }
}

#[tokio::test]
async fn a_password_is_kept_as_a_verifier_and_shown_nowhere() {
    let app = App::start(DRIVER).await;
    let users = format!("{}/users", app.issuer().await);
    let body = json!({ "username": "ada", "password": "correct horse battery" });
    let made = app.root().post(&users, body).expect(201).await;
    assert_eq!(made.data()["security"]["password_set"], true);
    assert_eq!(made.data()["security"]["password_changed_at"], app.now());
    assert_eq!(types(&app, &made.id()).await, ["user.created", "user.verifier.created"]);
    let events = app.events(&format!("user_id={}", made.id())).await;
    assert!(events[1]["subject"]["verifier_id"].as_str().unwrap().starts_with("vrf_"));
    assert_eq!(events[1]["data"], json!({ "verifier_type": "password" }));
    let shown = format!("{}{}", made.body, Value::from(events));
    assert!(!shown.contains("correct horse") && !shown.contains("argon2"), "{shown}");
    for (password, code) in [
        ("1234567".to_owned(), "too_short"),
        ("x".repeat(257), "too_long"),
        ("my name is BOB@example.com".to_owned(), "not_allowed"),
    ] {
        let body = json!({ "email": "bob@example.com", "password": password, "typo": 1 });
        let refused = app.root().post(&users, body).expect(400).await;
        assert_eq!(refused.refusal().1, [format!("password {code}"), "typo unknown_field".to_owned()]);
        assert!(!refused.body.to_string().contains(&password));
    }
    let user = format!("{users}/{}", made.id());
    let patched = app.root().patch(&user, json!({ "password": "another password" })).expect(400).await;
    assert_eq!(patched.refusal().1, ["password unknown_field"]);
}

#[tokio::test]
async fn a_username_exists_once_in_an_issuer_whatever_its_spelling() {
    let app = App::start(DRIVER).await;
    let (here, there) = (app.issuer().await, app.issuer().await);
    let ada = app.user(&here, "ada@example.com").await;
    app.user(&there, "ada@example.com").await;
    let other = app.user(&here, "bob@example.com").await;
    let again = app.root().post(&format!("{here}/users"), json!({ "email": "ADA@example.COM" })).expect(409).await;
    let taken = ("conflict".to_owned(), vec!["username not_unique".to_owned()]);
    assert_eq!(again.refusal(), taken);
    let user = format!("{here}/users/{other}");
    let renamed = app.root().patch(&user, json!({ "username": "Ada@example.com" })).expect(409).await;
    assert_eq!(renamed.refusal(), taken);
    app.root().delete(&format!("{here}/users/{ada}")).expect(204).await;
    app.root().patch(&user, json!({ "username": "ada@example.com" })).expect(409).await;
}

#[tokio::test]
async fn the_directory_shows_hashes_and_filters_by_status() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let users = format!("{issuer}/users");
    let (first, second) = (app.user(&issuer, "ada@example.com").await, app.user(&issuer, "bob@example.com").await);
    let page = app.root().get(&format!("{users}?limit=1")).expect(200).await;
    let item = &page.data()[0];
    assert_eq!((&item["id"], &item["user_id"]), (&json!(second), &json!(second)));
    assert_eq!((&item["store_id"], &item["region"]), (&json!("default"), &Value::Null));
    assert_eq!(item["username_hash"].as_str().unwrap().len(), 64);
    assert!(!page.body.to_string().contains("bob"));
    let next = page.body["next_cursor"].as_str().unwrap();
    let rest = app.root().get(&format!("{users}?limit=1&cursor={next}")).expect(200).await;
    assert_eq!((&rest.data()[0]["user_id"], &rest.body["has_more"]), (&json!(first), &json!(false)));
    app.root().patch(&format!("{users}/{first}"), json!({ "blocked": true })).expect(200).await;
    app.root().delete(&format!("{users}/{second}")).expect(204).await;
    for (status, expected) in [("blocked", vec![&first]), ("deleted", vec![&second]), ("active", vec![])] {
        let found = app.root().get(&format!("{users}?status={status}")).expect(200).await;
        let ids: Vec<_> = found.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{status}");
    }
    app.root().get(&format!("{users}?status=gone")).expect(400).await;
}

#[tokio::test]
async fn a_status_takes_the_steps_of_the_table_and_each_has_its_event() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let id = app.user(&issuer, "ada@example.com").await;
    let user = format!("{issuer}/users/{id}");
    for (body, from, to, event) in [
        (json!({ "status": "suspended", "status_reason": "Leave of absence" }), "active", "suspended", "user.updated"),
        (json!({ "status": "active" }), "suspended", "active", "user.updated"),
        (json!({ "blocked": true, "blocked_reason": "abuse" }), "active", "blocked", "user.blocked"),
        (json!({ "blocked": false }), "blocked", "active", "user.unblocked"),
        (json!({ "status": "disabled" }), "active", "disabled", "user.blocked"),
    ] {
        let after = app.root().patch(&user, body.clone()).expect(200).await;
        assert_eq!(after.data()["status"], to, "{body}");
        let (kind, data) = trail(&app, &id).await.pop().unwrap();
        assert_eq!((kind.as_str(), &data["status"]), (event, &json!({ "from": from, "to": to })));
        let reason = if to == "blocked" { json!("abuse") } else { Value::Null };
        assert_eq!(data["reason"], reason, "free text stays on the resource");
    }
    let before = trail(&app, &id).await.len();
    for status in ["active", "suspended", "blocked", "pending_approval"] {
        let refused = app.root().patch(&user, json!({ "status": status })).expect(409).await;
        assert_eq!(refused.body["error"], "conflict");
    }
    app.root().patch(&user, json!({ "status": "deleted" })).expect(400).await;
    let both = app.root().patch(&user, json!({ "status": "disabled", "blocked": true })).expect(400).await;
    assert_eq!(both.refusal().1, ["blocked not_allowed"]);
    app.root().patch(&user, json!({ "status": "disabled", "blocked": false })).expect(200).await;
    assert_eq!(trail(&app, &id).await.len(), before);
}

#[tokio::test]
async fn a_new_address_is_told_by_hashes_and_is_not_proven() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let body = json!({ "email": "ada@example.com", "profile": { "email_verified": true } });
    let made = app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let user = format!("{issuer}/users/{}", made.id());
    let same = app.root().patch(&user, json!({ "username": "Ada@example.com" })).expect(200).await;
    assert_eq!(same.data()["profile"]["email_verified"], true);
    assert_eq!(trail(&app, &made.id()).await[1], ("user.updated".to_owned(), json!({ "changes": ["username"] })));
    let moved = app.root().patch(&user, json!({ "email": "lovelace@example.com" })).expect(200).await;
    assert_eq!(moved.data()["username"], "lovelace@example.com");
    assert_eq!(moved.data()["profile"]["email_verified"], false);
    let events = trail(&app, &made.id()).await;
    let (kind, data) = &events[2];
    assert_eq!(kind, "user.email.changed");
    let listed = app.root().get(&format!("{issuer}/users")).expect(200).await;
    assert_eq!(data["new_hash"], listed.data()[0]["username_hash"]);
    assert_ne!(data["old_hash"], data["new_hash"]);
    assert_eq!(events[3], ("user.updated".to_owned(), json!({ "changes": ["profile"] })));
    let wrong = app.root().patch(&user, json!({ "username_type": "phone" })).expect(400).await;
    assert_eq!(wrong.refusal().1, ["username_type invalid_format"]);
}

#[tokio::test]
async fn an_address_in_the_profile_that_takes_the_place_of_another_is_told_as_that() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let made = app.root().post(&format!("{issuer}/users"), json!({ "email": "ada@example.com" })).expect(201).await;
    let user = format!("{issuer}/users/{}", made.id());
    let hash = async || {
        let listed = app.root().get(&format!("{issuer}/users")).expect(200).await;
        listed.data()[0]["username_hash"].clone()
    };
    let news = async |body: Value| {
        let before = trail(&app, &made.id()).await.len();
        app.root().patch(&user, body).expect(200).await;
        trail(&app, &made.id()).await.split_off(before)
    };
    let profile = ("user.updated".to_owned(), json!({ "changes": ["profile"] }));
    let first = hash().await;
    let set = news(json!({ "profile": { "email": "ada@work.example" } })).await;
    assert_eq!((set[0].0.as_str(), &set[0].1["old_hash"], set.len()), ("user.email.changed", &first, 2));
    assert_eq!(set[1], profile);
    let work = set[0].1["new_hash"].clone();
    assert!(work.is_string() && work != first, "{work}");
    assert_eq!(news(json!({ "profile": { "email": "Ada@Work.example" } })).await, [profile.clone()], "a spelling");
    // The name to sign in with is another; mail goes where it went.
    let named = news(json!({ "username": "lovelace@example.com" })).await;
    assert_eq!(named, [("user.updated".to_owned(), json!({ "changes": ["username"] }))]);
    let gone = news(json!({ "profile": { "email": null } })).await;
    let changed = json!({ "old_hash": work, "new_hash": hash().await });
    assert_eq!(gone, [("user.email.changed".to_owned(), changed), profile.clone()], "the username is in force again");
    let nobody = app.root().post(&format!("{issuer}/users"), json!({ "username": "grace" })).expect(201).await.id();
    let path = format!("{issuer}/users/{nobody}");
    app.root().patch(&path, json!({ "profile": { "email": "grace@example.com" } })).expect(200).await;
    let told = trail(&app, &nobody).await;
    assert_eq!((told[1].0.as_str(), &told[1].1["old_hash"]), ("user.email.changed", &Value::Null));
    app.root().patch(&path, json!({ "profile": { "email": null } })).expect(200).await;
    assert_eq!(trail(&app, &nobody).await[3..], [profile], "no address is in force");
}

#[tokio::test]
async fn a_fetched_user_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let id = app.user(&issuer, "ada@example.com").await;
    let user = format!("{issuer}/users/{id}");
    let fetched = app.root().get(&user).expect(200).await;
    app.advance(Duration::from_secs(1));
    let same = app.root().patch(&user, fetched.data().clone()).expect(200).await;
    assert_eq!(same.data(), fetched.data());
    assert_eq!(same.header("etag"), fetched.header("etag"));
    assert_eq!(types(&app, &id).await, ["user.created"]);
    app.root().patch(&user, json!({ "metadata": { "a": 1 } })).header("if-match", "\"1\"").expect(412).await;
    let null = app.root().patch(&user, json!({ "status": null, "profile": null })).expect(400).await;
    assert_eq!(null.refusal().1, ["profile invalid_type", "status invalid_type"]);
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_its_event_counts_what_goes_with_it() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let organization = app.organization(&issuer).await;
    let body = json!({ "username": "ada", "password": "correct horse battery" });
    let made = app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let member = json!({ "member_id": made.id(), "scopes": ["a:read"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let user = format!("{issuer}/users/{}", made.id());
    app.root().delete(&user).header("if-match", "\"1\"").expect(412).await;
    app.root().delete(&user).expect(204).await;
    app.root().get(&user).expect(404).await;
    app.root().patch(&user, json!({})).expect(404).await;
    app.root().delete(&user).expect(404).await;
    let (kind, data) = trail(&app, &made.id()).await.pop().unwrap();
    let cascade = json!({
        "memberships": 1, "verifiers": 1, "devices": 0, "delegations": 0, "sessions": 0, "personal_tokens": 0,
    });
    assert_eq!((kind.as_str(), data), ("user.deleted", json!({ "cascade": cascade })));
}

#[tokio::test]
async fn an_issuer_says_how_short_a_password_may_be() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let users = format!("{issuer}/users");
    let make = |name: &str, length: usize| {
        let body = json!({ "username": name, "password": PHRASE[..length] });
        app.root().post(&users, body).send()
    };
    let refused = make("by-default", 9).await;
    assert_eq!((refused.status.as_u16(), refused.refusal().1), (400, vec!["password too_short".to_owned()]));
    assert_eq!(make("by-default", 10).await.status, 201);
    for (minimum, length, status) in [(8, 8, 201), (8, 7, 400), (64, 63, 400), (64, 64, 201)] {
        let settings = json!({ "settings": { "security": { "password": { "min_length": minimum } } } });
        app.root().patch(&issuer, settings).expect(200).await;
        assert_eq!(make(&format!("of-{minimum}-{length}"), length).await.status, status, "{minimum} {length}");
    }
}
