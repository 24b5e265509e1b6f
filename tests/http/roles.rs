//! Roles of issuers and organizations, and groups of members.

use std::time::Duration;

use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An organization, and its members by name.
struct Ground {
    app: App,
    issuer: String,
    organization: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let organizations = format!("{issuer}/organizations");
        let made = app.root().post(&organizations, organization).expect(201).await;
        Self { app, organization: format!("{organizations}/{}", made.id()), issuer }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    fn members(&self) -> String {
        format!("{}/members", self.organization)
    }

    fn groups(&self) -> String {
        format!("{}/groups", self.organization)
    }

    async fn group(&self, body: Value) -> String {
        self.app.root().post(&self.groups(), body).expect(201).await.id()
    }

    async fn settings(&self, settings: Value) -> Reply {
        self.app.root().patch(&self.issuer, json!({ "settings": settings })).expect(200).await
    }

    async fn body_of(&self, name: &str, mut body: Value) -> Value {
        body["member_id"] = json!(self.app.user(&self.issuer, &format!("{name}@example.com")).await);
        body
    }

    async fn add(&self, name: &str, body: Value) -> Reply {
        let body = self.body_of(name, body).await;
        self.app.root().post(&self.members(), body).expect(201).await
    }

    fn one(&self, member: &Reply) -> String {
        format!("{}/{}", self.members(), member.text("member_id"))
    }

    async fn groups_shown(&self) -> Vec<Value> {
        let page = self.app.root().get(&self.groups()).expect(200).await;
        page.data().as_array().unwrap().iter().rev().cloned().collect()
    }

    async fn holders(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.members())).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["member_id"].as_str().unwrap().to_owned()).collect()
    }

    async fn work(&self) {
        for _ in 0..3 {
            worker::run_once(self.app.authpi.services()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_issuers_role_becomes_a_group_at_its_first_assignment_and_never_again() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let ann = ground.add("ann", json!({ "role": "member" })).await;
    let groups = ground.groups_shown().await;
    assert_eq!(groups.len(), 1);
    let group = &groups[0];
    assert_eq!(
        (&group["name"], &group["role"], &group["scopes"]),
        (&json!("member"), &json!("member"), &json!(["member"]))
    );
    assert_eq!(
        (&ann.data()["scopes"], &ann.data()["groups"], &ann.data()["roles"]),
        (&json!([]), &json!([group["id"]]), &json!(["member"]))
    );
    let bob = ground.add("bob", json!({ "roles": ["Member", "admin"], "scopes": ["a:read"] })).await;
    assert_eq!((&bob.data()["roles"], &bob.data()["scopes"]), (&json!(["member", "admin"]), &json!(["a:read"])));
    let events = app.events("event_types=organization.group.created,organization.membership.created").await;
    let told: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"].clone())).collect();
    let group_event = |name: &str| ("organization.group.created", json!({ "name": name, "scopes": [name] }));
    let member_event = |scopes: Value, member: &Reply| {
        let data = json!({ "scopes": scopes, "groups": member.data()["groups"], "origin": "direct" });
        ("organization.membership.created", data)
    };
    let expected = [
        group_event("member"),
        member_event(json!([]), &ann),
        group_event("admin"),
        member_event(json!(["a:read"]), &bob),
    ];
    assert_eq!(told, expected);
    assert_eq!(app.root().get(&ground.organization).expect(200).await.data()["stats"]["n_groups"], 2);
}

#[tokio::test]
async fn sixteen_assignments_of_one_role_at_once_make_one_group() {
    let ground = Ground::plain().await;
    let mut bodies = Vec::new();
    for number in 0..16 {
        bodies.push(ground.body_of(&format!("user-{number}"), json!({ "role": "member" })).await);
    }
    let replies = join_all(bodies.into_iter().map(|body| ground.app.root().post(&ground.members(), body).send())).await;
    assert!(replies.iter().all(|reply| reply.status.as_u16() == 201), "{}", replies[0]);
    let groups = ground.groups_shown().await;
    assert_eq!(groups.len(), 1);
    assert!(replies.iter().all(|reply| reply.data()["groups"] == json!([groups[0]["id"]])));
    assert_eq!(ground.app.events("event_types=organization.group.created").await.len(), 1);
}

#[tokio::test]
async fn a_group_of_the_organization_goes_before_the_issuers_role() {
    let ground = Ground::plain().await;
    let own = ground.group(json!({ "name": "Admin", "scopes": ["own:*"] })).await;
    let ann = ground.add("ann", json!({ "role": "admin" })).await;
    assert_eq!((&ann.data()["groups"], &ann.data()["roles"]), (&json!([own]), &json!(["Admin"])));
    let body = ground.body_of("bob", json!({ "roles": ["member", "nobody", "also nobody"] })).await;
    let refused = ground.app.root().post(&ground.members(), body).expect(400).await;
    assert_eq!(refused.refusal().1, ["roles.1 unknown_reference", "roles.2 unknown_reference"]);
    assert_eq!(ground.groups_shown().await.len(), 1, "a refused addition makes no group");
    let body = ground.body_of("eve", json!({ "role": "nobody" })).await;
    let refused = ground.app.root().post(&ground.members(), body).expect(400).await;
    assert_eq!(refused.refusal().1, ["role unknown_reference"]);
}

#[tokio::test]
async fn groups_and_roles_of_a_member_change_by_patch() {
    let ground = Ground::plain().await;
    let root = ground.app.root();
    let editors = ground.group(json!({ "name": "editors", "scopes": ["docs:write"] })).await;
    let viewers = ground.group(json!({ "name": "viewers", "scopes": ["docs:read"] })).await;
    let ann = ground.add("ann", json!({ "groups": [viewers, editors, viewers] })).await;
    assert_eq!(ann.data()["groups"], json!([editors, viewers]));
    let one = ground.one(&ann);
    let same = root.patch(&one, json!({ "groups": [viewers, editors] })).expect(200).await;
    assert_eq!(same.header("etag"), ann.header("etag"), "the order says nothing");
    let fetched = root.patch(&one, ann.data().clone()).expect(200).await;
    assert_eq!(fetched.header("etag"), ann.header("etag"), "groups and roles say the same");
    let changed = root.patch(&one, json!({ "roles": ["viewers", "member"] })).expect(200).await;
    assert_eq!(changed.data()["roles"], json!(["viewers", "member"]));
    let event = &ground.app.events("event_types=organization.membership.updated").await[0];
    assert_eq!(event["data"], json!({ "changes": ["groups"], "scopes": [] }));
    let changed = root.patch(&one, json!({ "role": "editors" })).expect(200).await;
    assert_eq!(changed.data()["groups"], json!([editors]));
    for (patch, field) in [
        (json!({ "groups": [] }), "scopes required"),
        (json!({ "roles": [] }), "scopes required"),
        (json!({ "groups": [editors], "role": "viewers" }), "groups not_allowed"),
        (json!({ "role": "viewers", "roles": ["viewers"] }), "role not_allowed"),
        (json!({ "groups": ["grp_0000000000000000000000001"] }), "groups.0 unknown_reference"),
    ] {
        assert_eq!(root.patch(&one, patch.clone()).expect(400).await.refusal().1, [field], "{patch}");
    }
    let changed = root.patch(&one, json!({ "groups": [], "scopes": ["a:read"] })).expect(200).await;
    assert_eq!((&changed.data()["groups"], &changed.data()["roles"]), (&json!([]), &json!([])));
    let other = ground.app.organization(&ground.issuer).await;
    let foreign = root.post(&format!("{other}/groups"), json!({ "name": "x" })).expect(201).await.id();
    let refused = root.patch(&one, json!({ "groups": [foreign] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["groups.0 unknown_reference"], "groups of another organization");
}

#[tokio::test]
async fn members_are_found_by_a_scope_that_they_hold_directly_through_a_group_or_a_role() {
    let ground = Ground::plain().await;
    ground.settings(json!({ "roles": { "editor": { "scopes": ["docs:write"] } } })).await;
    let writers = ground.group(json!({ "name": "writers", "scopes": ["docs:write", "docs:read"] })).await;
    let mut found = Vec::new();
    for (name, body) in [
        ("direct", json!({ "scopes": ["docs:write"] })),
        ("group", json!({ "groups": [writers] })),
        ("role", json!({ "role": "editor" })),
        ("all", json!({ "scopes": ["docs:write"], "groups": [writers], "role": "editor" })),
        ("none", json!({ "scopes": ["docs:*"] })),
    ] {
        ground.app.advance(Duration::from_secs(1));
        found.insert(0, ground.add(name, body).await.text("member_id"));
    }
    assert_eq!(ground.holders("scope=docs:write").await, found[1..]);
    assert_eq!(ground.holders("scope=docs:read").await, [found[1].clone(), found[3].clone()]);
    assert_eq!(ground.holders("scope=docs:write&status=suspended").await, Vec::<String>::new());
    // A change of the role reaches everybody at once.
    ground.settings(json!({ "roles": { "editor": { "scopes": ["other:write"] } } })).await;
    assert_eq!(ground.holders("scope=other:write").await, found[1..3]);
    assert_eq!(ground.holders("scope=docs:write").await, [found[1].clone(), found[3].clone(), found[4].clone()]);
}

#[tokio::test]
async fn a_role_group_shows_what_the_role_says_now_until_it_has_scopes_of_its_own() {
    let ground = Ground::plain().await;
    let root = ground.app.root();
    ground.settings(json!({ "roles": { "editor": { "label": "Editor", "scopes": ["docs:write"] } } })).await;
    ground.add("ann", json!({ "role": "editor" })).await;
    let group = ground.groups_shown().await.remove(0);
    let one = format!("{}/{}", ground.groups(), group["id"].as_str().unwrap());
    let before = root.get(&one).expect(200).await;
    ground.app.advance(Duration::from_secs(5));
    ground.settings(json!({ "roles": { "editor": { "scopes": ["docs:write", "docs:read"] } } })).await;
    let after = root.get(&one).expect(200).await;
    assert_eq!(after.data()["scopes"], json!(["docs:write", "docs:read"]));
    assert_eq!(after.data()["updated_at"], ground.app.now(), "as new as the role");
    root.patch(&one, json!({ "description": "x" })).header("if-match", before.header("etag")).expect(412).await;
    ground.settings(json!({ "roles": { "editor": { "label": "Writer" } } })).await;
    assert_eq!(root.get(&one).expect(200).await.header("etag"), after.header("etag"), "a label is no scope");
    let described = json!({ "description": "x", "scopes": ["docs:write", "docs:read"] });
    let described = root.patch(&one, described).header("if-match", after.header("etag")).expect(200).await;
    assert_eq!(described.data()["role"], "editor", "the same scopes detach nothing");
    let detached = root.patch(&one, json!({ "scopes": ["docs:read"] })).expect(200).await;
    assert_eq!((&detached.data()["role"], &detached.data()["scopes"]), (&Value::Null, &json!(["docs:read"])));
    let event = &ground.app.events("event_types=organization.group.updated").await[1];
    assert_eq!(event["data"], json!({ "changes": ["role", "scopes"], "scopes": ["docs:read"] }));
    ground.settings(json!({ "roles": { "editor": { "scopes": ["docs:**"] } } })).await;
    assert_eq!(root.get(&one).expect(200).await.data()["scopes"], json!(["docs:read"]));
    let bob = ground.add("bob", json!({ "role": "editor" })).await;
    assert_eq!(bob.data()["groups"], json!([group["id"]]), "the organization has its own version now");
}

#[tokio::test]
async fn a_renamed_role_group_still_carries_out_its_role() {
    let ground = Ground::plain().await;
    ground.add("ann", json!({ "role": "member" })).await;
    let group = ground.groups_shown().await.remove(0);
    let one = format!("{}/{}", ground.groups(), group["id"].as_str().unwrap());
    ground.app.root().patch(&one, json!({ "name": "Staff" })).expect(200).await;
    for (name, role) in [("bob", "member"), ("eve", "staff")] {
        let added = ground.add(name, json!({ "role": role })).await;
        assert_eq!((&added.data()["groups"], &added.data()["roles"]), (&json!([group["id"]]), &json!(["Staff"])));
    }
}

#[tokio::test]
async fn a_removed_role_cannot_be_given_and_its_groups_keep_the_last_scopes() {
    let ground = Ground::plain().await;
    let root = ground.app.root();
    ground.settings(json!({ "roles": { "editor": { "scopes": ["docs:write"] } } })).await;
    let ann = ground.add("ann", json!({ "role": "editor" })).await;
    let group = ann.data()["groups"][0].as_str().unwrap().to_owned();
    let without = ground.settings(json!({ "roles": { "editor": null } })).await;
    assert!(without.data()["settings"]["roles"].get("editor").is_none());
    let shown = root.get(&format!("{}/{group}", ground.groups())).expect(200).await;
    assert_eq!(shown.data()["scopes"], json!(["docs:write"]), "until it is detached, too");
    assert_eq!(ground.holders("scope=docs:write").await, [ann.text("member_id")]);
    let back = json!({ "settings": { "roles": { "editor": { "scopes": ["other:*"] } } } });
    let refused = root.patch(&ground.issuer, back.clone()).expect(409).await;
    assert_eq!(refused.refusal().0, "conflict", "not before all groups are detached");
    let other = ground.app.organization(&ground.issuer).await;
    let body = ground.body_of("bob", json!({ "role": "editor" })).await;
    let refused = root.post(&format!("{other}/members"), body).expect(400).await;
    assert_eq!(refused.refusal().1, ["role unknown_reference"]);
    ground.work().await;
    let detached = root.get(&format!("{}/{group}", ground.groups())).expect(200).await;
    assert_eq!((&detached.data()["role"], &detached.data()["scopes"]), (&Value::Null, &json!(["docs:write"])));
    assert_ne!(detached.header("etag"), shown.header("etag"));
    root.patch(&ground.issuer, back).expect(200).await;
    let again = root.get(&format!("{}/{group}", ground.groups())).expect(200).await;
    assert_eq!(again.data()["scopes"], json!(["docs:write"]), "the new role is another one");
    let types = ground.app.event_types("event_types=issuer.updated,organization.group.updated").await;
    assert_eq!(types, ["issuer.updated"; 3]);
}

#[tokio::test]
async fn built_in_roles_stay_and_keep_the_scope_of_their_name() {
    let ground = Ground::plain().await;
    let root = ground.app.root();
    let widened = ground.settings(json!({ "roles": { "owner": { "scopes": ["docs:**"] } } })).await;
    assert_eq!(widened.data()["settings"]["roles"]["owner"]["scopes"], json!(["owner", "docs:**"]));
    for (roles, field) in [
        (json!({ "owner": null }), "settings.roles.owner not_allowed"),
        (json!({ "Editor": {} }), "settings.roles.Editor invalid_format"),
        (json!({ "editor": { "scope": [] } }), "settings.roles.editor.scope unknown_field"),
        (json!({ "editor": { "scopes": ["a b"] } }), "settings.roles.editor.scopes.0 invalid_format"),
        (json!([]), "settings.roles invalid_type"),
    ] {
        let refused = root.patch(&ground.issuer, json!({ "settings": { "roles": roles } })).expect(400).await;
        assert_eq!(refused.refusal().1, [field]);
    }
    let many: serde_json::Map<_, _> = (0..98).map(|number| (format!("role-{number}"), json!({}))).collect();
    let refused = root.patch(&ground.issuer, json!({ "settings": { "roles": many } })).expect(400).await;
    assert_eq!(refused.refusal().1, ["settings.roles too_many"]);
    let body = json!({ "name": "x", "settings": { "access": {}, "roles": { "editor": { "scopes": ["a:read"] } } } });
    let made = root.post(&ground.app.path("/issuers"), body).expect(201).await;
    let roles = made.data()["settings"]["roles"].as_object().unwrap();
    assert_eq!(roles.keys().collect::<Vec<_>>(), ["admin", "editor", "member", "owner"]);
}

#[tokio::test]
async fn nobody_gives_rights_on_an_account_through_groups_or_roles_that_they_do_not_hold() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let (members, groups) = (format!("{organization}/members"), format!("{organization}/groups"));
    let user = app.user(platform, "ann@example.com").await;
    let strong = app.root().post(&groups, json!({ "name": "strong", "scopes": ["*:**"] })).expect(201).await.id();
    let weak = app.root().post(&groups, json!({ "name": "weak", "scopes": ["events:read"] })).expect(201).await.id();
    let (id, secret) = app.account_key(&["issuers.organizations.members:*", "issuers:*", "events:read"]).await;
    let limited = app.with_key(&id, &secret);
    for body in [
        json!({ "groups": [strong] }),
        json!({ "groups": [weak, strong] }),
        json!({ "role": "owner" }),
        json!({ "roles": ["weak", "admin"] }),
        json!({ "role": "STRONG" }),
    ] {
        let mut sent = body.clone();
        sent["member_id"] = json!(user);
        assert_eq!(limited.post(&members, sent).expect(403).await.refusal().0, "insufficient_scope", "{body}");
    }
    let shown = app.root().get(&groups).expect(200).await;
    assert_eq!(shown.data().as_array().unwrap().len(), 2, "a refused assignment makes no group");
    limited.post(&members, json!({ "member_id": user, "groups": [weak] })).expect(201).await;
    let one = format!("{members}/{user}");
    for patch in [json!({ "groups": [weak, strong] }), json!({ "role": "owner" }), json!({ "roles": ["admin"] })] {
        assert_eq!(limited.patch(&one, patch).expect(403).await.refusal().0, "insufficient_scope");
    }
    // What somebody else gave stays, and cannot be brought into force.
    app.root().patch(&one, json!({ "groups": [weak, strong], "status": "suspended" })).expect(200).await;
    limited.patch(&one, json!({ "user_title": "x" })).expect(200).await;
    let refused = limited.patch(&one, json!({ "status": "active" })).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    // A role that gives more gives it in every account that carries it out.
    let widened = |scopes: Value| json!({ "settings": { "roles": { "member": { "scopes": scopes } } } });
    let refused = limited.patch(platform, widened(json!(["member", "*:**"]))).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    app.root().patch(platform, widened(json!(["member", "events:read"]))).expect(200).await;
    let ours = app.issuer().await;
    limited.patch(&ours, widened(json!(["*:**"]))).expect(200).await;
}
