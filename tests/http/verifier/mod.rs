//! /v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers

mod factors;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::totp::code;
use tests::{App, Reply};

use super::DRIVER;

/// A user, and its credentials.
struct Ground {
    app: App,
    issuer: String,
    id: String,
    user: String,
    verifiers: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(DRIVER).await;
        let issuer = app.issuer().await;
        let id = app.user(&issuer, "ada@example.com").await;
        let user = format!("{issuer}/users/{id}");
        let verifiers = format!("{user}/verifiers");
        Self { app, issuer, id, user, verifiers }
    }

    /// Types and data of the events about the user, oldest first, without its creation.
    async fn trail(&self) -> Vec<(String, Value)> {
        let events = self.app.events(&format!("user_id={}", self.id)).await;
        let told = |event: Value| (event["type"].as_str().unwrap().to_owned(), event["data"].clone());
        events.into_iter().skip(1).map(told).collect()
    }

    async fn types(&self) -> Vec<String> {
        self.trail().await.into_iter().map(|(kind, _)| kind).collect()
    }

    async fn create(&self, body: Value) -> Reply {
        self.app.root().post(&self.verifiers, body).expect(201).await
    }

    async fn list(&self) -> Vec<Value> {
        let page = self.app.root().get(&self.verifiers).expect(200).await;
        assert_eq!((&page.body["has_more"], &page.body["next_cursor"]), (&json!(false), &Value::Null));
        page.data().as_array().unwrap().clone()
    }

    /// The credential of a kind.
    async fn of_kind(&self, kind: &str) -> Value {
        self.list().await.into_iter().find(|verifier| verifier["type"] == kind).unwrap_or_default()
    }

    async fn security(&self) -> Value {
        self.app.root().get(&self.user).expect(200).await.data()["security"].clone()
    }

    async fn complete(&self, enrollment: &Reply, code: &str) -> Value {
        let body = json!({ "enrollment_id": enrollment.text("enrollment_id"), "code": code });
        let path = format!("{}/complete-enrollment", self.verifiers);
        self.app.root().post(&path, body).expect(200).await.data().clone()
    }

    /// Sets an app up; returns the id of the credential, the seed and the backup codes. The code that proved it is used.
    async fn enrolled(&self) -> (String, String, Vec<String>) {
        let begun = self.create(json!({ "type": "totp_app" })).await;
        let secret = begun.text("secret");
        let done = self.complete(&begun, &code(&secret, self.app.now())).await;
        assert_eq!(done["success"], true, "{done}");
        let codes = done["backup_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
        (done["verifier_id"].as_str().unwrap().to_owned(), secret, codes.collect())
    }

    async fn verify(&self, id: &str, code: &str) -> Value {
        let path = format!("{}/{id}/verify", self.verifiers);
        self.app.root().post(&path, json!({ "code": code })).expect(200).await.data().clone()
    }
}

#[tokio::test]
async fn another_password_ends_all_sessions_and_takes_back_the_trust_in_devices() {
    let ground = Ground::new().await;
    let made = ground.create(json!({ "type": "password", "password": "correct horse battery" })).await;
    let shown =
        json!({ "enrollment_id": made.text("enrollment_id"), "secret": "", "provisioning_uri": "", "expires_at": 0 });
    assert_eq!(made.data(), &shown);
    let id = made.text("enrollment_id");
    let read = ground.app.root().get(&format!("{}/{id}", ground.verifiers)).expect(200).await;
    let expected = json!({
        "id": id, "user_id": ground.id, "issuer_id": ground.issuer.rsplit('/').next().unwrap(), "type": "password",
        "name": null, "status": "active", "password": { "changed_at": ground.app.now() },
        "created_at": ground.app.now(), "updated_at": ground.app.now(), "last_used_at": null,
    });
    assert_eq!(read.data(), &expected);
    assert_eq!(ground.list().await, [expected]);
    assert_eq!(read.header("etag"), made.header("etag"));
    assert_eq!(ground.security().await["password_changed_at"], ground.app.now());

    ground
        .app
        .root()
        .post(&format!("{}/trusted-devices", ground.user), json!({ "fingerprint": "f" }))
        .expect(201)
        .await;
    ground.app.log_in(&ground.issuer, &ground.id).await;
    ground.app.advance(Duration::from_secs(1));
    let again = ground.create(json!({ "type": "password", "password": "a quite different phrase" })).await;
    assert_eq!(again.text("enrollment_id"), id, "one user has one password");
    assert_ne!(again.header("etag"), made.header("etag"));
    assert_eq!(ground.of_kind("password").await["password"]["changed_at"], ground.app.now());
    let trail = ground.trail().await;
    assert_eq!(trail[0], ("user.verifier.created".to_owned(), json!({ "verifier_type": "password" })));
    let changed = json!({ "by": ground.app.key.0, "sessions_terminated": 1 });
    assert_eq!(trail[3], ("user.password.changed".to_owned(), changed));
    assert_eq!(trail[4].0, "session.terminated");
    assert_eq!(trail[5], ("user.device.revoked".to_owned(), json!({ "count": 1 })));
    assert_eq!(trail.len(), 6);
}

#[tokio::test]
async fn a_password_must_be_long_unknown_and_hard_to_guess() {
    let ground = Ground::new().await;
    let weak = [
        ("short1!", "too_short"),
        ("ninechars", "too_short"),
        ("password123", "not_allowed"),
        ("aaaaaaaaaaaaaaa", "not_allowed"),
        ("ada@example.com-1", "not_allowed"),
        ("Qwertyuiop123", "not_allowed"),
    ];
    for (password, problem) in weak {
        for kind in ["password", "temporary-password"] {
            let body = json!({ "type": kind, "password": password });
            let refused = ground.app.root().post(&ground.verifiers, body).expect(400).await;
            assert_eq!(refused.refusal().1, [format!("password {problem}")], "{password}");
            assert!(!refused.body.to_string().contains(password), "{refused}");
        }
        let body = json!({ "email": "bob@example.com", "password": password.replace("ada", "bob") });
        let refused = ground.app.root().post(&format!("{}/users", ground.issuer), body).expect(400).await;
        assert_eq!(refused.refusal().1, [format!("password {problem}")], "{password}");
    }
    assert!(ground.list().await.is_empty() && ground.types().await.is_empty());
    let off = json!({ "settings": { "security": { "password": { "check_breached": false } } } });
    ground.app.root().patch(&ground.issuer, off).expect(200).await;
    let refused =
        ground.app.root().post(&ground.verifiers, json!({ "type": "password", "password": "password123" })).send();
    let refused = refused.await;
    assert!(refused.body.to_string().contains("easy to guess"), "breached or not: {refused}");
}

#[tokio::test]
async fn a_temporary_password_lasts_a_day_or_until_there_is_a_real_one() {
    let ground = Ground::new().await;
    let made = ground.create(json!({ "type": "temporary-password" })).await;
    assert_eq!(made.text("secret").len(), 21);
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(made.data()["expires_at"], ground.app.now() + day);
    let told = json!({ "type": "temporary-password", "password": "kx7!qZp2vv-kx" });
    let own = ground.create(told).await;
    assert_eq!((own.text("secret").as_str(), own.text("enrollment_id")), ("", made.text("enrollment_id")));
    let shown = ground.of_kind("temporary-password").await;
    assert_eq!(shown["temporary-password"], json!({ "expires_at": ground.app.now() + day }));
    assert_eq!(ground.security().await["password_set"], false);
    ground.app.advance(Duration::from_millis(u64::try_from(day).unwrap()));
    assert!(ground.list().await.is_empty());
    ground.app.root().get(&format!("{}/{}", ground.verifiers, made.text("enrollment_id"))).expect(404).await;

    ground.create(json!({ "type": "temporary-password" })).await;
    ground.create(json!({ "type": "password", "password": "correct horse battery" })).await;
    assert_eq!(ground.list().await.len(), 1, "the password alone");
    let expected = [
        "user.verifier.created",
        "user.verifier.updated",
        "user.verifier.created",
        "user.verifier.created",
        "user.verifier.deleted",
    ];
    assert_eq!(ground.types().await, expected);
}
