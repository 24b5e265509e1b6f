//! In the organization of an account.

use futures_util::future::join_all;
use serde_json::json;
use tests::App;

use super::DRIVER;

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
