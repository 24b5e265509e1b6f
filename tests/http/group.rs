//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/groups

use std::time::Duration;

use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An organization and its groups.
struct Ground {
    app: App,
    issuer: String,
    organization: String,
    groups: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let organizations = format!("{issuer}/organizations");
        let made = app.root().post(&organizations, organization).expect(201).await;
        let organization = format!("{organizations}/{}", made.id());
        let groups = format!("{organization}/groups");
        Self { app, issuer, organization, groups }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    async fn make(&self, body: Value) -> Reply {
        self.app.root().post(&self.groups, body).expect(201).await
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.groups)
    }

    async fn member(&self, name: &str, body: Value) -> String {
        let user = self.app.user(&self.issuer, &format!("{name}@example.com")).await;
        let mut body = body;
        body["member_id"] = json!(user);
        self.app.root().post(&format!("{}/members", self.organization), body).expect(201).await;
        format!("{}/members/{user}", self.organization)
    }

    async fn n_groups(&self) -> Value {
        self.app.root().get(&self.organization).expect(200).await.data()["stats"]["n_groups"].clone()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_group_reads_back_whole_with_its_etag_and_is_counted() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let before = app.root().get(&ground.organization).expect(200).await;
    app.advance(Duration::from_secs(1));
    let body = json!({
        "name": "Editors", "description": "Who write", "scopes": ["docs:write", "docs:read"], "metadata": { "crm": 7 },
    });
    let made = ground.make(body).await;
    assert_eq!(
        made.data(),
        &json!({
            "id": made.id(), "org_id": before.id(), "issuer_id": before.data()["issuer_id"], "name": "Editors",
            "description": "Who write", "scopes": ["docs:write", "docs:read"], "role": null, "metadata": { "crm": 7 },
            "created_at": app.now(), "updated_at": app.now(),
        })
    );
    assert!(made.id().starts_with("grp_"));
    let read = app.root().get(&ground.one(&made.id())).expect(200).await;
    assert_eq!((read.data(), read.header("etag")), (made.data(), made.header("etag")));
    assert_eq!(made.header("etag"), format!("\"{}\"", app.now()));
    let unchanged = app.root().get(&ground.one(&made.id())).header("if-none-match", made.header("etag"));
    unchanged.expect(304).await;
    let event = &app.events("event_types=organization.group.created").await[0];
    assert_eq!(event["data"], json!({ "name": "Editors", "scopes": ["docs:write", "docs:read"] }));
    assert_eq!(event["auth"]["key_id"], app.key.0);
    assert_eq!((&event["subject"]["org_id"], &event["subject"]["group_id"]), (&json!(before.id()), &json!(made.id())));
    let after = app.root().get(&ground.organization).expect(200).await;
    assert_eq!(after.data()["stats"]["n_groups"], 1);
    assert_eq!(after.header("etag"), before.header("etag"), "counters do not touch the version");
}

#[tokio::test]
async fn names_are_unique_whatever_the_case() {
    let ground = Ground::plain().await;
    let root = ground.app.root();
    let first = ground.make(json!({ "name": "Editors" })).await.id();
    let second = ground.make(json!({ "name": "Viewers" })).await.id();
    let taken = root.post(&ground.groups, json!({ "name": "eDITORS" })).expect(409).await;
    assert_eq!(taken.refusal(), ("conflict".to_owned(), vec!["name not_unique".to_owned()]));
    let taken = root.patch(&ground.one(&second), json!({ "name": "EDITORS" })).expect(409).await;
    assert_eq!(taken.refusal().1, ["name not_unique"]);
    let renamed = root.patch(&ground.one(&first), json!({ "name": "EDITORS" })).expect(200).await;
    assert_eq!(renamed.text("name"), "EDITORS", "the case of one's own name may change");
    let other = ground.app.organization(&ground.issuer).await;
    root.post(&format!("{other}/groups"), json!({ "name": "Editors" })).expect(201).await;
    root.delete(&ground.one(&first)).expect(204).await;
    ground.make(json!({ "name": "Editors" })).await;
}

#[tokio::test]
async fn of_sixteen_groups_of_one_name_one_is_made() {
    let ground = Ground::plain().await;
    let name = |number| if number % 2 == 0 { "Editors" } else { "EDITORS" };
    let racers = (0..16).map(|number| ground.app.root().post(&ground.groups, json!({ "name": name(number) })).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (1, 15), "{}", replies[0]);
    assert_eq!(ground.n_groups().await, 1);
    assert_eq!(ground.app.events("event_types=organization.group.created").await.len(), 1);
}

#[tokio::test]
async fn an_organization_has_at_most_a_hundred_groups() {
    let ground = Ground::plain().await;
    for number in 0..100 {
        ground.make(json!({ "name": format!("group {number}") })).await;
    }
    let full = ground.app.root().post(&ground.groups, json!({ "name": "one too many" })).expect(409).await;
    assert_eq!(full.refusal(), ("conflict".to_owned(), Vec::new()));
    let user = ground.app.user(&ground.issuer, "ann@example.com").await;
    let body = json!({ "member_id": user, "role": "member" });
    ground.app.root().post(&format!("{}/members", ground.organization), body).expect(409).await;
    let page = ground.app.root().get(&format!("{}?limit=100", ground.groups)).expect(200).await;
    assert_eq!((page.data().as_array().unwrap().len(), &page.body["has_more"]), (100, &json!(false)));
}

#[tokio::test]
async fn a_change_is_guarded_by_its_etag_tells_what_changed_and_one_of_nothing_is_none() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let made = ground.make(json!({ "name": "Editors", "scopes": ["a:read"], "metadata": { "a": 1 } })).await;
    let one = ground.one(&made.id());
    app.advance(Duration::from_secs(1));
    let same = app.root().patch(&one, made.data().clone()).expect(200).await;
    assert_eq!((same.data(), same.header("etag")), (made.data(), made.header("etag")));
    app.root().patch(&one, json!({})).expect(200).await;
    assert!(app.events("event_types=organization.group.updated").await.is_empty());
    let patch = json!({ "scopes": ["a:read", "b:read"], "description": "x", "metadata": { "a": null, "b": 2 } });
    let changed = app.root().patch(&one, patch).header("if-match", made.header("etag")).expect(200).await;
    assert_eq!(changed.data()["metadata"], json!({ "b": 2 }));
    assert_eq!(changed.header("etag"), format!("\"{}\"", app.now()));
    let events = app.events("event_types=organization.group.updated").await;
    assert_eq!(
        events.iter().map(|event| event["data"].clone()).collect::<Vec<_>>(),
        [json!({ "changes": ["description", "metadata", "scopes"], "scopes": ["a:read", "b:read"] })]
    );
    let stale = app.root().patch(&one, json!({ "typo": 1 })).header("if-match", made.header("etag"));
    assert_eq!(stale.expect(412).await.body["current_etag"], changed.header("etag"));
    app.root().delete(&one).header("if-match", made.header("etag")).expect(412).await;
    app.root().delete(&one).header("if-match", changed.header("etag")).expect(204).await;
    app.root().get(&one).expect(404).await;
}

#[tokio::test]
async fn every_problem_of_a_body_is_reported_together() {
    let ground = Ground::new(json!({ "name": "Acme", "scopes": ["docs:*"] })).await;
    let root = ground.app.root();
    let body = json!({
        "name": "", "description": "x".repeat(5001), "scopes": ["a b"], "metadata": [], "members": [], "role": "ignored",
    });
    let refused = root.post(&ground.groups, body).expect(400).await;
    let expected = [
        "description too_long",
        "members unknown_field",
        "metadata invalid_type",
        "name too_short",
        "scopes.0 invalid_format",
    ];
    assert_eq!(refused.refusal().1, expected);
    assert_eq!(root.post(&ground.groups, json!({})).expect(400).await.refusal().1, ["name required"]);
    let above = json!({ "name": "x", "scopes": ["docs:read", "bills:read", "owner"] });
    let refused = root.post(&ground.groups, above).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes.1 not_allowed"], "the ceiling of the organization");
    let made = ground.make(json!({ "name": "x", "scopes": ["docs:read", "owner"] })).await;
    let one = ground.one(&made.id());
    let refused = root.patch(&one, json!({ "scopes": ["bills:read"], "name": null })).expect(400).await;
    assert_eq!(refused.refusal().1, ["name invalid_type"]);
    let refused = root.patch(&one, json!({ "scopes": ["bills:read"] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes.0 not_allowed"]);
}

#[tokio::test]
async fn lists_walk_by_cursor_newest_first() {
    let ground = Ground::plain().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.insert(0, ground.make(json!({ "name": format!("{number}") })).await.id());
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ground.app.root().get(&format!("{}?limit=2{cursor}", ground.groups)).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
    for (query, field) in [("limit=0", "limit too_small"), ("cursor=x", "cursor invalid_format")] {
        let refused = ground.app.root().get(&format!("{}?{query}", ground.groups)).expect(400).await;
        assert_eq!(refused.refusal().1, [field]);
    }
    let nowhere = format!("{}/organizations/org_0000000000000000000000001/groups", ground.issuer);
    ground.app.root().get(&nowhere).expect(404).await;
    ground.app.root().post(&nowhere, json!({ "typo": 1 })).expect(404).await;
}

#[tokio::test]
async fn a_deleted_group_gives_nothing_at_once_and_is_detached_from_its_members() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let gone = ground.make(json!({ "name": "gone", "scopes": ["a:read"] })).await.id();
    let stays = ground.make(json!({ "name": "stays", "scopes": ["b:read"] })).await.id();
    let only = ground.member("only", json!({ "groups": [gone] })).await;
    let both = ground.member("both", json!({ "groups": [stays, gone] })).await;
    let before = app.root().get(&both).expect(200).await;
    app.root().delete(&ground.one(&gone)).expect(204).await;
    app.root().get(&ground.one(&gone)).expect(404).await;
    app.root().delete(&ground.one(&gone)).expect(404).await;
    let event = &app.events("event_types=organization.group.deleted").await[0];
    assert_eq!((&event["data"], &event["subject"]["group_id"]), (&json!({ "members_affected": 2 }), &json!(gone)));
    assert_eq!(ground.n_groups().await, 1);
    let holders = format!("{}/members?scope=a:read", ground.organization);
    assert_eq!(app.root().get(&holders).expect(200).await.data(), &json!([]));
    let refused = app.root().patch(&only, json!({ "groups": [gone] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["groups.0 unknown_reference"]);
    ground.work().await;
    let after = app.root().get(&both).expect(200).await;
    assert_eq!((&after.data()["groups"], &after.data()["roles"]), (&json!([stays]), &json!(["stays"])));
    assert_ne!(after.header("etag"), before.header("etag"), "a membership that changed has another version");
    // Without scope and group it keeps existing, and other things of it can change.
    let left = app.root().get(&only).expect(200).await;
    assert_eq!((&left.data()["scopes"], &left.data()["groups"]), (&json!([]), &json!([])));
    app.root().patch(&only, json!({ "user_title": "x" })).expect(200).await;
    let types = app.event_types("event_types=organization.membership.updated").await;
    assert_eq!(types.len(), 1, "members emit nothing when their group goes");
}

#[tokio::test]
async fn groups_go_with_their_organization_and_count_in_its_event() {
    let ground = Ground::plain().await;
    ground.make(json!({ "name": "one" })).await;
    ground.make(json!({ "name": "two" })).await;
    ground.app.root().delete(&ground.organization).expect(204).await;
    ground.app.root().get(&ground.groups).expect(404).await;
    let events = ground.app.events("event_types=organization.deleted,organization.group.deleted").await;
    assert_eq!(types(&events), ["organization.deleted"]);
    assert_eq!(events[0]["data"]["cascade"]["groups"], 2);
    for _ in 0..3 {
        ground.work().await;
    }
    let services = ground.app.authpi.services();
    assert!(services.store.reads().organizations().deleting(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_gives_rights_on_an_account_through_a_group_that_they_do_not_hold() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let groups = format!("{organization}/groups");
    let (id, secret) = app.account_key(&["issuers.organizations.groups:*", "events:read"]).await;
    let limited = app.with_key(&id, &secret);
    for scopes in [json!(["owner"]), json!(["admin"]), json!(["*:**"]), json!(["events:read", "issuers:read"])] {
        let body = json!({ "name": "g", "scopes": scopes });
        assert_eq!(limited.post(&groups, body).expect(403).await.refusal().0, "insufficient_scope", "{scopes}");
    }
    let made = limited.post(&groups, json!({ "name": "g", "scopes": ["events:read"] })).expect(201).await.id();
    let one = format!("{groups}/{made}");
    let refused = limited.patch(&one, json!({ "scopes": ["events:read", "owner"] })).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    // What somebody else gave stays when other things change.
    app.root().patch(&one, json!({ "scopes": ["owner"] })).expect(200).await;
    limited.patch(&one, json!({ "description": "x", "scopes": ["owner", "events:read"] })).expect(200).await;
    // In a tenant's organization scopes are the tenant's own matter.
    let ours = app.organization(&app.issuer().await).await;
    limited.post(&format!("{ours}/groups"), json!({ "name": "g", "scopes": ["owner", "*:**"] })).expect(201).await;
}
