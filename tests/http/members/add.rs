//! Members are added.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::Ground;

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
