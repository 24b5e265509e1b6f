//! What is told about tokens and keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DAY, Ground, inactive};

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
