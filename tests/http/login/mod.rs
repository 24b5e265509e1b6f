//! Logins, through the flow API.

mod address;
mod application;
mod claim;
mod discovery;
mod flow;
mod invitation;
mod limits;
mod lockout;
mod mails;
mod own_pages;
mod pages;
mod password;
mod place;
mod policies;
mod reset;
mod second_factor;
mod session;
mod signup;

use std::sync::Arc;

use authpi_core::login::model::{Application, LoginRequest, Wants};
use authpi_core::web::services::Options;
use authpi_core::worker;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::{App, Browser};
use totp_rs::{Algorithm, Builder, Secret};

use super::DRIVER;

/// A password that is good enough.
const PASSWORD: &str = "violet anvil 42 teapot drum";

/// Another one.
const OTHER: &str = "seven lamps over Grindelwald";

/// An issuer with everything that is offered, and a user with a password and a proven address.
struct Ground {
    app: App,
    post: Arc<Postbox>,
    issuer: String,
    user: String,
}

/// What an app shows that was told `secret`.
fn totp(secret: &str, now: i64) -> String {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build()
        .unwrap();
    totp.generate(u64::try_from(now).unwrap() / 1000).to_string()
}

/// A login that an application wants.
fn request(wants: Wants) -> LoginRequest {
    LoginRequest {
        client_id: Some(authpi_core::store::contract::mint()),
        application: Some(Application {
            name: "App".to_owned(),
            logo_url: None,
            redirect_host: Some("app.example.com".to_owned()),
        }),
        continuation: "continuation".to_owned(),
        wants,
    }
}

impl Ground {
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With other settings of the issuer.
    async fn with(settings: Value) -> Self {
        Self::limited(settings, false).await
    }

    /// With rate limits, or without.
    async fn limited(settings: Value, rate_limits: bool) -> Self {
        Self::on(settings, Options { rate_limits, ..Options::default() }).await
    }

    /// On a platform with these options.
    async fn on(settings: Value, options: Options) -> Self {
        let post = Postbox::new();
        let app = App::start_mailing_with(DRIVER, Arc::clone(&post) as _, options).await;
        let issuer = app.issuer().await;
        app.root().patch(&issuer, json!({ "settings": settings })).expect(200).await;
        let method = json!({ "method": "email-otp", "name": "Code" });
        app.root().post(&format!("{issuer}/auth-methods"), method).expect(201).await;
        let user = Self::made(&app, &issuer, "ada@example.com").await;
        Self { app, post, issuer, user }
    }

    async fn made(app: &App, issuer: &str, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD, "profile": { "email_verified": true } });
        app.root().post(&format!("{issuer}/users"), body).expect(201).await.id()
    }

    fn browser(&self) -> Browser<'_> {
        self.app.browser(&self.issuer)
    }

    /// Types of the events of the issuer, oldest first, from here on.
    async fn events_after(&self, count: usize) -> Vec<String> {
        let issuer = self.issuer.rsplit('/').next().unwrap();
        self.app.event_types(&format!("issuer_id={issuer}")).await.split_off(count)
    }

    async fn event_count(&self) -> usize {
        self.events_after(0).await.len()
    }

    /// Data of the newest event of a type.
    async fn last(&self, kind: &str) -> Value {
        let events = self.app.events(&format!("event_types={kind}")).await;
        events.last().unwrap_or_else(|| panic!("no {kind}"))["data"].clone()
    }

    async fn mails(&self) -> Vec<authpi_core::transport::OutgoingMail> {
        worker::run_once(self.app.authpi.services()).await.unwrap();
        self.post.news()
    }

    /// The code in the one mail that came.
    async fn code(&self) -> String {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
        let text = mails.remove(0).text;
        let code = text.lines().find_map(|line| line.strip_prefix("Code: "));
        code.unwrap_or_else(|| panic!("no code in {text}")).trim().to_owned()
    }

    /// The path of the link in the one mail that came, below the issuer.
    async fn link(&self) -> String {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
        let text = mails.remove(0).text;
        let base = format!("{}/{}", self.app.base, self.issuer.rsplit('/').next().unwrap());
        let link = text.split_whitespace().find_map(|word| word.strip_prefix(&base));
        link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
    }

    /// Sets an app up for the user; returns its seed. A minute later its next code is good.
    async fn enrolled(&self) -> String {
        let verifiers = format!("{}/users/{}/verifiers", self.issuer, self.user);
        let begun = self.app.root().post(&verifiers, json!({ "type": "totp_app" })).expect(201).await;
        let secret = begun.text("secret");
        let body = json!({ "enrollment_id": begun.text("enrollment_id"), "code": totp(&secret, self.app.now()) });
        self.app.root().post(&format!("{verifiers}/complete-enrollment"), body).expect(200).await;
        self.app.advance(std::time::Duration::from_mins(1));
        secret
    }

    async fn sessions(&self) -> Vec<Value> {
        let path = format!("{}/users/{}/sessions", self.issuer, self.user);
        self.app.root().get(&path).expect(200).await.data().as_array().unwrap().clone()
    }
}
