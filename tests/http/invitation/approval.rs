//! Invitations that somebody has to approve.

use super::*;

#[tokio::test]
async fn an_invitation_that_needs_approval_is_sent_once_it_has_it() {
    let ground = Ground::with_approval().await;
    let app = &ground.app;
    let ann = ground.user("ann@example.com", true).await;
    let unproven = ground.user("uma@example.com", false).await;
    for (user, scope) in [(ann, "admin"), (unproven, "owner")] {
        let body = json!({ "member_id": user.to_string(), "scopes": [scope] });
        app.root().post(&format!("{}/members", ground.organization), body).expect(201).await;
    }
    let made = ground.invite(json!({ "email": "ada@example.com", "scopes": ["a:read"] })).await;
    assert_eq!(
        (&made.data()["status"], &made.data()["last_email_sent_at"]),
        (&json!("pending_approval"), &Value::Null)
    );
    assert_eq!(made.data()["approval"]["requested_at"], app.now());
    let types = app.event_types("").await;
    assert_eq!(
        types[types.len() - 2..],
        ["organization.invitation.created", "organization.invitation.approval-requested"]
    );
    ground.work().await;
    let asked = ground.post.only();
    assert_eq!(asked.to, "ann@example.com");
    assert!(asked.text.contains("ada@example.com") && !asked.text.contains("token="), "{}", asked.text);
    ground.act(&made.id(), "resend", 409).await;
    app.root().post(&ground.invitations, json!({ "email": "ada@example.com", "scopes": ["b:read"] })).expect(409).await;
    let (id, secret) = app.account_key(&["issuers.organizations.invitations:**"]).await;
    let approver = app.with_key(&id, &secret);
    let (writer, secret) = app.account_key(&["issuers.organizations.invitations:manage"]).await;
    let approve = format!("{}/approve", ground.one(&made.id()));
    app.with_key(&writer, &secret).act(&approve).expect(403).await;
    app.root().patch(&ground.organization, json!({ "status": "suspended" })).expect(200).await;
    approver.act(&approve).expect(409).await;
    app.root().patch(&ground.organization, json!({ "status": "active" })).expect(200).await;
    app.advance(DAY);
    let approved = approver.post(&approve, json!({ "reason": "known to us" })).expect(200).await;
    assert_eq!(
        (&approved.data()["status"], &approved.data()["expires_at"]),
        (&json!("pending"), &json!(app.now() + 7 * 86_400_000))
    );
    assert_eq!(approved.data()["approval"]["decided_by"], id);
    assert_eq!(approved.data()["approval"]["reason"], "known to us");
    let event = &app.events("event_types=organization.invitation.approved").await[0];
    assert_eq!(event["data"], json!({ "by": id }));
    let again = approver.act(&approve).expect(200).await;
    assert_eq!(again.data(), approved.data());
    ground.act(&made.id(), "reject", 409).await;
    ground.work().await;
    let mail = ground.post.only();
    assert_eq!(mail.to, "ada@example.com");
    assert!(!mail.text.contains("known to us"));
    assert_eq!(app.event_types("event_types=organization.invitation.approved").await.len(), 1);
}

#[tokio::test]
async fn without_administrators_the_account_owner_is_asked() {
    let ground = Ground::with_approval().await;
    let app = &ground.app;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let body = json!({ "email": "boss@example.com", "profile": { "email_verified": true } });
    let boss = app.root().post(&format!("{platform}/users"), body).expect(201).await.id();
    let body = json!({ "member_id": boss, "scopes": ["owner"] });
    app.root().post(&format!("{organization}/members"), body).expect(201).await;
    app.root().patch(&app.path(""), json!({ "owner_user_id": boss })).expect(200).await;
    ground.work().await;
    ground.post.news();
    ground.invited("ada@example.com").await;
    ground.work().await;
    assert_eq!(ground.post.only().to, "boss@example.com");
    let sent = &app.events("event_types=email.sent").await[0];
    assert_eq!((&sent["data"]["template"], &sent["subject"]["user_id"]), (&json!("invitation_approval"), &json!(boss)));
}

#[tokio::test]
async fn a_rejected_invitation_is_never_sent() {
    let ground = Ground::with_approval().await;
    let app = &ground.app;
    let id = ground.invited("ada@example.com").await;
    app.root().patch(&ground.organization, json!({ "status": "suspended" })).expect(200).await;
    let path = format!("{}/reject", ground.one(&id));
    let rejected = app.root().post(&path, json!({ "reason": "nobody_we_know" })).expect(200).await;
    assert_eq!(rejected.data()["status"], "rejected");
    assert_eq!(ground.act(&id, "reject", 200).await.data(), rejected.data());
    ground.act(&id, "approve", 409).await;
    ground.act(&id, "revoke", 409).await;
    let events = app.events("event_types=organization.invitation.rejected,organization.invitation.deleted").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["data"], json!({ "by": app.key.0, "reason": "nobody_we_know" }));
    assert_eq!(events[1]["data"], json!({ "cause": "rejected" }));
    app.root().patch(&ground.organization, json!({ "status": "active" })).expect(200).await;
    let expired = ground.invited("ada@example.com").await;
    app.advance(DAY * 8);
    ground.act(&expired, "approve", 409).await;
    ground.act(&expired, "resend", 409).await;
    ground.work().await;
    assert!(ground.post.news().iter().all(|mail| mail.to != "ada@example.com"));
}

#[tokio::test]
async fn a_patch_merges_and_one_that_gives_more_asks_for_approval_again() {
    let ground = Ground::with_approval().await;
    let app = &ground.app;
    let id = ground
        .invite(json!({
            "email": "ada@example.com", "scopes": ["a:**"], "message": "hi", "inviter": { "id": "u1", "name": "Ann" },
            "metadata": { "a": 1, "b": 2 },
        }))
        .await
        .id();
    ground.act(&id, "approve", 200).await;
    let token = ground.token().await;
    let fetched = app.root().get(&ground.one(&id)).expect(200).await;
    let events = app.event_types("").await.len();
    app.advance(Duration::from_secs(1));
    for body in [fetched.data().clone(), json!({})] {
        let same = app.root().patch(&ground.one(&id), body).expect(200).await;
        assert_eq!((same.data(), same.header("etag")), (fetched.data(), fetched.header("etag")));
    }
    assert_eq!(app.event_types("").await.len(), events);
    let patch = json!({
        "scopes": ["a:read"], "user_title": "CTO", "message": null, "inviter": { "name": "Bob" },
        "expires_in_seconds": 3600, "metadata": { "a": null, "c": 3 },
    });
    let one = ground.one(&id);
    let after = app.root().patch(&one, patch.clone()).header("if-match", fetched.header("etag")).expect(200).await;
    app.root().patch(&one, patch).header("if-match", fetched.header("etag")).expect(412).await;
    assert_eq!((&after.data()["status"], &after.data()["scopes"]), (&json!("pending"), &json!(["a:read"])));
    assert_eq!(
        (&after.data()["message"], &after.data()["inviter"]),
        (&Value::Null, &json!({ "id": "u1", "name": "Bob" }))
    );
    assert_eq!(
        (&after.data()["expires_at"], &after.data()["metadata"]),
        (&json!(app.now() + 3_600_000), &json!({ "b": 2, "c": 3 }))
    );
    let event = &app.events("event_types=organization.invitation.updated").await[0];
    let changes = json!(["expires_at", "inviter", "message", "metadata", "scopes", "user_title"]);
    assert_eq!(event["data"], json!({ "changes": changes }));
    let widened = app.root().patch(&one, json!({ "role": "admin" })).expect(200).await;
    assert_eq!(
        (&widened.data()["status"], &widened.data()["scopes"]),
        (&json!("pending_approval"), &json!(["a:read", "admin"]))
    );
    assert_eq!(widened.data()["approval"]["decided_at"], Value::Null);
    let types = app.event_types("").await;
    let last = ["organization.invitation.updated", "organization.invitation.approval-requested"];
    assert_eq!(types[types.len() - 2..], last);
    let user = ground.user("ada@example.com", true).await;
    assert!(matches!(ground.accept(&token, user).await, Err(Refusal::Conflict { .. })), "its link is dead");
    ground.act(&id, "approve", 200).await;
    ground.work().await;
    let mails = ground.post.news();
    assert_eq!(mails.iter().filter(|mail| mail.to == "ada@example.com").count(), 1);
    let refused = app.root().patch(&one, json!({ "scopes": [], "role": null })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes required"]);
    let refused = app.root().patch(&one, json!({ "scopes": null, "expires_at": 5 })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes invalid_type"]);
    app.advance(DAY * 8);
    app.root().patch(&one, json!({ "message": "late" })).expect(409).await;
}
