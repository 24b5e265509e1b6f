//! /v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, IssuerId, UserId};
use authpi_core::invitation::model::LinkToken;
use authpi_core::invitation::operations::{Door, accept, decline};
use authpi_core::membership::model::Membership;
use authpi_core::store::Change;
use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::{App, Reply};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// An organization that people are invited into.
struct Ground {
    app: App,
    post: Arc<Postbox>,
    issuer: String,
    organization: String,
    invitations: String,
}

impl Ground {
    async fn new(organization: Value) -> Self {
        let post = Postbox::new();
        let app = App::start_mailing(DRIVER, Arc::clone(&post) as _).await;
        let issuer = app.issuer().await;
        let made = app.root().post(&format!("{issuer}/organizations"), organization).expect(201).await;
        let organization = format!("{issuer}/organizations/{}", made.id());
        let invitations = format!("{organization}/invitations");
        Self { app, post, issuer, organization, invitations }
    }

    async fn plain() -> Self {
        Self::new(json!({ "name": "Acme" })).await
    }

    async fn with_approval() -> Self {
        Self::new(json!({ "name": "Acme", "invitations": { "require_approval": true } })).await
    }

    async fn invite(&self, body: Value) -> Reply {
        self.app.root().post(&self.invitations, body).expect(201).await
    }

    async fn invited(&self, email: &str) -> String {
        self.invite(json!({ "email": email, "scopes": ["a:read"] })).await.id()
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.invitations)
    }

    async fn act(&self, id: &str, action: &str, status: u16) -> Reply {
        self.app.root().act(&format!("{}/{action}", self.one(id))).expect(status).await
    }

    async fn get(&self, id: &str) -> Value {
        self.app.root().get(&self.one(id)).expect(200).await.data().clone()
    }

    async fn statuses(&self, query: &str) -> Vec<String> {
        let page = self.app.root().get(&format!("{}?{query}", self.invitations)).expect(200).await;
        page.data().as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect()
    }

    async fn pending(&self) -> Value {
        let organization = self.app.root().get(&self.organization).expect(200).await;
        organization.data()["stats"]["n_pending_invitations"].clone()
    }

    async fn work(&self) {
        worker::run_once(self.app.authpi.services()).await.unwrap();
    }

    /// The token of the link in the mail that was sent since the last look.
    async fn token(&self) -> String {
        self.work().await;
        let text = self.post.only().text;
        text.split("/invitation?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    /// A user whose address is proven, or not.
    async fn user(&self, email: &str, verified: bool) -> UserId {
        let body = json!({ "email": email, "profile": { "email_verified": verified } });
        self.app.root().post(&format!("{}/users", self.issuer), body).expect(201).await.id().parse().unwrap()
    }

    fn entering(&self, token: &str, user: UserId) -> Enter {
        Enter {
            account: self.app.account.parse().unwrap(),
            issuer: self.issuer.rsplit('/').next().unwrap().parse().unwrap(),
            door: Door::Link(LinkToken::parse(token).unwrap()),
            user,
        }
    }

    async fn accept(&self, token: &str, user: UserId) -> Result<Membership, Refusal> {
        self.app.authpi.run(&Accept(self.entering(token, user))).await
    }
}

struct Enter {
    account: AccountId,
    issuer: IssuerId,
    door: Door,
    user: UserId,
}

struct Accept(Enter);

struct Decline(Enter);

#[async_trait]
impl Work for Accept {
    type Output = Membership;

    fn account(&self) -> AccountId {
        self.0.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.0.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Membership, Refusal> {
        accept(change, self.0.issuer, &self.0.door, self.0.user).await
    }
}

#[async_trait]
impl Work for Decline {
    type Output = ();

    fn account(&self) -> AccountId {
        self.0.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.0.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        decline(change, self.0.issuer, &self.0.door, self.0.user).await
    }
}

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
