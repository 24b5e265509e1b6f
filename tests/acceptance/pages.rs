//! The hosted pages in a browser, from the sign-up to the logout, with scripts and without. Pictures of them are left in
//! the folder that `AUTHPI_TEST_SCREENSHOTS` names.

use std::path::PathBuf;
use std::time::Duration;

use authpi_core::transport::{Clock as _, SystemClock};
use http::Method;
use serde_json::{Value, json};
use tests::chromium::Chromium;
use tests::provider::text;
use tests::server::{Home, Server, free_port};
use tests::smtp::SmtpSink;
use tests::tab::{Look, Tab};
use tests::{Backend, Caller, Receiver};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "violet anvil 42 teapot drum";
const LOGOS: [&str; 2] = ["https://logo.example.com/acme.svg", "https://logo.example.com/ledger.svg"];
const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 800);

/// A server with an issuer that wants a second factor, and an application that waits for its users.
struct Ground {
    chromium: Chromium,
    _server: Server,
    home: Home,
    post: SmtpSink,
    app: Receiver,
    root: Caller,
    base: String,
    issuer: String,
    path: String,
    client: (String, String),
}

impl Ground {
    async fn new() -> Option<Self> {
        let chromium = Chromium::start().await?;
        let home = Home::new(Backend::Sqlite).await?;
        let (post, app, port) = (SmtpSink::start().await, Receiver::start().await, free_port());
        app.answer(200, &[("content-type", "text/html")], "<!doctype html><title>Ledger</title><h1>Ledger</h1>");
        let mut command = home.command(port);
        command.env("AUTHPI_SMTP_URL", &post.url).env("AUTHPI_RATE_LIMIT", "off");
        let server = Server::start(command, port).await;
        let known: Value =
            serde_json::from_slice(&std::fs::read(home.folder.path().join("bootstrap.json")).unwrap()).unwrap();
        let key = (text(&known, "key_id").to_owned(), text(&known, "key_secret").to_owned());
        let root = Caller::new(&server.base, Some(key));
        let issuers = format!("/v1/accounts/{}/issuers", text(&known, "account_id"));
        let id = root.post(&issuers, json!({ "name": "Acme" })).expect(201).await.id();
        let path = format!("{issuers}/{id}");
        let patch = json!({
            "links": { "privacy_policy": "https://acme.example.com/privacy", "support": "https://acme.example.com/help",
                "terms_of_service": "https://acme.example.com/terms" },
            "settings": { "security": { "mfa": "required" },
                "branding": { "logo_url": LOGOS[0], "primary_color": "#0b7a75" } },
        });
        root.patch(&path, patch).expect(200).await;
        let openid = json!({ "redirect_uris": [format!("{}/cb", app.base)] });
        let client = json!({ "name": "Ledger", "confidential": true, "logo_url": LOGOS[1], "settings": {
            "scopes": ["openid", "profile", "email", "offline_access"], "openid": openid } });
        let client = root.post(&format!("{path}/clients"), client).expect(201).await;
        let (client, base) = ((client.id(), client.text("secret")), server.base.clone());
        let issuer = format!("{base}/{id}");
        Some(Self { chromium, _server: server, home, post, app, root, base, issuer, path, client })
    }

    fn request(&self, changes: &[(&str, &str)]) -> String {
        let callback = format!("{}/cb", self.app.base);
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("redirect_uri", &callback),
            ("response_type", "code"),
            ("scope", "openid profile email offline_access"),
            ("state", "s"),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(parameters).extend_pairs(changes).finish();
        format!("{}/authorize?{query}", self.issuer)
    }

    /// The newest mail, when it has come: what its link is, or its code.
    async fn mailed(&self, before: usize, mark: &str) -> String {
        let arrival = async {
            let mut tick = tokio::time::interval(Duration::from_millis(50));
            loop {
                tick.tick().await;
                if let Some(mail) = self.post.received().get(before) {
                    return mail.text();
                }
            }
        };
        let mail = tokio::time::timeout(Duration::from_secs(30), arrival).await.expect("a mail comes within 30 s");
        let found = mail.split_whitespace().find(|word| word.starts_with(mark));
        found.unwrap_or_else(|| panic!("no {mark} in {mail}")).to_owned()
    }

    /// Only we, the application, and the two logos were asked for anything; and the browser found nothing wrong.
    fn nothing_else_was_asked(&self, tab: &Tab) {
        for url in tab.requests() {
            let is_known = url.starts_with(&format!("{}/", self.base))
                || url.starts_with(&format!("{}/", self.app.base))
                || LOGOS.contains(&url.as_str());
            assert!(is_known, "a request for {url}");
        }
        // An icon that nobody has set, and the page that says what is wrong with a request.
        let is_known = |text: &String| text.contains("/favicon.ico") || text.contains("/authorize?client_id=x");
        let complaints: Vec<_> = tab.complaints().into_iter().filter(|text| !is_known(text)).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    async fn exchange(&self, code: &str) -> Value {
        let callback = format!("{}/cb", self.app.base);
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &*self.client.0),
            ("client_secret", &*self.client.1),
            ("code", code),
            ("redirect_uri", &*callback),
        ];
        let path = format!("{}/token", self.issuer.strip_prefix(&self.base).unwrap());
        Caller::new(&self.base, None).call(Method::POST, &path).form(&form).expect(200).await.body
    }
}

/// Pictures of the pages of one run.
struct Album {
    folder: Option<PathBuf>,
    run: &'static str,
    count: usize,
}

impl Album {
    fn new(run: &'static str) -> Self {
        let folder = std::env::var_os("AUTHPI_TEST_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { folder, run, count: 0 }
    }

    /// The page has this heading and fits every window; its pictures are taken.
    async fn page(&mut self, tab: &mut Tab, name: &str, heading: &str) {
        // Names stand between marks that isolate their direction.
        assert_eq!(tab.heading().await.replace(['\u{2068}', '\u{2069}'], ""), heading, "{}", tab.url().await);
        let kept = if self.run == "plain" { DESKTOP } else { PHONE };
        self.count += 1;
        for size in [(320, 568), PHONE, DESKTOP] {
            tab.turn(size, false).await;
            assert!(!tab.overflows().await, "{name} is wider than {}", size.0);
        }
        if let Some(folder) = &self.folder {
            for (look, size, dark) in [
                ("phone", PHONE, false),
                ("phone-dark", PHONE, true),
                ("desktop", DESKTOP, false),
                ("desktop-dark", DESKTOP, true),
            ] {
                tab.turn(size, dark).await;
                let path = folder.join(format!("{}-{:02}-{name}-{look}.png", self.run, self.count));
                std::fs::write(path, tab.picture().await).unwrap();
            }
        }
        tab.turn(kept, false).await;
    }
}

fn now() -> i64 {
    SystemClock.now().as_millis()
}

/// The value of a parameter in the address of the tab.
async fn parameter(tab: &Tab, name: &str) -> Option<String> {
    let url = url::Url::parse(&tab.url().await).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

const SEND: &str = "main form button.button";

/// From a stranger to a user with a second factor whom the application knows; returns the seed of the factor.
async fn sign_up(ground: &Ground, tab: &mut Tab, album: &mut Album) -> String {
    tab.visit(&ground.request(&[])).await;
    album.page(tab, "identify", "Sign in").await;
    tab.follow("a[href*='view=signup']").await;
    album.page(tab, "sign-up", "Create your account").await;
    tab.fill("#field-identifier", EMAIL).await;
    tab.fill("#field-password", "password1234").await;
    tab.click("#field-terms").await;
    tab.follow(SEND).await;
    album.page(tab, "sign-up-breached", "Create your account").await;
    assert_eq!(tab.attribute("#field-password", "aria-invalid").await.as_deref(), Some("true"));
    assert_eq!(tab.attribute("#field-identifier", "value").await.as_deref(), Some(EMAIL), "nothing is typed twice");
    tab.fill("#field-password", PASSWORD).await;
    tab.click("#field-terms").await;
    tab.follow(SEND).await;
    album.page(tab, "verify", "Check your email").await;
    let link = ground.mailed(0, &ground.issuer).await;
    tab.visit(&link).await;
    album.page(tab, "verify-confirm", "Confirm your email address").await;
    tab.follow(SEND).await;
    album.page(tab, "enroll", "Add an authenticator app").await;
    let secret = tab.text(".secret code").await.replace(' ', "");
    tab.fill("#field-code", "000000").await;
    tab.enter().await;
    album.page(tab, "enroll-wrong", "Add an authenticator app").await;
    tab.fill("#field-code", &tests::totp::code(&secret, now())).await;
    tab.follow(SEND).await;
    album.page(tab, "backup-codes", "Save your backup codes").await;
    tab.follow(SEND).await;
    album.page(tab, "consent", "Ledger wants to access your account").await;
    tab.follow("button[value=true]").await;
    tab.arrived(&format!("{}/cb?code=", ground.app.base)).await;
    secret
}

/// A known user comes back with password and second factor; the answer is posted to the application.
async fn sign_in(ground: &Ground, tab: &mut Tab, album: &mut Album, secret: &str) -> Value {
    ground.app.received();
    tab.visit(&ground.request(&[("response_mode", "form_post")])).await;
    tab.fill("#field-identifier", EMAIL).await;
    tab.enter().await;
    album.page(tab, "password", "Enter your password").await;
    tab.fill("#field-password", "wrong").await;
    tab.follow(SEND).await;
    album.page(tab, "password-wrong", "Enter your password").await;
    tab.fill("#field-password", PASSWORD).await;
    // What only a script can do is offered where one runs.
    assert_eq!(tab.attribute(".reveal", "hidden").await.is_none(), album.run != "plain");
    if album.run != "plain" {
        tab.click(".reveal").await;
        assert_eq!(tab.attribute("#field-password", "type").await.as_deref(), Some("text"));
    }
    tab.follow(SEND).await;
    album.page(tab, "second-factor", "Enter your code").await;
    // The step of the enrolment is spent; the next one is good already.
    tab.fill("#field-code", &tests::totp::code(secret, now() + 30_000)).await;
    tab.follow(SEND).await;
    if album.run == "plain" {
        album.page(tab, "form-post", "One moment…").await;
        tab.follow("#form-post button").await;
    }
    tab.arrived(&format!("{}/cb", ground.app.base)).await;
    let posted = ground.app.received().into_iter().find(|request| request.method == Method::POST).unwrap();
    let code = url::form_urlencoded::parse(&posted.body).find(|(name, _)| name == "code").unwrap().1.into_owned();
    ground.exchange(&code).await
}

async fn sign_out(ground: &Ground, tab: &mut Tab, album: &mut Album) {
    tab.visit(&format!("{}/logout", ground.issuer)).await;
    album.page(tab, "logout", "Sign out?").await;
    tab.follow(SEND).await;
    album.page(tab, "signed-out", "You are signed out").await;
    tab.visit(&ground.request(&[("prompt", "none")])).await;
    tab.arrived(&format!("{}/cb?error=login_required", ground.app.base)).await;
}

async fn whole_way(run: &'static str, size: (u32, u32), scripts_off: bool) {
    let Some(ground) = Ground::new().await else { return };
    let mut album = Album::new(run);
    let pictures = LOGOS.map(str::to_owned).to_vec();
    let look = Look { size, dark: false, scripts_off, pictures };
    let mut tab = ground.chromium.tab(look.clone()).await;
    let secret = sign_up(&ground, &mut tab, &mut album).await;
    let code = parameter(&tab, "code").await.unwrap();
    let tokens = ground.exchange(&code).await;
    assert_eq!(tests::provider::claims(text(&tokens, "id_token"))["email"], EMAIL);
    let users = ground.root.get(&format!("{}/users", ground.path)).expect(200).await;
    assert_eq!(users.data().as_array().unwrap().len(), 1);

    let mut other = ground.chromium.tab(look).await;
    let tokens = sign_in(&ground, &mut other, &mut album, &secret).await;
    let id = tests::provider::claims(text(&tokens, "id_token"));
    assert_eq!((&id["acr"], &id["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));
    sign_out(&ground, &mut other, &mut album).await;
    tab.visit(&ground.request(&[("prompt", "none")])).await;
    assert!(parameter(&tab, "code").await.is_some(), "the other browser stays signed in");

    other.visit(&format!("{}/authorize?client_id=x", ground.issuer)).await;
    album.page(&mut other, "fault", "This request cannot be answered").await;
    for tab in [&tab, &other] {
        ground.nothing_else_was_asked(tab);
    }
    drop((tab, other));
    let Ground { home, .. } = ground;
    home.remove().await;
}

#[tokio::test]
async fn a_person_gets_in_and_out_on_a_phone() {
    whole_way("scripts", PHONE, false).await;
}

#[tokio::test]
async fn a_person_gets_in_and_out_where_no_script_runs() {
    whole_way("plain", DESKTOP, true).await;
}
