//! A person's life with an issuer, over HTTP, and every secret that appears in it.

use std::sync::Arc;

use authpi_core::web::services::Options;
use authpi_core::worker::run_once;
use http::Method;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::provider::{EMAIL, PASSWORD, code_of, text};
use tests::{App, Browser, Dns, Driver, Page, Provider, Receiver, Reply};

const CHOSEN: &str = "seven lamps over Grindelwald";

/// What was told in confidence so far, and what is told to everybody.
pub(crate) struct Story {
    /// Each with what it is.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// Bodies of refusals.
    pub(crate) refusals: Vec<String>,
    post: Arc<Postbox>,
    receiver: Receiver,
    _dns: Dns,
}

impl Story {
    pub(crate) async fn begin() -> (Self, Provider) {
        let (dns, receiver, post) = (Dns::start().await, Receiver::start().await, Postbox::new());
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let mut transport = App::reaching(&dns);
        transport.mailer = Some(Arc::clone(&post) as _);
        let options = Options { rate_limits: false, ..Options::default() };
        let app = App::start_in(Driver::Axum, options, store, folder, transport).await;
        let provider = Provider::on(app, json!({})).await;
        let method = json!({ "method": "email-otp", "name": "Code" });
        provider.app.root().post(&format!("{}/auth-methods", provider.issuer), method).expect(201).await;
        let secrets = vec![("password", PASSWORD.to_owned()), ("password", CHOSEN.to_owned())];
        let mut story = Self { secrets, refusals: Vec::new(), post, receiver, _dns: dns };
        story.keep("client secret", &provider.secret);
        (story, provider)
    }

    pub(crate) fn keep(&mut self, what: &'static str, secret: &str) {
        assert!(!secret.is_empty(), "{what}");
        self.secrets.push((what, secret.to_owned()));
    }

    fn keep_tokens(&mut self, tokens: &Value) {
        for what in ["access_token", "refresh_token", "id_token"] {
            self.keep(what, text(tokens, what));
        }
    }

    fn keep_cookies(&mut self, browser: &Browser<'_>) {
        let found: Vec<_> = ["flow", "op", "td", "dv"].iter().filter_map(|word| browser.cookie(word)).collect();
        assert!(found.len() >= 2, "a browser has cookies");
        for value in found {
            self.keep("cookie", &value);
        }
    }

    /// The texts of the mails that come.
    async fn mail(&self, provider: &Provider) -> String {
        run_once(provider.app.authpi.services()).await.unwrap();
        self.post.news().into_iter().map(|mail| mail.text).collect::<Vec<_>>().join("\n")
    }

    /// What a link in a mail carries, and the link.
    fn link(&mut self, provider: &Provider, mail: &str) -> String {
        let mut links = mail.split_whitespace().filter_map(|word| word.strip_prefix(&provider.url()));
        let link = links.find(|link| link.contains("token=")).unwrap_or_else(|| panic!("{mail}")).to_owned();
        self.keep("mailed link", link.split_once("token=").unwrap().1);
        link
    }

    fn refused(&mut self, reply: &Reply) {
        assert!(reply.status.as_u16() >= 400 || reply.body.get("error").is_some(), "{reply}");
        self.refusals.push(String::from_utf8_lossy(&reply.bytes).into_owned());
    }

    /// A stranger signs up, is mailed a link, and the client gets tokens, twice.
    pub(crate) async fn sign_up(&mut self, provider: &Provider) {
        let browser = provider.browser();
        let asked = provider.ask(&browser, &[("scope", "openid email offline_access")]).await;
        let flow = provider.flow(&asked).unwrap();
        let page = browser.page(&flow).await;
        self.keep("flow ticket", &page.ticket);
        let body = json!({ "email": "eve@example.com", "password": CHOSEN });
        assert_eq!(page.step("signup", body).await, "verify_email");
        let mail = self.mail(provider).await;
        let link = self.link(provider, &mail);
        let phone = provider.browser();
        let shown = phone.send(phone.call(Method::GET, &link).header("accept", "application/json")).await;
        let code = text(&shown.body, "code").to_owned();
        self.keep("mailed code", &code);
        self.refused(&page.post("email-code/verify", json!({ "code": "wrong" })).await);
        assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
        let reply = browser.send(browser.call(Method::GET, &format!("/authorize?flow={flow}"))).await;
        let code = code_of(&provider.follow(&browser, reply).await);
        self.keep("authorization code", &code);
        let tokens = provider.exchange(&code).await;
        self.keep_tokens(&tokens.body);
        self.refused(&provider.exchange(&code).await);
        self.keep_cookies(&browser);
    }

    /// Somebody sets an app up, signs in with it, refreshes, is refused with old things, and leaves.
    pub(crate) async fn sign_in(&mut self, provider: &Provider) {
        let root = provider.app.root();
        let verifiers = format!("{}/users/{}/verifiers", provider.issuer, provider.user);
        let begun = root.post(&verifiers, json!({ "type": "totp_app" })).expect(201).await;
        let seed = begun.text("secret");
        self.keep("TOTP seed", &seed);
        let code = || tests::totp::code(&seed, provider.app.now());
        let proof = json!({ "enrollment_id": begun.text("enrollment_id"), "code": code() });
        root.post(&format!("{verifiers}/complete-enrollment"), proof).expect(200).await;
        let listed = root.get(&verifiers).expect(200).await;
        let set = listed.data().as_array().unwrap().iter().find(|one| one["type"] == "backup_codes").unwrap().clone();
        let path = format!("{verifiers}/{}/regenerate", set["id"].as_str().unwrap());
        let codes = root.act(&path).expect(200).await.data()["codes"].clone();
        for code in codes.as_array().unwrap() {
            self.keep("backup code", code.as_str().unwrap());
        }
        provider.app.advance(std::time::Duration::from_mins(1));
        let browser = provider.browser();
        let asked = provider.ask(&browser, &[("scope", "openid")]).await;
        let flow = provider.flow(&asked).unwrap();
        let page = browser.page(&flow).await;
        self.keep("flow ticket", &page.ticket);
        self.refused_password(&page).await;
        assert_eq!(page.step("password", json!({ "password": PASSWORD })).await, "mfa");
        self.refused(&page.post("mfa", json!({ "type": "backup_codes", "code": "wrong" })).await);
        let proof = json!({ "type": "backup_codes", "code": codes[0], "trust_device": true });
        assert_eq!(page.step("mfa", proof).await, "done");
        let reply = browser.send(browser.call(Method::GET, &format!("/authorize?flow={flow}"))).await;
        let code = code_of(&provider.follow(&browser, reply).await);
        self.keep("authorization code", &code);
        self.keep_cookies(&browser);
        let first = provider.exchange(&code).await;
        self.keep_tokens(&first.body);
        let second = provider.refresh(text(&first.body, "refresh_token")).await;
        self.keep_tokens(&second.body);
        provider.userinfo(text(&second.body, "access_token")).await;
        self.refused(&provider.userinfo(text(&second.body, "id_token")).await);
        let hint = format!("/logout?id_token_hint={}", text(&second.body, "id_token"));
        browser.send(browser.call(Method::GET, &hint)).await;
        self.refused(&provider.refresh(text(&first.body, "refresh_token")).await);
        self.refused(&provider.refresh(text(&second.body, "refresh_token")).await);
    }

    async fn refused_password(&mut self, page: &Page<'_, '_>) {
        page.step("identify", json!({ "identifier": EMAIL })).await;
        self.keep("wrong password", "wrong-horse-battery-staple-0123");
        self.refused(&page.post("password", json!({ "password": "wrong-horse-battery-staple-0123" })).await);
    }

    /// A password is forgotten.
    pub(crate) async fn reset(&mut self, provider: &Provider) {
        self.post.news();
        let browser = provider.browser();
        let page = browser.login().await;
        page.step("identify", json!({ "identifier": EMAIL })).await;
        page.step("password-reset", json!({})).await;
        let mail = self.mail(provider).await;
        let link = self.link(provider, &mail);
        let body = json!({ "token": link.split_once("token=").unwrap().1, "password": CHOSEN });
        assert_eq!(page.step("password-reset/complete", body.clone()).await, "first_factor");
        self.refused(&page.post("password-reset/complete", body).await);
    }

    /// Those who are no people, and what they have.
    pub(crate) async fn machines(&mut self, provider: &Provider) {
        let (root, issuer) = (provider.app.root(), &provider.issuer);
        let webhook = json!({ "name": "w", "url": self.receiver.base, "auth": { "type": "signature" } });
        let webhook = root.post(&provider.app.path("/webhooks"), webhook).expect(201).await;
        let signing = find(webhook.data(), "whsec_").expect("a secret of the webhook");
        self.keep("webhook secret", &signing);
        let agent = root
            .post(&format!("{issuer}/agents"), json!({ "name": "Agent", "scopes": ["a:b"] }))
            .expect(201)
            .await
            .id();
        let path = format!("{issuer}/agents/{agent}/verifiers");
        let secret = root.post(&path, json!({ "type": "secret" })).expect(201).await.text("secret");
        self.keep("agent secret", &secret);
        let credentials = [("grant_type", "client_credentials"), ("client_id", &*agent), ("client_secret", &*secret)];
        let tokens = provider.post("token", &credentials).send().await;
        self.keep("token of an agent", text(&tokens.body, "access_token"));
        let body = json!({ "name": "t", "restrictions": { "scopes": ["*:**"] } });
        let path = format!("{issuer}/users/{}/tokens", provider.user);
        let personal = root.post(&path, body).expect(201).await.text("token_plain");
        self.keep("personal token", &personal);
        provider.app.with_bearer(&personal).get("/v1/me").send().await;
        self.refused(&provider.app.with_bearer(&format!("{personal}x")).get("/v1/me").send().await);
        let rotate = format!("{issuer}/clients/{}/secret/rotate", provider.client);
        let rotated = root.act(&rotate).expect(200).await.text("secret");
        self.keep("client secret", &rotated);
        let client = [("client_id", &*provider.client), ("client_secret", &*format!("{rotated}x")), ("token", "x")];
        self.refused(&provider.post("introspect", &client).send().await);
        for _ in 0..3 {
            run_once(provider.app.authpi.services()).await.unwrap();
        }
        assert!(!self.receiver.received().is_empty(), "the webhook was called");
    }
}

/// The first text that begins so, anywhere in a value.
fn find(value: &Value, start: &str) -> Option<String> {
    match value {
        Value::String(text) => text.starts_with(start).then(|| text.clone()),
        Value::Array(items) => items.iter().find_map(|item| find(item, start)),
        Value::Object(members) => members.values().find_map(|item| find(item, start)),
        _ => None,
    }
}
