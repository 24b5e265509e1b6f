//! Keys as they are found and listed.

use serde_json::json;
use tests::App;

use super::{DAY, DRIVER, MINUTE, body, holder, made, of_tenant, path, refused};

#[tokio::test]
async fn a_key_of_a_tenant_speaks_for_its_organization_and_for_no_account() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let org_id = organization.rsplit('/').next().unwrap();
    assert_eq!(key.data()["org_id"], org_id);
    assert!(organization.contains(&key.text("issuer_id")));
    let me = holder(&app, &key).get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"], json!([]));
    assert_eq!(me.data()["organizations"], json!([{ "org_id": org_id, "scopes": ["reports:read"] }]));
    let events = app.events("event_types=api-key.verified").await;
    assert_eq!(events[0]["data"], json!({ "surface": "me", "scopes": ["reports:read"] }));
    assert_eq!(events[0]["subject"]["org_id"], org_id);
    assert_eq!(holder(&app, &key).get("/v1/accounts").expect(200).await.data(), &json!([]));
    let closed = holder(&app, &key).get(&app.path("/issuers")).expect(403).await;
    assert_eq!(closed.refusal().0, "access_denied");
    // A body without restrictions is enough for a tenant, and not for an account.
    let bare = json!({ "name": "bare" });
    let of_tenant = app.root().post(&format!("{organization}/api-keys"), bare.clone()).expect(201).await;
    assert_eq!(of_tenant.data()["restrictions"], json!({ "scopes": [], "ip_allowlist": [] }));
    let of_account = app.root().post(&app.path("/api-keys"), bare).expect(400).await;
    assert_eq!(of_account.refusal().1, ["restrictions required"]);
}

#[tokio::test]
async fn by_id_routes_serve_the_keys_of_tenants_and_lists_keep_them_apart() {
    let app = App::start(DRIVER).await;
    let (organization, key) = of_tenant(&app, &["reports:read"]).await;
    let path = path(&app, &key);
    let ids = async |list: String| -> Vec<String> {
        let page = app.root().get(&list).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(format!("{organization}/api-keys")).await, [key.id()]);
    assert_eq!(ids(app.path("/api-keys")).await, [app.key.0.clone()]);
    app.root().get(&path).expect(200).await;
    app.root().patch(&path, json!({ "name": "renamed" })).expect(200).await;
    app.root().act(&format!("{path}/block")).expect(200).await;
    app.root().act(&format!("{path}/unblock")).expect(200).await;
    app.root().act(&format!("{path}/rotate")).expect(200).await;
    app.root().act(&format!("{path}/revoke")).expect(200).await;
    app.root().delete(&path).expect(204).await;
    let gone: Vec<_> = ["", "/block", "/unblock", "/revoke", "/rotate"]
        .iter()
        .map(
            |action| if action.is_empty() { app.root().get(&path) } else { app.root().act(&format!("{path}{action}")) },
        )
        .collect();
    for call in gone {
        assert_eq!(call.expect(404).await.refusal().0, "not_found");
    }
    refused(&holder(&app, &key)).await;
    assert_eq!(ids(format!("{organization}/api-keys")).await, [""; 0]);
    let query = "event_types=api-key.created,api-key.updated,api-key.blocked,api-key.unblocked,api-key.deleted";
    let events = app.events(query).await;
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event["subject"]["key_id"] == key.id())
        .map(|event| (event["type"].as_str().unwrap(), event["data"]["action"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        seen,
        [
            ("api-key.created", ""),
            ("api-key.updated", "updated"),
            ("api-key.blocked", ""),
            ("api-key.unblocked", ""),
            ("api-key.updated", "rotated"),
            ("api-key.updated", "revoked"),
            ("api-key.deleted", ""),
        ]
    );
}

#[tokio::test]
async fn list_items_are_flat_and_filters_choose_among_them() {
    let app = App::start(DRIVER).await;
    let more = json!({
        "name": "Ärzte", "description": "d", "tags": ["Ci"], "expires_at": app.now() + 20 * 86_400_000_i64,
        "restrictions": { "scopes": ["issuers:read"], "ip_allowlist": ["10.0.0.0/8"] },
    });
    app.advance(MINUTE);
    let scoped = made(&app, more).await;
    app.advance(MINUTE);
    let none = made(&app, body("nothing", &[])).await;
    app.advance(MINUTE);
    let full = made(&app, body("everything", &["*:**"])).await;
    let ids = async |query: &str| -> Vec<String> {
        let page = app.root().get(&app.path(&format!("/api-keys?{query}"))).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let page = app.root().get(&app.path("/api-keys?q=%C3%A4RZTE")).expect(200).await;
    assert_eq!(
        page.data(),
        &json!([{
            "id": scoped.id(), "org_id": app.account.replace("acc_", "org_"), "issuer_id": scoped.text("issuer_id"),
            "type": "api_key", "status": "active", "status_at": null, "name": "Ärzte", "description": "d",
            "tags": ["Ci"], "scopes": ["issuers:read"], "ip_allowlist": ["10.0.0.0/8"],
            "expires_at": scoped.data()["expires_at"], "secret_hint": scoped.data()["secret"]["hint"],
            "last_rotated_at": null, "created_at": scoped.data()["created_at"], "updated_at": scoped.data()["updated_at"],
        }])
    );
    assert_eq!(ids("").await, [full.id(), none.id(), scoped.id(), app.key.0.clone()]);
    assert_eq!(ids("q=cI").await, [scoped.id()]);
    assert_eq!(ids(&format!("q={}", none.id().to_uppercase())).await, [none.id()]);
    assert_eq!(ids("access=full").await, [full.id(), app.key.0.clone()]);
    assert_eq!(ids("access=scoped").await, [scoped.id()]);
    assert_eq!(ids("access=none").await, [none.id()]);
    assert_eq!(ids("readiness=attention").await, [none.id()]);
    assert_eq!(ids("readiness=ready").await, [full.id(), scoped.id(), app.key.0.clone()]);
    app.advance(DAY * 6);
    assert_eq!(ids("readiness=attention").await, [none.id(), scoped.id()]);
    app.root().act(&format!("{}/block", path(&app, &none))).expect(200).await;
    app.root().act(&format!("{}/revoke", path(&app, &full))).expect(200).await;
    app.advance(DAY * 14);
    assert_eq!(ids("status=active").await, [app.key.0.clone()]);
    assert_eq!(ids("status=blocked").await, [none.id()]);
    assert_eq!(ids("status=revoked").await, [full.id()]);
    assert_eq!(ids("status=expired").await, [scoped.id()]);
    assert_eq!(ids("readiness=inactive").await, [full.id(), none.id(), scoped.id()]);
    assert_eq!(ids("limit=1").await, [full.id()]);
    assert_eq!(ids(&format!("limit=2&cursor={}", full.id())).await, [none.id(), scoped.id()]);
    let refused = app.root().get(&app.path("/api-keys?status=gone&access=x&readiness=x&limit=0")).expect(400).await;
    let enums = ["access", "limit", "readiness", "status"];
    let fields: Vec<_> = refused.refusal().1.iter().map(|field| field.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(fields, enums);
}

#[tokio::test]
async fn a_fetched_key_or_list_item_can_be_sent_back_and_changes_nothing() {
    let app = App::start(DRIVER).await;
    let key = made(&app, body("k", &["a:read"])).await;
    let path = path(&app, &key);
    let fetched = app.root().get(&path).expect(200).await;
    let item = app.root().get(&app.path(&format!("/api-keys?q={}", key.id()))).expect(200).await.data()[0].clone();
    let events = app.event_types("").await.len();
    app.advance(MINUTE);
    for body in [fetched.data().clone(), key.data().clone(), item, json!({})] {
        let same = app.root().patch(&path, body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
    let changes = json!({ "tags": ["x"], "description": "d", "metadata": { "a": 1 } });
    let changed = app.root().patch(&path, changes).header("if-match", fetched.header("etag")).expect(200).await;
    assert_eq!((&changed.data()["tags"], &changed.data()["updated_at"]), (&json!(["x"]), &json!(app.now())));
    let event = &app.events("event_types=api-key.updated").await[0];
    assert_eq!(event["data"], json!({ "action": "updated", "changes": ["description", "metadata", "tags"] }));
}
