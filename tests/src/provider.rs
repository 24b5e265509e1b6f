//! A provider as its clients see it: an issuer with a client and a person, who signs in with a password and agrees.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use crate::caller::Call;
use crate::{App, Browser, Reply};

/// Where the client is called back.
pub const CALLBACK: &str = "https://app.example.com/cb";
/// The name of the person.
pub const EMAIL: &str = "ada@example.com";
/// The password of the person.
pub const PASSWORD: &str = "violet anvil 42 teapot drum";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636 appendix B.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An issuer with a client that can keep a secret, and a person.
pub struct Provider {
    /// The platform.
    pub app: App,
    /// Core API path of the issuer.
    pub issuer: String,
    /// Id of the client.
    pub client: String,
    /// Its secret; empty if it has none.
    pub secret: String,
    /// Id of the person.
    pub user: String,
}

/// Parameters that came back.
pub type Parameters = BTreeMap<String, String>;

impl Provider {
    /// On this platform, with more settings of the client below `openid`.
    pub async fn on(app: App, openid: Value) -> Self {
        Self::with(app, json!({ "confidential": true }), openid).await
    }

    /// With other attributes of the client, too.
    ///
    /// # Panics
    /// When one of them is refused.
    pub async fn with(app: App, client: Value, openid: Value) -> Self {
        let issuer = app.issuer().await;
        let body = json!({ "email": EMAIL, "password": PASSWORD, "profile": { "email_verified": true } });
        let user = app.root().post(&format!("{issuer}/users"), body).expect(201).await.id();
        let mut settings = json!({ "redirect_uris": [CALLBACK] });
        settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
        let scopes = ["openid", "profile", "email", "phone", "address", "offline_access"];
        let mut body = json!({ "name": "App", "settings": { "scopes": scopes, "openid": settings } });
        body.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
        let made = app.root().post(&format!("{issuer}/clients"), body).expect(201).await;
        let secret = made.data()["secret"].as_str().unwrap_or_default().to_owned();
        Self { client: made.id(), secret, app, issuer, user }
    }

    /// Another client of the issuer: its id, and its secret.
    pub async fn other_client(&self, openid: Value) -> (String, String) {
        let body =
            json!({ "name": "Other", "confidential": true, "settings": { "scopes": ["openid"], "openid": openid } });
        let made = self.app.root().post(&format!("{}/clients", self.issuer), body).expect(201).await;
        (made.id(), made.text("secret"))
    }

    /// Id of the issuer.
    pub fn id(&self) -> &str {
        self.issuer.rsplit('/').next().unwrap()
    }

    /// `iss`
    pub fn url(&self) -> String {
        format!("{}/{}", self.app.base, self.id())
    }

    /// A new browser.
    pub fn browser(&self) -> Browser<'_> {
        self.app.browser(&self.issuer)
    }

    /// Parameters of a request that is in order, with some changed; empty ones are left out.
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        let mut parameters = BTreeMap::from([
            ("client_id", self.client.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "a b&c"),
            ("nonce", "n-0S6_WzA2Mj"),
        ]);
        parameters.extend(changes.iter().copied());
        parameters.retain(|_, value| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    }

    /// Asks for an authorization.
    pub async fn ask(&self, browser: &Browser<'_>, changes: &[(&str, &str)]) -> Reply {
        browser.send(browser.call(Method::GET, &format!("/authorize?{}", self.request(changes)))).await
    }

    /// Asks for an authorization, and does what the pages want until the client is answered.
    pub async fn authorize(&self, browser: &Browser<'_>, changes: &[(&str, &str)]) -> Reply {
        let reply = self.ask(browser, changes).await;
        self.follow(browser, reply).await
    }

    /// Does what the pages want.
    ///
    /// # Panics
    /// When they want something else than a password and a yes.
    pub async fn follow(&self, browser: &Browser<'_>, mut reply: Reply) -> Reply {
        for _ in 0..4 {
            let Some(flow) = self.flow(&reply) else { return reply };
            let page = browser.page(&flow).await;
            let state = page.state().await;
            let step = match state["step"].as_str().unwrap() {
                "identify" => page.password(EMAIL, PASSWORD).await,
                "first_factor" => page.step("password", json!({ "password": PASSWORD })).await,
                "consent" => page.step("consent", json!({ "approve": true })).await,
                step => panic!("the login asks for {step}"),
            };
            assert_eq!(step, "done");
            reply = browser.send(browser.call(Method::GET, &format!("/authorize?flow={flow}"))).await;
        }
        panic!("the login has no end: {reply}")
    }

    /// The login that a reply leads to.
    pub fn flow(&self, reply: &Reply) -> Option<String> {
        let to = reply.headers.get("location")?.to_str().unwrap();
        let flow = to.strip_prefix(&format!("{}/login?flow=", self.url()))?;
        Some(flow.to_owned())
    }

    /// Signs in at a new browser; returns a code.
    pub async fn code(&self, changes: &[(&str, &str)]) -> String {
        let browser = self.browser();
        let reply = self.authorize(&browser, changes).await;
        answered(&reply).remove("code").unwrap_or_else(|| panic!("no code in {reply}"))
    }

    /// POST to an endpoint of the issuer, not sent yet.
    pub fn post(&self, endpoint: &str, parameters: &[(&str, &str)]) -> Call {
        self.app.anonymous().call(Method::POST, &format!("/{}/{endpoint}", self.id())).form(parameters)
    }

    /// The token endpoint, as the client.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Reply {
        let client = [("client_id", self.client.as_str()), ("client_secret", self.secret.as_str())];
        let all: Vec<_> = client.into_iter().chain(parameters.iter().copied()).collect();
        self.post("token", &all).send().await
    }

    /// Exchanges a code of a request without PKCE.
    pub async fn exchange(&self, code: &str) -> Reply {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Signs in at a new browser; returns the tokens.
    pub async fn tokens(&self, changes: &[(&str, &str)]) -> Value {
        let code = self.code(changes).await;
        let reply = self.exchange(&code).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.body
    }

    /// What the issuer knows of whom a token is for.
    pub async fn userinfo(&self, token: &str) -> Reply {
        self.app.with_bearer(token).get(&format!("/{}/userinfo", self.id())).send().await
    }

    /// The status of a session.
    pub async fn session(&self, id: &str) -> String {
        self.app.root().get(&format!("{}/sessions/{id}", self.issuer)).expect(200).await.text("status")
    }
}

/// The parameters with which a reply sends the browser to the client.
#[track_caller]
pub fn answered(reply: &Reply) -> Parameters {
    assert!(matches!(reply.status.as_u16(), 302 | 303), "{reply}");
    let to = reply.header("location");
    let query = to.strip_prefix(CALLBACK).and_then(|rest| rest.strip_prefix(['?', '&']));
    let query = query.unwrap_or_else(|| panic!("{to}"));
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The code in a reply.
#[track_caller]
pub fn code_of(reply: &Reply) -> String {
    answered(reply).remove("code").unwrap_or_else(|| panic!("no code in {reply}"))
}

/// A string member of an answer.
#[track_caller]
pub fn text<'v>(body: &'v Value, name: &str) -> &'v str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"))
}

/// Claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// Header or claims of a token, unverified.
pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
