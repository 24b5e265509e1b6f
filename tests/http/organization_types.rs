//! Types of organizations, and definitions of custom fields.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

struct Ground {
    app: App,
    issuer: String,
    organizations: String,
    users: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let (organizations, users) = (format!("{issuer}/organizations"), format!("{issuer}/users"));
        Self { app, issuer, organizations, users }
    }

    async fn settings(&self, settings: Value) -> Reply {
        self.app.root().patch(&self.issuer, json!({ "settings": settings })).expect(200).await
    }

    async fn refused(&self, settings: Value, status: u16) -> (String, Vec<String>) {
        self.app.root().patch(&self.issuer, json!({ "settings": settings })).expect(status).await.refusal()
    }

    async fn make(&self, body: Value) -> Reply {
        self.app.root().post(&self.organizations, body).expect(201).await
    }

    fn one(&self, made: &Reply) -> String {
        format!("{}/{}", self.organizations, made.id())
    }
}

#[tokio::test]
async fn a_new_issuer_has_the_documented_types_and_all_but_the_default_one_can_go() {
    let ground = Ground::new().await;
    let issuer = ground.app.root().get(&ground.issuer).expect(200).await;
    let settings = &issuer.data()["settings"];
    let types = settings["organizations"]["types"].as_object().unwrap();
    let names = ["agency", "business", "charity", "default", "government", "nonprofit", "public_sector"];
    assert_eq!(types.keys().collect::<Vec<_>>(), names);
    assert_eq!(
        types["default"],
        json!({
            "label": null, "description": null, "default_role": null, "default_member_scopes": [], "max_members": null,
            "scopes": [], "security": { "mfa_required": false }, "invitation_enabled": true, "invitation_message": null,
            "invitations": { "require_approval": null, "ttl_seconds": null }, "custom_fields": {},
        })
    );
    assert_eq!(
        (&settings["users"], &settings["organizations"]["custom_fields"]),
        (&json!({ "custom_fields": {} }), &json!({}))
    );
    let same = ground.app.root().patch(&ground.issuer, issuer.data().clone()).expect(200).await;
    assert_eq!(same.header("etag"), issuer.header("etag"), "what was read can be sent back");
    let without = ground.settings(json!({ "organizations": { "types": { "charity": null } } })).await;
    assert!(without.data()["settings"]["organizations"]["types"].get("charity").is_none());
    let refused = ground.refused(json!({ "organizations": { "types": { "default": null } } }), 400).await;
    assert_eq!(refused.1, ["settings.organizations.types.default not_allowed"]);
}

#[tokio::test]
async fn an_organization_begins_with_the_defaults_of_its_type() {
    let ground = Ground::new().await;
    let club = json!({
        "default_member_scopes": ["club:read"], "max_members": 2, "scopes": ["club:*"], "invitation_enabled": false,
        "security": { "mfa_required": true }, "invitation_message": "Come in",
    });
    let by_default = json!({ "max_members": 5 });
    ground.settings(json!({ "organizations": { "types": { "club": club, "default": by_default } } })).await;
    let made = ground.make(json!({ "name": "Chess", "type": "club" })).await;
    let shown = |reply: &Reply| {
        let data = reply.data();
        json!([
            data["org_type"],
            data["default_member_scopes"],
            data["max_members"],
            data["scopes"],
            data["invitation_enabled"],
            data["security"]["mfa_required"],
            data["invitation_message"],
        ])
    };
    assert_eq!(shown(&made), json!(["club", ["club:read"], 2, ["club:*"], false, true, "Come in"]));
    let own = json!({ "name": "Go", "org_type": "club", "max_members": null, "scopes": [], "security": {} });
    assert_eq!(shown(&ground.make(own).await), json!(["club", ["club:read"], null, [], false, true, "Come in"]));
    assert_eq!(ground.make(json!({ "name": "x" })).await.data()["max_members"], 5);
    let refused = ground.app.root().post(&ground.organizations, json!({ "name": "x", "org_type": "guild" }));
    assert_eq!(refused.expect(400).await.refusal().1, ["org_type unknown_reference"]);
    // A type that changes later changes nothing that was copied.
    ground.settings(json!({ "organizations": { "types": { "club": { "max_members": 9 } } } })).await;
    assert_eq!(ground.app.root().get(&ground.one(&made)).expect(200).await.data()["max_members"], 2);
    let moved = ground.app.root().patch(&ground.one(&made), json!({ "org_type": "agency" })).expect(200).await;
    assert_eq!(shown(&moved), json!(["agency", ["club:read"], 2, ["club:*"], false, true, "Come in"]));
    let refused = ground.app.root().patch(&ground.one(&made), json!({ "type": "guild" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["org_type unknown_reference"]);
}

#[tokio::test]
async fn the_default_role_of_a_type_is_for_members_without_scopes_and_roles() {
    let ground = Ground::new().await;
    let types = json!({ "club": { "default_role": "editor", "default_member_scopes": ["club:read"] } });
    let refused = ground.refused(json!({ "organizations": { "types": types } }), 400).await;
    assert_eq!(refused.1, ["settings.organizations.types.club.default_role unknown_reference"]);
    let roles = json!({ "editor": { "scopes": ["docs:write"] } });
    ground.settings(json!({ "roles": roles, "organizations": { "types": types } })).await;
    let made = ground.make(json!({ "name": "Chess", "type": "club" })).await;
    let members = format!("{}/members", ground.one(&made));
    let mut added = Vec::new();
    for (name, mut body) in
        [("ann", json!({})), ("bob", json!({ "scopes": ["a:read"] })), ("eve", json!({ "role": "member" }))]
    {
        body["member_id"] = json!(ground.app.user(&ground.issuer, &format!("{name}@example.com")).await);
        let member = ground.app.root().post(&members, body).expect(201).await;
        added.push(json!([member.data()["scopes"], member.data()["roles"]]));
    }
    assert_eq!(added, [json!([["club:read"], ["editor"]]), json!([["a:read"], []]), json!([[], ["member"]])]);
    let refused = ground.refused(json!({ "roles": { "editor": null } }), 400).await;
    assert_eq!(refused.1, ["settings.organizations.types.club.default_role unknown_reference"]);
}

#[tokio::test]
async fn a_type_that_an_organization_uses_stays() {
    let ground = Ground::new().await;
    ground.settings(json!({ "organizations": { "types": { "club": {} } } })).await;
    let made = ground.make(json!({ "name": "Chess", "type": "club" })).await;
    let remove = json!({ "organizations": { "types": { "club": null } } });
    assert_eq!(ground.refused(remove.clone(), 409).await, ("conflict".to_owned(), Vec::new()));
    ground.app.root().delete(&ground.one(&made)).expect(204).await;
    ground.settings(remove).await;
    assert_eq!(ground.refused(json!({ "organizations": { "types": { "a b": {} } } }), 400).await.1.len(), 1);
    let many: serde_json::Map<_, _> = (0..50).map(|number| (format!("t{number}"), json!({}))).collect();
    let refused = ground.refused(json!({ "organizations": { "types": many } }), 400).await;
    assert_eq!(refused.1, ["settings.organizations.types too_many"]);
}

#[tokio::test]
async fn a_type_does_not_go_while_an_organization_comes_to_use_it() {
    let ground = Ground::new().await;
    for round in 0..4 {
        let name = format!("club-{round}");
        let types = |value: Value| json!({ "settings": { "organizations": { "types": { name.clone(): value } } } });
        ground.app.root().patch(&ground.issuer, types(json!({}))).expect(200).await;
        let removal = ground.app.root().patch(&ground.issuer, types(Value::Null)).send();
        let making =
            (0..4).map(|_| ground.app.root().post(&ground.organizations, json!({ "name": "x", "type": name })).send());
        let (removed, made) = futures_util::future::join(removal, join_all(making)).await;
        let made = made.iter().filter(|reply| reply.status.as_u16() == 201).count();
        assert!(
            (removed.status.as_u16() == 200 && made == 0) || (removed.status.as_u16() == 409 && made > 0),
            "{made} made, and {removed}"
        );
    }
}

#[tokio::test]
async fn custom_fields_of_organizations_follow_the_issuer_and_their_type() {
    let ground = Ground::new().await;
    let fields = json!({ "size": { "type": "number", "min": 1, "required": true }, "tier": { "type": "string" } });
    let of_type = json!({ "tier": { "type": "enum", "values": ["gold", "silver"], "default": "silver" } });
    let types = json!({ "club": { "custom_fields": of_type } });
    ground.settings(json!({ "organizations": { "types": types, "custom_fields": fields } })).await;
    let root = ground.app.root();
    for (body, expected) in [
        (json!({ "name": "x" }), vec!["custom_fields.size required"]),
        (
            json!({ "name": "x", "custom_fields": { "size": 0, "tier": 1 } }),
            vec!["custom_fields.size too_small", "custom_fields.tier invalid_type"],
        ),
        (
            json!({ "name": "x", "type": "club", "custom_fields": { "size": 1, "tier": "tin" } }),
            vec!["custom_fields.tier invalid_enum_value"],
        ),
    ] {
        let refused = root.post(&ground.organizations, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, expected, "{body}");
    }
    let made = ground.make(json!({ "name": "x", "type": "club", "custom_fields": { "size": 3, "own": "free" } })).await;
    assert_eq!(made.data()["custom_fields"], json!({ "size": 3, "own": "free", "tier": "silver" }));
    let one = ground.one(&made);
    for (patch, expected) in [
        (json!({ "custom_fields": { "size": null } }), "custom_fields.size required"),
        (json!({ "custom_fields": { "tier": "tin" } }), "custom_fields.tier invalid_enum_value"),
        (json!({ "custom_fields": { "size": "3" } }), "custom_fields.size invalid_type"),
    ] {
        assert_eq!(root.patch(&one, patch).expect(400).await.refusal().1, [expected]);
    }
    root.patch(&one, json!({ "custom_fields": { "tier": "gold", "own": null } })).expect(200).await;
    // Another type has other fields: all of them must fit.
    let strict = json!({ "strict": { "custom_fields": { "tier": { "type": "date" }, "since": { "type": "date", "required": true } } } });
    ground.settings(json!({ "organizations": { "types": strict } })).await;
    let refused = root.patch(&one, json!({ "type": "strict" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["custom_fields.since required", "custom_fields.tier invalid_format"]);
    let fitting = json!({ "type": "strict", "custom_fields": { "tier": null, "since": "2024-02-29" } });
    root.patch(&one, fitting).expect(200).await;
    // What was stored before there was a definition is left alone.
    ground
        .settings(
            json!({ "organizations": { "custom_fields": { "founder": { "type": "string", "required": true } } } }),
        )
        .await;
    root.patch(&one, json!({ "name": "y" })).expect(200).await;
    let refused = root.patch(&one, json!({ "custom_fields": { "size": 4 } })).expect(400).await;
    assert_eq!(refused.refusal().1, ["custom_fields.founder required"]);
}

#[tokio::test]
async fn custom_fields_of_users_follow_the_issuer() {
    let ground = Ground::new().await;
    let fields = json!({
        "team": { "type": "string", "max_length": 5, "required": true, "claim": true, "visibility": "editable" },
        "plan": { "type": "enum", "values": ["free", "paid"], "default": "free" },
    });
    ground.settings(json!({ "users": { "custom_fields": fields } })).await;
    let root = ground.app.root();
    let refused = root.post(&ground.users, json!({ "email": "a@example.com" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["custom_fields.team required"]);
    let body = json!({ "email": "a@example.com", "custom_fields": { "team": "x-ray-team" } });
    assert_eq!(root.post(&ground.users, body).expect(400).await.refusal().1, ["custom_fields.team too_long"]);
    let body = json!({ "email": "a@example.com", "custom_fields": { "team": "core" } });
    let user = root.post(&ground.users, body).expect(201).await;
    assert_eq!(user.data()["custom_fields"], json!({ "team": "core", "plan": "free" }));
    let one = format!("{}/{}", ground.users, user.id());
    let refused = root.patch(&one, json!({ "custom_fields": { "plan": "gold", "team": null } })).expect(400).await;
    assert_eq!(refused.refusal().1, ["custom_fields.plan invalid_enum_value", "custom_fields.team required"]);
    root.patch(&one, json!({ "custom_fields": { "plan": "paid", "free": 7 } })).expect(200).await;
    root.patch(&one, json!({ "profile": { "first_name": "Ann" } })).expect(200).await;
    // Without its definition a value is a free one.
    ground.settings(json!({ "users": { "custom_fields": { "plan": null, "team": null } } })).await;
    let freed = root.patch(&one, json!({ "custom_fields": { "plan": true, "team": null } })).expect(200).await;
    assert_eq!(freed.data()["custom_fields"], json!({ "plan": true, "free": 7 }));
}

#[tokio::test]
async fn definitions_are_checked_and_keep_their_type() {
    let ground = Ground::new().await;
    ground.settings(json!({ "users": { "custom_fields": { "team": { "type": "string" } } } })).await;
    let path = "settings.users.custom_fields";
    for (fields, expected) in [
        (json!({ "team": { "type": "number" } }), vec!["team.type immutable"]),
        (json!({ "x": {} }), vec!["x.type required"]),
        (json!({ "x": { "type": "text" } }), vec!["x.type invalid_enum_value"]),
        (json!({ "x": { "type": "enum" } }), vec!["x.values required"]),
        (json!({ "x": { "type": "string", "typo": 1 } }), vec!["x.typo unknown_field"]),
        (json!({ "X": { "type": "string" } }), vec!["X invalid_format"]),
        (json!({ "email": { "type": "string", "claim": true } }), vec!["email.claim not_allowed"]),
        (json!({ "x": { "type": "string", "claim": true, "visibility": "admin" } }), vec!["x.claim not_allowed"]),
        (json!({ "x": { "type": "number", "default": "1" } }), vec!["x.default invalid_type"]),
    ] {
        let refused = ground.refused(json!({ "users": { "custom_fields": fields } }), 400).await;
        let expected: Vec<_> = expected.iter().map(|rest| format!("{path}.{rest}")).collect();
        assert_eq!(refused.1, expected, "{fields}");
    }
    let many: serde_json::Map<_, _> =
        (0..100).map(|number| (format!("f{number}"), json!({ "type": "string" }))).collect();
    assert_eq!(
        ground.refused(json!({ "users": { "custom_fields": many } }), 400).await.1,
        [format!("{path} too_many")]
    );
    // Gone and come back is another definition.
    ground.settings(json!({ "users": { "custom_fields": { "team": null } } })).await;
    ground.settings(json!({ "users": { "custom_fields": { "team": { "type": "number" } } } })).await;
}
