//! Tokens are made, listed and changed.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{DAY, Ground};

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
