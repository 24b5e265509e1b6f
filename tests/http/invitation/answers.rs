//! What becomes of invitations.

use super::*;

#[tokio::test]
async fn an_accepted_invitation_makes_one_member_and_forgets_the_address() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let body = json!({
        "email": "ada@example.com", "role": "member", "scopes": ["a:read"], "user_title": "CTO", "message": "hi",
        "inviter": { "id": "u1", "name": "Ann" },
    });
    let made = ground.invite(body).await;
    assert_eq!(made.data()["scopes"], json!(["a:read", "member"]));
    let token = ground.token().await;
    let user = ground.user("Ada@Example.com", true).await;
    let attempts = join_all((0..16).map(|_| ground.accept(&token, user))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = attempts.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), refused.len()), (1, 15));
    assert!(refused.iter().all(|refusal| matches!(refusal, Err(Refusal::Conflict { .. }))));
    let member = app.root().get(&format!("{}/members/{user}", ground.organization)).expect(200).await;
    assert_eq!((&member.data()["scopes"], &member.data()["roles"]), (&json!(["a:read"]), &json!(["member"])));
    assert_eq!(member.data()["user_title"], "CTO");
    let after = ground.get(&made.id()).await;
    assert_eq!((&after["status"], &after["accepted_at"]), (&json!("accepted"), &json!(app.now())));
    assert_eq!((&after["email_invited"], &after["user_id_invited"]), (&json!("ada@example.com"), &json!(user)));
    assert_eq!((&after["message"], &after["inviter"]), (&Value::Null, &json!({ "id": "u1", "name": null })));
    let types = app.event_types("event_types=organization.invitation.accepted,organization.membership.created").await;
    assert_eq!(types, ["organization.invitation.accepted", "organization.membership.created"]);
    let events = app.events("event_types=organization.invitation.accepted,organization.membership.created").await;
    assert_eq!(events[0]["data"], json!({ "scopes": ["a:read", "member"] }));
    assert_eq!(events[0]["subject"]["user_id"], user.to_string());
    assert_eq!(events[1]["data"]["origin"], "invitation");
    // Once the user has another address, the invited one is nobody's to see.
    let path = format!("{}/users/{user}", ground.issuer);
    app.root().patch(&path, json!({ "email": "other@example.com" })).expect(200).await;
    assert_eq!(ground.get(&made.id()).await["email_invited"], "");
    for action in ["resend", "revoke", "approve", "reject"] {
        ground.act(&made.id(), action, 409).await;
    }
    app.root().patch(&ground.one(&made.id()), json!({ "message": "x" })).expect(409).await;
}

#[tokio::test]
async fn only_who_has_proven_the_invited_address_comes_in() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let id = ground.invited("ada@example.com").await;
    let token = ground.token().await;
    let unverified = ground.user("ada@example.com", false).await;
    let other = ground.user("bob@example.com", true).await;
    for user in [unverified, other] {
        assert!(matches!(ground.accept(&token, user).await, Err(Refusal::AccessDenied(_))));
    }
    let (name, _) = token.split_once('.').unwrap();
    let forged = format!("{name}.{}", "A".repeat(43));
    let patch = json!({ "profile": { "email_verified": true } });
    app.root().patch(&format!("{}/users/{unverified}", ground.issuer), patch).expect(200).await;
    assert!(matches!(ground.accept(&forged, unverified).await, Err(Refusal::NotFound)));
    app.root().patch(&ground.organization, json!({ "status": "suspended" })).expect(200).await;
    assert!(matches!(ground.accept(&token, unverified).await, Err(Refusal::Conflict { .. })));
    app.root().patch(&ground.organization, json!({ "status": "active" })).expect(200).await;
    let work = Decline(ground.entering(&token, other));
    assert!(matches!(app.authpi.run(&work).await, Err(Refusal::AccessDenied(_))));
    let work = Decline(ground.entering(&token, unverified));
    app.authpi.run(&work).await.unwrap();
    assert_eq!(ground.get(&id).await["declined_at"], app.now());
    assert_eq!(app.event_types("event_types=organization.invitation.declined").await.len(), 1);
    assert!(matches!(ground.accept(&token, unverified).await, Err(Refusal::Conflict { .. })));
    app.advance(DAY * 8);
    ground.invited("ada@example.com").await;
    let late = ground.token().await;
    app.advance(DAY * 7);
    assert!(matches!(ground.accept(&late, unverified).await, Err(Refusal::Conflict { .. })), "expired");
}

#[tokio::test]
async fn a_resent_invitation_has_another_link_and_its_whole_lifetime() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let id = ground.invited("ada@example.com").await;
    let old = ground.token().await;
    app.advance(Duration::from_secs(59));
    let early = ground.act(&id, "resend", 429).await;
    assert_eq!(early.header("retry-after"), "1");
    app.advance(Duration::from_secs(1));
    let events = app.event_types("").await.len();
    let again = ground.act(&id, "resend", 200).await;
    assert_eq!(again.data()["last_email_sent_at"], app.now());
    assert_eq!(again.data()["expires_at"], app.now() + 7 * 86_400_000);
    assert_eq!(app.event_types("").await.len(), events, "only the mail has an event");
    let new = ground.token().await;
    let user = ground.user("ada@example.com", true).await;
    assert!(matches!(ground.accept(&old, user).await, Err(Refusal::NotFound)));
    // Expired ones can be sent again for thirty days.
    app.advance(DAY * 7 + DAY * 30);
    assert_eq!(ground.get(&id).await["status"], "expired");
    ground.act(&id, "resend", 200).await;
    assert!(matches!(ground.accept(&new, user).await, Err(Refusal::NotFound)));
    let newest = ground.token().await;
    app.advance(DAY * 37 + Duration::from_millis(1));
    ground.act(&id, "resend", 409).await;
    assert!(matches!(ground.accept(&newest, user).await, Err(Refusal::Conflict { .. })));
}

#[tokio::test]
async fn a_revoked_invitation_is_dead_and_its_unsent_mail_gone() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let id = ground.invited("ada@example.com").await;
    let etag = app.root().get(&ground.one(&id)).expect(200).await.header("etag").to_owned();
    let revoke = format!("{}/revoke", ground.one(&id));
    app.root().act(&revoke).header("if-match", "\"1\"").expect(412).await;
    let revoked = app.root().act(&revoke).header("if-match", &etag).expect(200).await;
    assert_eq!((&revoked.data()["status"], &revoked.data()["revoked_at"]), (&json!("revoked"), &json!(app.now())));
    ground.work().await;
    assert!(ground.post.news().is_empty());
    let event = &app.events("event_types=organization.invitation.deleted").await[0];
    assert_eq!(event["data"], json!({ "cause": "revoked" }));
    ground.act(&id, "revoke", 409).await;
    let pending = ground.invited("ada@example.com").await;
    app.advance(DAY * 8);
    ground.act(&pending, "revoke", 200).await;
    assert_eq!(ground.statuses("").await, ["revoked", "revoked"]);
}
