//! The authorization endpoint, from the request to the code.

mod classes;
mod conditions;
mod faults;
mod forms;

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tests::{App, Browser, Reply};

use super::super::DRIVER;
use super::{CALLBACK, CHALLENGE, VERIFIER, claims, refused, text};

pub(super) const PASSWORD: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ";

/// An issuer with a user who has a password, and a client.
pub(super) struct Ground {
    pub(super) app: App,
    pub(super) issuer: String,
    pub(super) user: String,
    pub(super) client: String,
    pub(super) secret: String,
}

impl Ground {
    pub(super) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With other attributes of the client.
    pub(super) async fn with(changes: Value) -> Self {
        Self::on(App::start(DRIVER).await, changes).await
    }

    pub(super) async fn on(app: App, changes: Value) -> Self {
        let issuer = app.issuer().await;
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
        let user = app.root().post(&format!("{issuer}/users"), body).expect(201).await.id();
        let mut client = json!({ "name": "App", "confidential": true, "settings": {
            "scopes": ["openid", "email", "orders:read"], "openid": { "redirect_uris": [CALLBACK] } } });
        client.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let made = app.root().post(&format!("{issuer}/clients"), client).expect(201).await;
        let secret = made.data()["secret"].as_str().unwrap_or_default().to_owned();
        Self { client: made.id(), secret, app, issuer, user }
    }

    pub(super) fn id(&self) -> &str {
        self.issuer.rsplit('/').next().unwrap()
    }

    pub(super) fn url(&self) -> String {
        format!("{}/{}", self.app.base, self.id())
    }

    pub(super) fn browser(&self) -> Browser<'_> {
        self.app.browser(&self.issuer)
    }

    /// The query of a request that is in order, with these parameters changed; empty ones are left out.
    pub(super) fn query(&self, changes: &[(&str, &str)]) -> String {
        let mut parameters = BTreeMap::from([
            ("client_id", self.client.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "a b&c"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        parameters.extend(changes.iter().copied());
        parameters.retain(|_, value| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    }

    pub(super) async fn get(&self, browser: &Browser<'_>, changes: &[(&str, &str)]) -> Reply {
        browser.send(browser.call(Method::GET, &format!("/authorize?{}", self.query(changes)))).await
    }

    /// Signs in with a password where the reply leads; returns what the authorization endpoint says then.
    pub(super) async fn sign_in(&self, browser: &Browser<'_>, reply: &Reply) -> Reply {
        let page = browser.page(&self.flow(reply)).await;
        assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
        self.go_on(browser, &page.id).await
    }

    /// The login that a reply leads to.
    pub(super) fn flow(&self, reply: &Reply) -> String {
        assert_eq!(reply.status.as_u16(), 302, "{reply}");
        let to = url::Url::parse(reply.header("location")).unwrap();
        assert!(to.as_str().starts_with(&format!("{}/login?flow=flw_", self.url())), "{to}");
        to.query_pairs().find(|(name, _)| name == "flow").unwrap().1.into_owned()
    }

    pub(super) async fn go_on(&self, browser: &Browser<'_>, flow: &str) -> Reply {
        browser.send(browser.call(Method::GET, &format!("/authorize?flow={flow}"))).await
    }

    /// Signs in and agrees; returns the parameters of the answer.
    pub(super) async fn authorized(&self, browser: &Browser<'_>) -> BTreeMap<String, String> {
        let reply = self.get(browser, &[]).await;
        let reply = self.sign_in(browser, &reply).await;
        self.agree(browser, &reply).await
    }

    pub(super) async fn agree(&self, browser: &Browser<'_>, reply: &Reply) -> BTreeMap<String, String> {
        let page = browser.page(&self.flow(reply)).await;
        assert_eq!(page.state().await["step"], "consent");
        assert_eq!(page.step("consent", json!({ "approve": true })).await, "done");
        answered(&self.go_on(browser, &page.id).await)
    }

    pub(super) async fn exchange(&self, code: &str) -> Reply {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client.as_str()),
            ("client_secret", self.secret.as_str()),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.app.anonymous().call(Method::POST, &format!("/{}/token", self.id())).form(&parameters).send().await
    }
}

/// The parameters that a reply sends to the client.
#[track_caller]
pub(super) fn answered(reply: &Reply) -> BTreeMap<String, String> {
    assert!(matches!(reply.status.as_u16(), 302 | 303), "{reply}");
    let to = reply.header("location");
    let rest = to.strip_prefix(&format!("{CALLBACK}&")).unwrap_or_else(|| panic!("{to}"));
    url::form_urlencoded::parse(rest.as_bytes()).into_owned().collect()
}

#[track_caller]
pub(super) fn client_is_told(reply: &Reply, error: &str) {
    let found = answered(reply);
    assert_eq!(found.get("error").map(String::as_str), Some(error), "{found:?}");
    assert!(found.contains_key("error_description") && found.contains_key("iss"), "{found:?}");
    assert_eq!(found["state"], "a b&c");
    assert!(!found.contains_key("code"));
}

#[tokio::test]
async fn a_person_signs_in_and_agrees_and_the_client_has_its_tokens() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let found = ground.authorized(&browser).await;
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "iss", "session_state", "state"]);
    assert_eq!((found["iss"].as_str(), found["state"].as_str()), (&*ground.url(), "a b&c"));
    let tokens = ground.exchange(&found["code"]).await;
    let id = claims(text(&tokens, "id_token"));
    assert_eq!(
        (&id["sub"], &id["nonce"], &id["aud"]),
        (&json!(ground.user), &json!("n-0S6_WzA2Mj"), &json!(ground.client))
    );
    assert_eq!((&id["amr"], &id["acr"], &id["email"]), (&json!(["pwd"]), &json!("aal1"), &json!("ada@example.com")));
    assert_eq!(tokens.body["scope"], "openid email");
    let granted = ground.app.events("event_types=user.consent.granted").await;
    assert_eq!(granted.len(), 1);
    assert_eq!(granted[0]["data"], json!({ "scopes": ["email", "openid"] }));
}

#[tokio::test]
async fn who_is_signed_in_and_has_agreed_is_not_asked_again() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let silent = ground.get(&browser, &[("prompt", "none")]).await;
    let code = answered(&silent)["code"].clone();
    assert_eq!(ground.exchange(&code).await.status.as_u16(), 200);
    // More than was agreed to.
    client_is_told(
        &ground.get(&browser, &[("prompt", "none"), ("scope", "openid orders:read")]).await,
        "consent_required",
    );
    client_is_told(&ground.get(&browser, &[("prompt", "none"), ("resource", "urn:a")]).await, "consent_required");
    let again = ground.get(&browser, &[("prompt", "consent")]).await;
    ground.agree(&browser, &again).await;
    // The client of another browser is a stranger.
    client_is_told(&ground.get(&ground.browser(), &[("prompt", "none")]).await, "login_required");
}

#[tokio::test]
async fn a_client_of_the_issuer_itself_asks_for_no_consent() {
    let ground = Ground::with(json!({ "type": "internal" })).await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[]).await;
    let found = answered(&ground.sign_in(&browser, &reply).await);
    assert_eq!(ground.exchange(&found["code"]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn who_says_no_or_gives_up_denies_the_access() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let reply = ground.get(&browser, &[]).await;
    let reply = ground.sign_in(&browser, &reply).await;
    let page = browser.page(&ground.flow(&reply)).await;
    assert_eq!(page.step("consent", json!({ "approve": false })).await, "done");
    client_is_told(&ground.go_on(&browser, &page.id).await, "access_denied");
    let over = ground.go_on(&browser, &page.id).await;
    assert_eq!(over.status.as_u16(), 400, "a login leads to one answer: {over}");
    let reply = ground.get(&ground.browser(), &[]).await;
    let other = ground.browser();
    let reply = {
        drop(reply);
        ground.get(&other, &[]).await
    };
    let page = other.page(&ground.flow(&reply)).await;
    page.post("abort", json!({})).await;
    client_is_told(&ground.go_on(&other, &page.id).await, "access_denied");
}

#[tokio::test]
async fn without_a_client_and_its_redirect_uri_nobody_is_redirected() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let other_uri =
        ["https://app.example.com/cb", "https://APP.example.com/cb?x=%20y", "https://evil.example.com/", ""];
    let mut bad: Vec<Vec<(&str, &str)>> = other_uri.iter().map(|uri| vec![("redirect_uri", *uri)]).collect();
    bad.extend([vec![("client_id", "")], vec![("client_id", "c_0000000000000000000000000")], vec![("client_id", "x")]]);
    for changes in bad {
        let reply = ground.get(&browser, &changes).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (400, "text/html; charset=utf-8"),
            "{changes:?}"
        );
        assert!(reply.headers.get("location").is_none());
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        let path = format!("/authorize?{}", ground.query(&changes));
        let json = browser.call(Method::GET, &path).header("accept", "application/json").send().await;
        refused(&json, 400, "invalid_request");
    }
    let twice = format!("/authorize?{}&redirect_uri=https://evil.example.com/", ground.query(&[]));
    assert_eq!(browser.call(Method::GET, &twice).send().await.status.as_u16(), 400);
    let path = format!("{}/clients/{}", ground.issuer, ground.client);
    ground.app.root().patch(&path, json!({ "status": "disabled" })).expect(200).await;
    assert_eq!(ground.get(&browser, &[]).await.status.as_u16(), 400);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_to_its_client() {
    let ground = Ground::with(json!({ "settings": { "scopes": ["openid"], "openid": {
        "redirect_uris": [CALLBACK], "allowed_resources": ["urn:a"], "require_pkce": true } } }))
    .await;
    let browser = ground.browser();
    let long = "x".repeat(4_097);
    let cases: [(&[(&str, &str)], &str); 20] = [
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://x")], "request_uri_not_supported"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("scope", "openid email")], "invalid_scope"),
        (&[("scope", "openid \u{e9}")], "invalid_scope"),
        (&[("scope", &long)], "invalid_request"),
        (&[("scope", "openid"), ("resource", "urn:b")], "invalid_target"),
        (&[("scope", "openid"), ("resource", "b")], "invalid_target"),
        (&[("scope", "openid"), ("org", "x")], "invalid_request"),
        (&[("scope", "openid"), ("prompt", "none login")], "invalid_request"),
        (&[("scope", "openid"), ("prompt", "create")], "invalid_request"),
        (&[("scope", "openid"), ("max_age", "-1")], "invalid_request"),
        (&[("scope", "openid"), ("claims", "[]")], "invalid_request"),
        (&[("scope", "openid"), ("id_token_hint", "x")], "invalid_request"),
        (&[("scope", "openid"), ("response_mode", "fragment")], "invalid_request"),
    ];
    for (changes, error) in cases {
        let reply = ground.get(&browser, changes).await;
        assert_eq!(reply.status.as_u16(), 302, "{changes:?}: {reply}");
        client_is_told(&reply, error);
    }
    let twice = format!("/authorize?{}&nonce=x", ground.query(&[("scope", "openid")]));
    client_is_told(&browser.call(Method::GET, &twice).send().await, "invalid_request");
    let two = format!("/authorize?{}&resource=urn:a&resource=urn:a", ground.query(&[("scope", "openid")]));
    ground.flow(&browser.call(Method::GET, &two).send().await);
    client_is_told(&ground.get(&browser, &[("scope", "openid"), ("prompt", "none")]).await, "login_required");
}

#[tokio::test]
async fn form_post_answers_by_a_form_errors_included() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let reply =
        ground.get(&browser, &[("response_mode", "form_post"), ("scope", "nothing"), ("state", "\"><script>")]).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply}");
    let html = String::from_utf8(reply.bytes.clone()).unwrap();
    assert!(html.contains("invalid_scope") && !html.contains("\"><script>"), "{html}");
    assert!(!reply.header("content-security-policy").contains("form-action"));
    let reply = ground.get(&browser, &[("response_mode", "form_post")]).await;
    let reply = ground.sign_in(&browser, &reply).await;
    let page = browser.page(&ground.flow(&reply)).await;
    page.step("consent", json!({ "approve": true })).await;
    let reply = ground.go_on(&browser, &page.id).await;
    let html = String::from_utf8(reply.bytes.clone()).unwrap();
    assert!(
        html.contains("name=\"code\"") && html.contains("name=\"iss\"") && html.contains("name=\"state\""),
        "{html}"
    );
}

#[tokio::test]
async fn a_claim_that_nobody_was_asked_about_is_not_given_later_either() {
    let ground = Ground::with(json!({ "type": "external", "settings": {
        "scopes": ["openid"], "openid": { "redirect_uris": [CALLBACK] } } }))
    .await;
    let browser = ground.browser();
    let wish = json!({ "userinfo": { "email": null }, "id_token": { "email": { "essential": true } } }).to_string();
    let reply = ground.get(&browser, &[("scope", "openid"), ("claims", &wish)]).await;
    let reply = ground.sign_in(&browser, &reply).await;
    let found = ground.agree(&browser, &reply).await;
    let tokens = ground.exchange(&found["code"]).await;
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    ground.app.root().patch(&client, json!({ "settings": { "scopes": ["openid", "email"] } })).expect(200).await;
    let person = ground.app.with_bearer(text(&tokens, "access_token"));
    let told = person.get(&format!("/{}/userinfo", ground.id())).expect(200).await;
    assert_eq!((&told.body["sub"], told.body.get("email")), (&json!(ground.user), None), "{told}");
}
