//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Reply};

use super::DRIVER;

/// An issuer, an organization of it, and the members of that.
struct Ground {
    app: App,
    issuer: String,
    organization: String,
    members: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let organizations = format!("{issuer}/organizations");
        let made = app.root().post(&organizations, organization).expect(201).await;
        let organization = format!("{organizations}/{}", made.id());
        let members = format!("{organization}/members");
        Self { app, issuer, organization, members }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    async fn user(&self, name: &str) -> String {
        self.app.user(&self.issuer, &format!("{name}@example.com")).await
    }

    async fn add(&self, body: Value) -> Reply {
        self.app.root().post(&self.members, body).expect(201).await
    }

    async fn joined(&self, name: &str, scopes: &[&str]) -> String {
        let user = self.user(name).await;
        self.add(json!({ "member_id": user, "scopes": scopes })).await;
        user
    }

    fn one(&self, member: &str) -> String {
        format!("{}/{member}", self.members)
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.members)).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["member_id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_added_member_reads_back_whole_with_its_etag_and_is_counted() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.user("ann").await;
    let before = app.root().get(&ground.organization).expect(200).await;
    app.advance(Duration::from_secs(1));
    let body = json!({
        "member_id": user, "scopes": ["owner", "a:read"], "user_title": "Founder", "metadata": { "crm": 7 }, "groups": [],
    });
    let made = ground.add(body).await;
    let read = app.root().get(&ground.one(&user)).expect(200).await;
    assert_eq!((made.data(), made.header("etag")), (read.data(), read.header("etag")));
    assert_eq!(read.header("etag"), format!("\"{}\"", app.now()));
    assert_eq!(
        read.data(),
        &json!({
            "org_id": before.id(), "member_id": user, "member_type": "user", "issuer_id": before.data()["issuer_id"],
            "status": "active", "scopes": ["owner", "a:read"], "groups": [], "roles": [],
            "user_title": "Founder", "metadata": { "crm": 7 }, "joined_at": app.now(), "updated_at": app.now(),
        })
    );
    let after = app.root().get(&ground.organization).expect(200).await;
    assert_eq!(after.data()["stats"]["n_members"], 1);
    assert_eq!(after.header("etag"), before.header("etag"), "counters do not touch the version");
    let event = &app.events("event_types=organization.membership.created").await[0];
    assert_eq!(event["data"], json!({ "scopes": ["owner", "a:read"], "groups": [], "origin": "direct" }));
    assert_eq!((&event["subject"]["org_id"], &event["subject"]["user_id"]), (&json!(before.id()), &json!(user)));
}

#[tokio::test]
async fn a_member_without_scopes_gets_the_organizations_default_ones_below_its_ceiling() {
    let ground = Ground::new(json!({
        "name": "Acme", "scopes": ["a:*", "b:read"], "default_member_scopes": ["a:read", "b:read"],
    }))
    .await;
    let (ann, bob) = (ground.user("ann").await, ground.user("bob").await);
    let made = ground.add(json!({ "member_id": ann })).await;
    assert_eq!(made.data()["scopes"], json!(["a:read", "b:read"]));
    let own = ground.add(json!({ "member_id": bob, "scopes": ["a:write", "owner"] })).await;
    assert_eq!(own.data()["scopes"], json!(["a:write", "owner"]), "instead of the default ones; roles are not cut");
    let beyond = json!({ "member_id": ann, "scopes": ["a:read", "c:read"] });
    let refused = ground.app.root().post(&ground.members, beyond).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes.1 not_allowed"]);
    let beyond = json!({ "scopes": ["b:write"] });
    let refused = ground.app.root().patch(&ground.one(&ann), beyond).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes.0 not_allowed"]);
}

#[tokio::test]
async fn a_member_needs_a_scope_and_all_problems_come_at_once() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.user("ann").await;
    for body in [json!({ "member_id": user }), json!({ "member_id": user, "scopes": [] })] {
        let refused = app.root().post(&ground.members, body).expect(400).await;
        assert_eq!(refused.refusal(), ("invalid_request".to_owned(), vec!["scopes required".to_owned()]));
    }
    let body = json!({
        "member_id": 7, "scopes": ["a:read", "not a scope"], "user_title": "x".repeat(201), "status": "gone",
        "metadata": { "_x": 1 }, "typo": 1,
    });
    let refused = app.root().post(&ground.members, body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "member_id invalid_type",
            "metadata._x invalid_format",
            "scopes.1 invalid_format",
            "status invalid_enum_value",
            "typo unknown_field",
            "user_title too_long",
        ]
    );
    assert_eq!(ground.listed("").await, [""; 0]);
    assert_eq!(app.event_types("event_types=organization.membership.created").await, [""; 0]);
}

#[tokio::test]
async fn who_is_not_of_the_issuer_is_an_unknown_reference() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let elsewhere = app.issuer().await;
    let stranger = app.user(&elsewhere, "ann@example.com").await;
    let former = ground.user("bob").await;
    app.root().delete(&format!("{}/users/{former}", ground.issuer)).expect(204).await;
    let never = "usr_0000000000000000000000000".to_owned();
    let agent = format!("agt_{}", "0".repeat(32));
    for member in [stranger, former, never, agent, "somebody".to_owned()] {
        let body = json!({ "member_id": member, "scopes": ["a:read"] });
        let refused = app.root().post(&ground.members, body).expect(400).await;
        assert_eq!(refused.refusal().1, ["member_id unknown_reference"], "{member}");
    }
    let body = json!({ "member_id": ground.user("eve").await, "groups": ["grp_0000000000000000000000000"] });
    let refused = app.root().post(&ground.members, body).expect(400).await;
    assert!(refused.refusal().1.contains(&"groups.0 unknown_reference".to_owned()), "{refused}");
}

#[tokio::test]
async fn nobody_is_a_member_twice() {
    let ground = Ground::plain().await;
    let user = ground.joined("ann", &["a:read"]).await;
    let again = json!({ "member_id": user, "scopes": ["b:read"] });
    let refused = ground.app.root().post(&ground.members, again.clone()).expect(409).await;
    assert_eq!(refused.refusal().0, "conflict");
    let fields = refused.refusal().1;
    assert_eq!((fields.len(), fields[0].split(' ').next()), (1, Some("member_id")), "{refused}");
    let read = ground.app.root().get(&ground.one(&user)).expect(200).await;
    assert_eq!(read.data()["scopes"], json!(["a:read"]));
    // A former member may come back.
    ground.app.root().delete(&ground.one(&user)).expect(204).await;
    assert_eq!(ground.add(again).await.data()["scopes"], json!(["b:read"]));
}

#[tokio::test]
async fn an_organization_takes_no_more_members_than_it_may_have() {
    let ground = Ground::new(json!({ "name": "Acme", "max_members": 2 })).await;
    let first = ground.joined("ann", &["a:read"]).await;
    ground.joined("bob", &["a:read"]).await;
    let user = ground.user("eve").await;
    let body = json!({ "member_id": user, "scopes": ["a:read"] });
    let refused = ground.app.root().post(&ground.members, body.clone()).expect(409).await;
    assert_eq!(refused.refusal().0, "conflict");
    ground.app.root().delete(&ground.one(&first)).expect(204).await;
    ground.add(body).await;
    let lowered = ground.app.root().patch(&ground.organization, json!({ "max_members": 1 })).expect(200).await;
    assert_eq!(lowered.data()["stats"]["n_members"], 2, "nobody is thrown out");
}

#[tokio::test]
async fn of_sixteen_parallel_additions_of_one_user_one_wins() {
    let ground = Ground::plain().await;
    let user = ground.user("ann").await;
    let body = json!({ "member_id": user, "scopes": ["a:read"] });
    let racers = (0..16).map(|_| ground.app.root().post(&ground.members, body.clone()).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (1, 15));
    assert_eq!(ground.listed("").await, [user]);
    assert_eq!(ground.app.event_types("event_types=organization.membership.created").await.len(), 1);
    let organization = ground.app.root().get(&ground.organization).expect(200).await;
    assert_eq!(organization.data()["stats"]["n_members"], 1);
}

#[tokio::test]
async fn of_sixteen_users_who_race_for_the_last_place_one_gets_it() {
    let ground = Ground::new(json!({ "name": "Acme", "max_members": 2 })).await;
    ground.joined("ann", &["owner"]).await;
    let mut users = Vec::new();
    for number in 0..16 {
        users.push(ground.user(&format!("racer-{number}")).await);
    }
    let add = |user: &String| {
        ground.app.root().post(&ground.members, json!({ "member_id": user, "scopes": ["a:read"] })).send()
    };
    let replies = join_all(users.iter().map(add)).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (1, 15));
    assert_eq!(ground.listed("").await.len(), 2);
}

#[tokio::test]
async fn a_patch_replaces_scopes_merges_metadata_and_clears_with_null() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.user("ann").await;
    let body = json!({
        "member_id": user, "scopes": ["a:read", "b:read"], "user_title": "CTO", "metadata": { "a": 1, "b": 2 },
    });
    let made = ground.add(body).await;
    app.advance(Duration::from_secs(1));
    let patch = json!({ "scopes": ["c:read"], "user_title": null, "metadata": { "a": null, "c": 3 } });
    let one = ground.one(&user);
    let after = app.root().patch(&one, patch.clone()).header("if-match", made.header("etag")).expect(200).await;
    assert_eq!(after.data()["scopes"], json!(["c:read"]));
    assert_eq!(after.data()["user_title"], Value::Null);
    assert_eq!(after.data()["metadata"], json!({ "b": 2, "c": 3 }));
    assert_eq!(after.data()["joined_at"], made.data()["joined_at"]);
    assert_eq!(after.data()["updated_at"], app.now());
    let stale = app.root().patch(&one, patch).header("if-match", made.header("etag")).expect(412).await;
    assert_eq!(stale.body["current_etag"], after.header("etag"));
    let refused = app.root().patch(&one, json!({ "scopes": [] })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes required"]);
    let suspended = app.root().patch(&one, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(suspended.data()["status"], "suspended");
    let events = app.events("event_types=organization.membership.updated").await;
    let seen: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(
        seen,
        [
            json!({ "changes": ["metadata", "scopes", "user_title"], "scopes": ["c:read"] }),
            json!({
                "changes": ["status"], "scopes": ["c:read"], "status": { "from": "active", "to": "suspended" },
            }),
        ]
    );
}

#[tokio::test]
async fn a_fetched_membership_can_be_sent_back_and_changes_nothing() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.joined("ann", &["a:read"]).await;
    let fetched = app.root().get(&ground.one(&user)).expect(200).await;
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [fetched.data().clone(), json!({})] {
        let same = app.root().patch(&ground.one(&user), body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
}

#[tokio::test]
async fn a_removed_member_is_gone_and_a_tenant_may_lose_its_last_owner() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let user = ground.joined("ann", &["owner"]).await;
    let one = ground.one(&user);
    app.root().delete(&one).header("if-match", "\"1\"").expect(412).await;
    assert!(app.root().delete(&one).expect(204).await.bytes.is_empty());
    for call in [app.root().get(&one), app.root().delete(&one), app.root().patch(&one, json!({ "typo": 1 }))] {
        assert_eq!(call.expect(404).await.refusal().0, "not_found");
    }
    assert_eq!(ground.listed("").await, [""; 0]);
    let events = app.events("event_types=organization.membership.deleted").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "cause": "removed" }));
    assert_eq!(events[0]["subject"]["user_id"], user);
    app.root().get(&format!("{}/users/{user}", ground.issuer)).expect(200).await;
    let organization = app.root().get(&ground.organization).expect(200).await;
    assert_eq!(organization.data()["stats"]["n_members"], 0);
}

#[tokio::test]
async fn members_of_a_suspended_organization_stay_editable() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    app.root().patch(&ground.organization, json!({ "status": "suspended" })).expect(200).await;
    let user = ground.joined("ann", &["a:read"]).await;
    app.root().patch(&ground.one(&user), json!({ "scopes": ["b:read"] })).expect(200).await;
    app.root().delete(&ground.one(&user)).expect(204).await;
}

#[tokio::test]
async fn the_organization_of_an_account_keeps_an_active_owner() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let members = format!("{organization}/members");
    let mut people = Vec::new();
    for name in ["ann", "bob"] {
        let user = app.user(platform, &format!("{name}@example.com")).await;
        let owner = json!({ "member_id": user, "scopes": ["owner"] });
        app.root().post(&members, owner).expect(201).await;
        people.push(format!("{members}/{user}"));
    }
    let (ann, bob) = (&people[0], &people[1]);
    // A suspended owner does not count.
    app.root().patch(bob, json!({ "status": "suspended" })).expect(200).await;
    for call in [
        app.root().delete(ann),
        app.root().patch(ann, json!({ "scopes": ["member"] })),
        app.root().patch(ann, json!({ "status": "suspended" })),
    ] {
        assert_eq!(call.expect(409).await.refusal().0, "conflict");
    }
    app.root().patch(ann, json!({ "user_title": "Founder", "scopes": ["owner", "admin"] })).expect(200).await;
    app.root().patch(bob, json!({ "status": "active" })).expect(200).await;
    app.root().patch(ann, json!({ "scopes": ["member"] })).expect(200).await;
    assert_eq!(app.root().delete(bob).expect(409).await.refusal().0, "conflict");
    app.root().patch(ann, json!({ "scopes": ["owner"] })).expect(200).await;
    app.root().delete(bob).expect(204).await;
}

#[tokio::test]
async fn of_two_owners_of_an_account_who_leave_at_once_one_stays() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let members = format!("{organization}/members");
    let mut people = Vec::new();
    for number in 0..16 {
        let user = app.user(platform, &format!("owner-{number}@example.com")).await;
        let owner = json!({ "member_id": user, "scopes": ["owner"] });
        app.root().post(&members, owner).expect(201).await;
        people.push(format!("{members}/{user}"));
    }
    let replies = join_all(people.iter().map(|one| app.root().delete(one).send())).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(204), statuses(409)), (15, 1));
}

#[tokio::test]
async fn nobody_gives_rights_on_an_account_that_they_do_not_hold() {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let members = format!("{organization}/members");
    let user = app.user(platform, "ann@example.com").await;
    let (id, secret) = app.account_key(&["issuers.organizations.members:*", "events:read"]).await;
    let limited = app.with_key(&id, &secret);
    for scopes in [json!(["owner"]), json!(["admin"]), json!(["*:**"]), json!(["events:read", "issuers:read"])] {
        let body = json!({ "member_id": user, "scopes": scopes });
        assert_eq!(limited.post(&members, body).expect(403).await.refusal().0, "insufficient_scope", "{scopes}");
    }
    let body = json!({ "member_id": user, "scopes": ["events:read"] });
    limited.post(&members, body).expect(201).await;
    let one = format!("{members}/{user}");
    let refused = limited.patch(&one, json!({ "scopes": ["events:read", "owner"] })).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    // What somebody else gave stays when other things change, and cannot be brought into force.
    app.root().patch(&one, json!({ "scopes": ["owner"], "status": "suspended" })).expect(200).await;
    limited.patch(&one, json!({ "user_title": "x" })).expect(200).await;
    let refused = limited.patch(&one, json!({ "status": "active" })).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    // In a tenant's organization scopes are the tenant's own matter.
    let ours = app.organization(&app.issuer().await).await;
    let (issuer, _) = ours.split_once("/organizations/").unwrap();
    let user = app.user(issuer, "ann@example.com").await;
    let body = json!({ "member_id": user, "scopes": ["owner", "*:**"] });
    limited.post(&format!("{ours}/members"), body).expect(201).await;
}

#[tokio::test]
async fn lists_filter_walk_by_cursor_and_refuse_bad_parameters_together() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let mut everyone = Vec::new();
    for (number, scopes) in [vec!["owner"], vec!["a:read"], vec!["a:read", "b:read"], vec!["a:*"]].iter().enumerate() {
        if number != 2 {
            app.advance(Duration::from_secs(1));
        }
        everyone.insert(0, ground.joined(&format!("user-{number}"), scopes).await);
    }
    let suspended = json!({ "status": "suspended" });
    app.root().patch(&ground.one(&everyone[0]), suspended).expect(200).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.root().get(&format!("{}?limit=1{cursor}", ground.members)).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["member_id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, everyone);
    assert_eq!(ground.listed(&format!("cursor={}", everyone[1])).await, everyone[2..]);
    assert_eq!(ground.listed("status=suspended").await, everyone[..1]);
    assert_eq!(ground.listed("status=active").await, everyone[1..]);
    assert_eq!(ground.listed("scope=a:read").await, everyone[1..3]);
    assert_eq!(ground.listed("scope=owner&status=active").await, everyone[3..]);
    assert_eq!(ground.listed("scope=a:*").await, everyone[..1]);
    let refused = app.root().get(&format!("{}?status=gone&limit=x", ground.members)).expect(400).await;
    let fields: Vec<_> = refused.refusal().1.iter().map(|field| field.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(fields, ["limit", "status"]);
    let refused = app.root().get(&format!("{}?cursor=nonsense", ground.members)).expect(400).await;
    assert_eq!(refused.refusal().1, ["cursor invalid_format"]);
}
