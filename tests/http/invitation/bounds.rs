//! What an invitation cannot do, and how long it is kept.

use super::*;

#[tokio::test]
async fn nobody_gives_rights_on_an_account_by_inviting() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let invitations = format!("{organization}/invitations");
    let (id, secret) = app.account_key(&["issuers.organizations.invitations:*", "events:read"]).await;
    let limited = app.with_key(&id, &secret);
    for gives in [json!({ "scopes": ["owner"] }), json!({ "role": "owner" }), json!({ "scopes": ["issuers:read"] })] {
        let mut body = gives.clone();
        body["email"] = json!("ada@example.com");
        assert_eq!(limited.post(&invitations, body).expect(403).await.refusal().0, "insufficient_scope", "{gives}");
    }
    let body = json!({ "email": "ada@example.com", "scopes": ["events:read"] });
    let made = limited.post(&invitations, body).expect(201).await.id();
    let one = format!("{invitations}/{made}");
    assert_eq!(limited.patch(&one, json!({ "role": "admin" })).expect(403).await.refusal().0, "insufficient_scope");
    let token = ground.token().await;
    let body = json!({ "email": "ada@example.com", "profile": { "email_verified": true } });
    let user = app.root().post(&format!("{platform}/users"), body).expect(201).await.id().parse().unwrap();
    let enter = || {
        Accept(Enter {
            account: app.account.parse().unwrap(),
            issuer: platform.rsplit('/').next().unwrap().parse().unwrap(),
            door: Door::Link(LinkToken::parse(&token).unwrap()),
            user,
        })
    };
    // What the inviter held counts when somebody accepts, too.
    let key = app.path(&format!("/api-keys/{id}"));
    app.root().act(&format!("{key}/block")).expect(200).await;
    assert!(matches!(app.authpi.run(&enter()).await, Err(Refusal::Conflict { .. })));
    app.root().act(&format!("{key}/unblock")).expect(200).await;
    app.authpi.run(&enter()).await.unwrap();
    // In a tenant's organization scopes are the tenant's own matter.
    let body = json!({ "email": "bob@example.com", "role": "owner", "scopes": ["*:**"] });
    limited.post(&ground.invitations, body).expect(201).await;
}

#[tokio::test]
async fn what_is_personal_is_forgotten_thirty_days_after_the_end() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let body = json!({ "email": "ada@example.com", "scopes": ["a:read"], "message": "hi", "inviter": { "id": "u1", "name": "Ann" } });
    let id = ground.invite(body).await.id();
    ground.act(&id, "revoke", 200).await;
    app.advance(DAY * 30 - Duration::from_millis(1));
    ground.work().await;
    assert_eq!(ground.get(&id).await["email_invited"], "ada@example.com");
    app.advance(Duration::from_millis(1));
    ground.work().await;
    let after = ground.get(&id).await;
    assert_eq!((&after["email_invited"], &after["message"]), (&json!(""), &Value::Null));
    assert_eq!(after["inviter"], json!({ "id": "u1", "name": null }));
}

#[tokio::test]
async fn lists_filter_by_status_and_walk_by_cursor() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let mut all = Vec::new();
    for number in 0..4 {
        all.insert(0, ground.invited(&format!("user-{number}@example.com")).await);
    }
    ground.act(&all[1], "revoke", 200).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.root().get(&format!("{}?limit=1{cursor}", ground.invitations)).expect(200).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
    assert_eq!(ground.statuses("status=pending").await.len(), 3);
    assert_eq!(ground.statuses("status=revoked").await.len(), 1);
    app.advance(DAY * 7);
    assert_eq!(ground.statuses("status=pending").await.len(), 0);
    assert_eq!(ground.statuses("status=expired").await, ["expired"; 3]);
    let refused = app.root().get(&format!("{}?status=gone&limit=x", ground.invitations)).expect(400).await;
    let fields: Vec<_> = refused.refusal().1.iter().map(|field| field.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(fields, ["limit", "status"]);
}

#[tokio::test]
async fn invitations_go_with_their_organization() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let id = ground.invited("ada@example.com").await;
    app.root().delete(&ground.organization).expect(204).await;
    app.root().get(&ground.one(&id)).expect(404).await;
    ground.work().await;
    assert!(ground.post.news().is_empty(), "nobody is invited into what is gone");
    let services = app.authpi.services();
    let issuer = ground.issuer.rsplit('/').next().unwrap().parse().unwrap();
    let id = id.parse().unwrap();
    assert!(services.store.reads().invitations().find_in_issuer(issuer, id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_invitation_gives_several_roles() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let made = ground.invite(json!({ "email": "ada@example.com", "roles": ["admin", "member", "admin"] })).await;
    let shown = |reply: &Reply| ["role", "roles", "scopes"].map(|name| reply.data()[name].clone());
    assert_eq!(shown(&made), [Value::Null, json!(["admin", "member"]), json!(["admin", "member"])]);
    assert_eq!(app.events("event_types=organization.invitation.created").await[0]["data"]["role"], Value::Null);
    let token = ground.token().await;
    let one = ground.one(&made.id());
    let same = app.root().patch(&one, made.data().clone()).expect(200).await;
    assert_eq!(same.data(), made.data(), "sent back as it is shown");
    let root = app.root();
    let single = root.patch(&one, json!({ "role": "owner" })).expect(200).await;
    assert_eq!(shown(&single), [json!("owner"), json!(["owner"]), json!(["owner"])]);
    let several = root.patch(&one, json!({ "role": "owner", "roles": ["admin", "member"] })).expect(200).await;
    assert_eq!(shown(&several), shown(&made), "the role is as it was shown");
    for (body, problem) in [
        (json!({ "role": "member", "roles": ["owner"] }), "role not_allowed"),
        (json!({ "roles": ["admin", "nobody"] }), "roles.1 unknown_reference"),
        (json!({ "role": "nobody" }), "role unknown_reference"),
        (json!({ "roles": [] }), "scopes required"),
    ] {
        assert_eq!(root.patch(&one, body).expect(400).await.refusal().1, [problem]);
    }
    let both = json!({ "email": "eve@example.com", "role": "member", "roles": ["admin"] });
    assert_eq!(root.post(&ground.invitations, both).expect(400).await.refusal().1, ["role not_allowed"]);
    let user = ground.user("ada@example.com", true).await;
    ground.accept(&token, user).await.unwrap();
    let member = root.get(&format!("{}/members/{user}", ground.organization)).expect(200).await;
    let mut roles: Vec<_> = member.data()["roles"].as_array().unwrap().clone();
    roles.sort_by_key(ToString::to_string);
    assert_eq!(roles, [json!("admin"), json!("member")]);
}

#[tokio::test]
async fn the_verified_address_is_compared_however_it_is_written() {
    let ground = Ground::plain().await;
    ground.invited("Ada.Lovelace@Example.COM").await;
    let token = ground.token().await;
    let body = json!({
        "username": "ada", "profile": { "email": "ADA.lovelace@example.com", "email_verified": true },
    });
    let user = ground.app.root().post(&format!("{}/users", ground.issuer), body).expect(201).await.id();
    ground.accept(&token, user.parse().unwrap()).await.unwrap();
}
