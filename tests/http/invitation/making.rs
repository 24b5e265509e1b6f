//! Who is invited, and to what.

use super::*;

#[tokio::test]
async fn an_invitation_reads_back_whole_is_mailed_and_counted() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let before = app.root().get(&ground.organization).expect(200).await;
    let body = json!({
        "email_invited": "Ada@Example.com", "scopes": ["a:read", "owner"], "user_title": "CTO",
        "message": "Welcome!", "inviter": { "id": "u1", "name": "Ann" }, "expires_in_seconds": 1_209_600,
        "metadata": { "crm": 7 },
    });
    let made = ground.invite(body).await;
    let read = app.root().get(&ground.one(&made.id())).expect(200).await;
    assert_eq!((made.data(), made.header("etag")), (read.data(), read.header("etag")));
    assert_eq!(
        read.data(),
        &json!({
            "id": made.id(), "org_id": before.id(), "issuer_id": before.data()["issuer_id"], "status": "pending",
            "email_invited": "ada@example.com", "user_id_invited": null, "user_title": "CTO", "message": "Welcome!",
            "scopes": ["a:read", "owner"], "role": null, "roles": [], "approval": null,
            "inviter": { "id": "u1", "name": "Ann" }, "created_at": app.now(), "updated_at": app.now(),
            "expires_at": app.now() + 1_209_600_000, "accepted_at": null, "declined_at": null, "revoked_at": null,
            "last_email_sent_at": app.now(), "metadata": { "crm": 7 },
        })
    );
    assert_eq!(ground.pending().await, 1);
    let page = app.root().get(&format!("{}/organizations", ground.issuer)).expect(200).await;
    assert_eq!(page.data()[0]["stats"]["n_pending_invitations"], 1);
    let event = &app.events("event_types=organization.invitation.created").await[0];
    assert_eq!(event["subject"]["invitation_id"], made.id());
    let hash = event["data"]["email_hash"].as_str().unwrap().to_owned();
    assert_eq!(
        event["data"],
        json!({
            "status": "pending", "scopes": ["a:read", "owner"], "role": null,
            "expires_at": app.now() + 1_209_600_000, "email_hash": hash,
        })
    );
    ground.work().await;
    let mail = ground.post.only();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ada@example.com", "Invitation to Acme"));
    assert!(mail.text.contains("Ann invites you to join Acme.") && mail.text.contains("> Welcome!"), "{}", mail.text);
    let sent = &app.events("event_types=email.sent").await[0];
    assert_eq!(
        sent["data"],
        json!({ "template": "invitation", "message_id": mail.message_id, "recipient_hash": hash })
    );
    assert_eq!(sent["subject"]["invitation_id"], made.id());
    assert!(!serde_json::to_string(&app.events("").await).unwrap().contains("example.com"));
    assert!(!read.to_string().contains("token"));
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let body = json!({
        "email": "Ada <a@b.c>", "scopes": ["not a scope"], "role": 7, "user_title": "x".repeat(201),
        "message": "x".repeat(1001), "inviter": { "name": 7, "mail": "x" }, "expires_in_seconds": 60,
        "metadata": [], "typo": 1,
    });
    let refused = app.root().post(&ground.invitations, body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "email_invited invalid_format",
            "expires_in_seconds too_small",
            "inviter.mail unknown_field",
            "inviter.name invalid_type",
            "message too_long",
            "metadata invalid_type",
            "role invalid_type",
            "scopes.0 invalid_format",
            "typo unknown_field",
            "user_title too_long",
        ]
    );
    for email in ["a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f", "\"a\"@b.c", "a", ""] {
        let refused = app.root().post(&ground.invitations, json!({ "email": email, "scopes": ["a:read"] }));
        assert_eq!(refused.expect(400).await.refusal().1, ["email_invited invalid_format"], "{email}");
    }
    let refused = app.root().post(&ground.invitations, json!({ "email": "a@b.c" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["scopes required"]);
    let refused = app.root().post(&ground.invitations, json!({ "email": "a@b.c", "role": "nobody" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["role unknown_reference"]);
    for (end, code) in [(app.now() + 60_000, "too_small"), (app.now() + 91 * 86_400_000, "too_big")] {
        let body = json!({ "email": "a@b.c", "scopes": ["a:read"], "expires_at": end });
        let refused = app.root().post(&ground.invitations, body).expect(400).await;
        assert_eq!(refused.refusal().1, [format!("expires_at {code}")]);
    }
    assert_eq!(ground.statuses("").await, [""; 0]);
    ground.work().await;
    assert!(ground.post.news().is_empty());
}

#[tokio::test]
async fn what_is_left_out_comes_from_organization_type_and_issuer() {
    let ground = Ground::new(json!({
        "name": "Acme", "default_member_scopes": ["a:read"], "invitation_message": "From all of us",
    }))
    .await;
    let app = &ground.app;
    let made = ground.invite(json!({ "email": "a@b.c" })).await;
    assert_eq!(made.data()["scopes"], json!(["a:read"]));
    assert_eq!(made.data()["expires_at"], app.now() + 7 * 86_400_000);
    ground.work().await;
    assert!(ground.post.only().text.contains("> From all of us"));
    let patch = json!({ "settings": { "invitations": { "ttl_seconds": 7200 } } });
    app.root().patch(&ground.issuer, patch).expect(200).await;
    let by_issuer = ground.invite(json!({ "email": "b@b.c" })).await;
    assert_eq!(by_issuer.data()["expires_at"], app.now() + 7_200_000);
    let types = json!({ "default": { "invitations": { "ttl_seconds": 10800 }, "default_role": "member" } });
    let patch = json!({ "settings": { "organizations": { "types": types } } });
    app.root().patch(&ground.issuer, patch).expect(200).await;
    let by_type = ground.invite(json!({ "email": "c@b.c" })).await;
    assert_eq!(by_type.data()["expires_at"], app.now() + 10_800_000);
    assert_eq!((&by_type.data()["role"], &by_type.data()["scopes"]), (&json!("member"), &json!(["a:read", "member"])));
    let patch = json!({ "invitations": { "ttl_seconds": 3600 } });
    let patched = app.root().patch(&ground.organization, patch).expect(200).await;
    assert_eq!(patched.data()["invitations"], json!({ "require_approval": null, "ttl_seconds": 3600 }));
    let by_organization = ground.invite(json!({ "email": "d@b.c" })).await;
    assert_eq!(by_organization.data()["expires_at"], app.now() + 3_600_000);
}

#[tokio::test]
async fn who_is_invited_or_a_member_or_has_no_room_is_not_invited() {
    let ground = Ground::new(json!({ "name": "Acme", "max_members": 3 })).await;
    let app = &ground.app;
    let refused = async |body: Value| app.root().post(&ground.invitations, body).expect(409).await.refusal();
    let scopes = json!(["a:read"]);
    ground.invited("ada@example.com").await;
    let again = refused(json!({ "email": "ADA@example.com", "scopes": scopes })).await;
    assert_eq!(again, ("conflict".to_owned(), vec!["email_invited not_unique".to_owned()]));
    let member = ground.user("bob@example.com", true).await;
    let body = json!({ "member_id": member.to_string(), "scopes": scopes });
    app.root().post(&format!("{}/members", ground.organization), body).expect(201).await;
    let known = refused(json!({ "email": "bob@example.com", "scopes": scopes })).await;
    assert_eq!(known.1, ["email_invited not_unique"]);
    let third = ground.invited("carl@example.com").await;
    assert_eq!(refused(json!({ "email": "dan@example.com", "scopes": scopes })).await.1, [""; 0]);
    ground.act(&third, "revoke", 200).await;
    ground.invited("dan@example.com").await;
    app.root()
        .patch(&ground.organization, json!({ "max_members": null, "invitation_enabled": false }))
        .expect(200)
        .await;
    refused(json!({ "email": "eve@example.com", "scopes": scopes })).await;
    let patch = json!({ "invitation_enabled": true, "status": "suspended" });
    app.root().patch(&ground.organization, patch).expect(200).await;
    refused(json!({ "email": "eve@example.com", "scopes": scopes })).await;
    // An expired invitation stands in nobody's way.
    app.root().patch(&ground.organization, json!({ "status": "active" })).expect(200).await;
    app.advance(DAY * 8);
    assert_eq!(ground.pending().await, 0);
    ground.invited("ada@example.com").await;
}

#[tokio::test]
async fn a_member_is_known_by_the_proven_address_of_the_profile() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let users = format!("{}/users", ground.issuer);
    let body = json!({ "username": "bob", "profile": { "email": "Bob@Example.com", "email_verified": true } });
    let bob = app.root().post(&users, body).expect(201).await.id();
    let member = json!({ "member_id": bob, "scopes": ["a:read"] });
    app.root().post(&format!("{}/members", ground.organization), member).expect(201).await;
    let invite = || app.root().post(&ground.invitations, json!({ "email": "bob@example.com", "scopes": ["a:read"] }));
    assert_eq!(invite().expect(409).await.refusal().1, ["email_invited not_unique"]);
    // Who only says that it is theirs, is not known by it.
    let path = format!("{users}/{bob}");
    app.root().patch(&path, json!({ "profile": { "email_verified": false } })).expect(200).await;
    let made = invite().expect(201).await;
    assert_eq!(made.data()["user_id_invited"], Value::Null);
    ground.act(&made.id(), "revoke", 200).await;
    app.root().patch(&path, json!({ "profile": { "email_verified": true } })).expect(200).await;
    invite().expect(409).await;
    app.root().patch(&path, json!({ "profile": { "email": "other@example.com" } })).expect(200).await;
    ground.act(&invite().expect(201).await.id(), "revoke", 200).await;
    app.root()
        .patch(&path, json!({ "profile": { "email": "bob@example.com", "email_verified": true } }))
        .expect(200)
        .await;
    app.root().delete(&path).expect(204).await;
    invite().expect(201).await;
}

#[tokio::test]
async fn whose_proven_address_it_is_is_named_before_whose_username_it_is() {
    let ground = Ground::plain().await;
    let app = &ground.app;
    let users = format!("{}/users", ground.issuer);
    let by_name = ground.user("ada@example.com", false).await.to_string();
    let named = ground.invite(json!({ "email": "ada@example.com", "scopes": ["a:read"] })).await;
    assert_eq!(named.data()["user_id_invited"], by_name);
    ground.act(&named.id(), "revoke", 200).await;
    let body = json!({ "username": "ada", "profile": { "email": "ADA@example.com", "email_verified": true } });
    let proven = app.root().post(&users, body).expect(201).await.id();
    let invited = ground.invite(json!({ "email": "ada@example.com", "scopes": ["a:read"] })).await;
    assert_eq!(invited.data()["user_id_invited"], proven);
    // Nobody is told by a list whose address it is.
    let listed = app.root().get(&users).expect(200).await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains("email_hash"));
}

#[tokio::test]
async fn of_sixteen_parallel_invitations_of_one_address_one_is_made() {
    let ground = Ground::plain().await;
    let body = json!({ "email": "ada@example.com", "scopes": ["a:read"] });
    let racers = (0..16).map(|_| ground.app.root().post(&ground.invitations, body.clone()).send());
    let replies = join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (1, 15));
    ground.work().await;
    assert_eq!(ground.post.news().len(), 1);
}
