//! Notices that calls of the management API cause: from the event to the mail in the recipient's hands.

use std::sync::Arc;
use std::time::Duration;

use authpi_core::webhook::model::DeliveryStatus;
use authpi_core::worker;
use authpi_transport::SmtpMailer;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tests::smtp::{Received, SmtpSink};
use tests::totp::code;
use tests::{App, Receiver};

use super::DRIVER;

/// A user whose address is proven, in an issuer whose mail goes to a server.
struct Ground {
    app: App,
    sink: SmtpSink,
    issuer: String,
    user: String,
}

impl Ground {
    async fn new() -> Self {
        let sink = SmtpSink::start().await;
        let mailer = SmtpMailer::connect(&sink.url, "no-reply@id.example").unwrap();
        let app = App::start_mailing(DRIVER, Arc::new(mailer)).await;
        let issuer = app.issuer().await;
        let body = json!({ "email": "ada@example.com", "profile": { "email_verified": true } });
        let id = app.root().post(&format!("{issuer}/users"), body).expect(201).await.id();
        Self { user: format!("{issuer}/users/{id}"), app, sink, issuer }
    }

    /// Somebody who owns the account.
    async fn owner(&self) {
        let organization = self.app.account_organization().await;
        let (platform, _) = organization.split_once("/organizations/").unwrap();
        let body = json!({ "email": "boss@example.com", "profile": { "email_verified": true } });
        let boss = self.app.root().post(&format!("{platform}/users"), body).expect(201).await.id();
        let member = json!({ "member_id": boss, "scopes": ["owner"] });
        self.app.root().post(&format!("{organization}/members"), member).expect(201).await;
        self.app.root().patch(&self.app.path(""), json!({ "owner_user_id": boss })).expect(200).await;
    }

    async fn post(&self, path: &str, body: Value) -> tests::Reply {
        self.app.root().post(path, body).expect(201).await
    }

    /// The one mail that what was done last causes: of this template, to this mailbox, with all of `phrases` in both
    /// of its bodies.
    async fn told(&self, template: &str, to: &str, subject: &str, phrases: &[&str]) -> Received {
        let (mails, events) = (self.sink.received().len(), self.sent().await.len());
        worker::run_once(self.app.authpi.services()).await.unwrap();
        let new = self.sink.received().split_off(mails);
        let headings: Vec<_> = new.iter().map(|mail| mail.header("Subject")).collect();
        assert_eq!(headings, [subject], "{template}");
        let mail = new.into_iter().next().unwrap();
        assert_eq!((mail.to.as_str(), mail.header("Auto-Submitted").as_str()), (to, "auto-generated"), "{template}");
        assert!(mail.header("Content-Type").starts_with("multipart/alternative"), "{template}");
        for kind in ["text/plain", "text/html"] {
            assert!(mail.data.contains(&format!("Content-Type: {kind}")), "{template} has no {kind}");
        }
        let both = mail.text();
        for link in both.split_whitespace().filter(|word| word.starts_with(&self.app.base)) {
            let path = link.strip_prefix(&self.app.base).unwrap();
            let found = self.app.anonymous().get(path).send().await;
            assert_ne!(found.status, 404, "{template} leads to {link}, which is not there");
        }
        for phrase in phrases {
            assert!(both.matches(phrase).count() >= 2, "{template} says {phrase:?} in both bodies: {both}");
        }
        let sent = self.sent().await.split_off(events);
        let told: Vec<_> = sent.iter().map(|event| event["data"]["template"].as_str().unwrap()).collect();
        assert_eq!(told, [template]);
        assert_eq!(sent[0]["data"]["recipient_hash"].as_str().unwrap().len(), 64);
        assert!(!sent[0].to_string().contains(to), "an event names nobody");
        mail
    }

    /// Nothing that was done since causes mail.
    async fn nothing(&self) {
        let before = self.sink.received().len();
        worker::run_once(self.app.authpi.services()).await.unwrap();
        assert_eq!(self.sink.received().len(), before);
    }

    async fn sent(&self) -> Vec<Value> {
        self.app.events("event_types=email.sent").await
    }
}

const BY_ANOTHER: &str = "An administrator or an application did this, not you.";

#[tokio::test]
async fn an_event_of_a_later_version_waits_for_that_version_and_holds_up_no_notice() {
    let ground = Ground::new().await;
    let verifiers = format!("{}/verifiers", ground.user);
    let password = |text: &str| json!({ "type": "password", "password": text });
    ground.post(&verifiers, password("k7!qZp2vv-Rw9xT4mN6bH8cJ")).await;
    ground.nothing().await;
    ground.post(&verifiers, password("3dK5-gurkensalat-0hW+iE=jU")).await;
    let url = format!("sqlite://{}", ground.app.folder.path().join("authpi.db").display());
    let database = sea_orm::Database::connect(&url).await.unwrap();
    let change = "UPDATE authpi_event SET kind = kind || '.newer' WHERE kind LIKE 'user.password.%'";
    assert!(database.execute_unprepared(change).await.unwrap().rows_affected() > 0);
    ground.nothing().await;
    ground.post(&verifiers, password("8sW4-kartoffelsalat-Qz+uR=mP")).await;
    ground.told("password_changed", "ada@example.com", "Your password was changed", &[BY_ANOTHER]).await;
}

#[tokio::test]
async fn a_user_is_told_of_each_change_of_their_credentials() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let (ada, verifiers) = ("ada@example.com", format!("{}/verifiers", ground.user));
    let password = |text: &str| json!({ "type": "password", "password": text });
    ground.post(&verifiers, password("k7!qZp2vv-Rw9xT4mN6bH8cJ")).await;
    ground.nothing().await;
    ground.post(&verifiers, password("3dK5-gurkensalat-0hW+iE=jU")).await;
    let subject = "Your password was changed";
    let mail = ground.told("password_changed", ada, subject, &[BY_ANOTHER]).await;
    assert!(!mail.text().contains("gurkensalat"));

    let subject = "Your two-step verification was changed";
    let begun = ground.post(&verifiers, json!({ "type": "totp_app" })).await;
    ground.nothing().await;
    let body = json!({
        "enrollment_id": begun.text("enrollment_id"), "code": code(&begun.text("secret"), app.now()),
    });
    let done = app.root().post(&format!("{verifiers}/complete-enrollment"), body).expect(200).await;
    ground.told("mfa_changed", ada, subject, &[BY_ANOTHER]).await;
    let listed = app.root().get(&verifiers).expect(200).await;
    let codes = listed.data().as_array().unwrap().iter().find(|one| one["type"] == "backup_codes").unwrap().clone();
    app.root().act(&format!("{verifiers}/{}/regenerate", codes["id"].as_str().unwrap())).expect(200).await;
    ground.told("mfa_changed", ada, subject, &[BY_ANOTHER]).await;
    // Its backup codes go with it, and that is told once.
    app.root().delete(&format!("{verifiers}/{}", done.text("verifier_id"))).expect(204).await;
    ground.told("mfa_changed", ada, subject, &[BY_ANOTHER]).await;

    app.root().patch(&ground.user, json!({ "email": "new@example.com" })).expect(200).await;
    ground.told("email_changed", ada, "Your email address was changed", &[BY_ANOTHER]).await;
    // The new one is not proven.
    ground.post(&verifiers, password("k7!qZp2vv-Rw9xT4mN6bH8cJ")).await;
    ground.nothing().await;
}

#[tokio::test]
async fn a_user_is_told_of_their_tokens_and_of_who_acts_for_them() {
    let ground = Ground::new().await;
    let app = &ground.app;
    let (ada, tokens) = ("ada@example.com", format!("{}/tokens", ground.user));
    let made = async |name: &str| {
        let token = ground.post(&tokens, json!({ "name": name, "restrictions": { "scopes": ["a:read"] } })).await;
        let mail =
            ground.told("personal_token_created", ada, "A personal token was created", &[name, BY_ANOTHER]).await;
        assert!(!mail.text().contains("ptk_"));
        token
    };
    let laptop = made("my laptop").await;
    let introspection = json!({ "token": laptop.text("token_plain"), "ip": "203.0.113.7" });
    for _ in 0..2 {
        let path = format!("{}/tokens/introspect", ground.issuer);
        app.root().post(&path, introspection.clone()).expect(200).await;
    }
    let subject = "A personal token was used from a new address";
    ground.told("personal_token_new_ip", ada, subject, &["my laptop"]).await;

    let subject = "A personal token no longer works";
    let one = |token: &tests::Reply| app.path(&format!("/tokens/{}", token.id()));
    app.root().patch(&one(&laptop), json!({ "status": "blocked" })).expect(200).await;
    ground.told("personal_token_revoked", ada, subject, &["my laptop", BY_ANOTHER]).await;
    app.root().patch(&one(&laptop), json!({ "status": "active" })).expect(200).await;
    ground.nothing().await;
    app.root().act(&format!("{}/revoke", one(&laptop))).expect(200).await;
    ground.told("personal_token_revoked", ada, subject, &["my laptop"]).await;
    let phone = made("my phone").await;
    app.root().delete(&one(&phone)).expect(204).await;
    ground.told("personal_token_revoked", ada, subject, &[]).await;

    let agent = ground.post(&format!("{}/agents", ground.issuer), json!({ "name": "Travel helper" })).await.id();
    let body = json!({ "agent_id": agent, "scopes": ["orders:read"] });
    let path = format!("{}/delegations", ground.user);
    let delegation = ground.post(&path, body).await.id();
    ground.told("delegation_granted", ada, "An agent may act for you", &["Travel helper", BY_ANOTHER]).await;
    app.root().act(&format!("{path}/{delegation}/revoke")).expect(200).await;
    ground.nothing().await;
}

#[tokio::test]
async fn who_signed_up_or_is_invited_is_told_what_was_decided() {
    let ground = Ground::new().await;
    let app = &ground.app;
    for (email, verdict, template, subject) in [
        ("in@example.com", "approved", "approval_approved", "Your registration at acme was approved"),
        ("out@example.com", "rejected", "approval_rejected", "Your registration at acme was not approved"),
    ] {
        let id = app.sign_up(&ground.issuer, email).await;
        let proven = json!({ "profile": { "email_verified": true } });
        app.root().patch(&format!("{}/users/{id}", ground.issuer), proven).expect(200).await;
        ground.nothing().await;
        let body = json!({ "status": verdict, "reason": "We do not know Ada." });
        app.root().patch(&format!("{}/approvals/{id}", ground.issuer), body).expect(200).await;
        let mail = ground.told(template, email, subject, &[]).await;
        let text = mail.text();
        assert!(!text.contains("We do not know") && !text.contains(BY_ANOTHER), "{text}");
    }
    let body = json!({ "name": "Acme", "invitations": { "require_approval": true } });
    let made = ground.post(&format!("{}/organizations", ground.issuer), body).await.id();
    let organization = format!("{}/organizations/{made}", ground.issuer);
    let ada = ground.user.rsplit('/').next().unwrap();
    ground.post(&format!("{organization}/members"), json!({ "member_id": ada, "scopes": ["admin"] })).await;
    let invitations = format!("{organization}/invitations");
    let invited = ground.post(&invitations, json!({ "email": "bob@example.com", "scopes": ["a:read"] })).await.id();
    let subject = "An invitation to Acme waits for approval";
    ground.told("invitation_approval", "ada@example.com", subject, &["bob@example.com", "a:read"]).await;
    app.root().act(&format!("{invitations}/{invited}/approve")).expect(200).await;
    ground.told("invitation", "bob@example.com", "Invitation to Acme", &["token=inv_"]).await;
    app.advance(Duration::from_mins(2));
    app.root().act(&format!("{invitations}/{invited}/resend")).expect(200).await;
    ground.told("invitation", "bob@example.com", "Invitation to Acme", &["token=inv_"]).await;
}

#[tokio::test]
async fn the_owner_of_an_account_is_told_of_its_keys_and_webhooks() {
    let ground = Ground::new().await;
    let app = &ground.app;
    ground.owner().await;
    ground.nothing().await;
    let limit = json!({ "limit": 5, "window_seconds": 60 });
    let body = json!({ "name": "Nightly job", "restrictions": { "scopes": ["accounts:read"], "rate_limit": limit } });
    let key = ground.post(&app.path("/api-keys"), body).await;
    let holder = app.with_key(&key.id(), &key.text("secret_plain"));
    for _ in 0..6 {
        holder.get("/v1/me").send().await;
    }
    let subject = "An API key is near its rate limit";
    ground.told("api_key_rate_limit", "boss@example.com", subject, &["Nightly job"]).await;
    // At most one mail for a key and day.
    app.advance(Duration::from_mins(2));
    for _ in 0..6 {
        holder.get("/v1/me").send().await;
    }
    ground.nothing().await;

    let receiver = Receiver::start().await;
    receiver.answer(410, &[], "");
    let body = json!({ "name": "Stock feed", "url": format!("{}/in", receiver.base), "auth": { "type": "none" } });
    let webhook = ground.post(&app.path("/webhooks"), body).await.id();
    let event = app.events("event_types=issuer.created").await[0]["id"].as_str().unwrap().to_owned();
    let delivery = app.deliver(&app.account, &webhook, &event, DeliveryStatus::Retrying).await;
    let path = app.path(&format!("/webhooks/{webhook}/deliveries/{delivery}/redeliver"));
    app.root().act(&path).expect(200).await;
    ground.told("webhook_disabled", "boss@example.com", "A webhook was disabled", &["Stock feed"]).await;
}
