//! An issuer at a domain of its account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authpi_core::web::services::Options;
use authpi_core::worker;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::{App, Browser, Reply};

use super::DRIVER;

const HOST: &str = "login.example.com";
const SITE: &str = "https://login.example.com";
const CALLBACK: &str = "https://app.example.com/cb";
const PASSWORD: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ";

/// An issuer that a domain serves, with a user and a client of its own.
struct Ground {
    app: App,
    issuer: String,
    id: String,
    client: (String, String),
    post: Arc<Postbox>,
}

impl Ground {
    async fn new() -> Self {
        let post = Arc::new(Postbox::default());
        let app = App::start_mailing(DRIVER, Arc::clone(&post) as _).await;
        let issuer = app.issuer().await;
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
        app.root().post(&format!("{issuer}/users"), body).expect(201).await;
        let body = json!({ "name": "App", "type": "internal", "confidential": true, "settings": {
            "scopes": ["openid", "email"], "openid": { "redirect_uris": [CALLBACK] } } });
        let made = app.root().post(&format!("{issuer}/clients"), body).expect(201).await;
        app.serve_at(HOST, Some(&issuer)).await;
        let id = issuer.rsplit('/').next().unwrap().to_owned();
        Self { client: (made.id(), made.text("secret")), app, issuer, id, post }
    }

    fn browser(&self) -> Browser<'_> {
        self.app.browser_at(HOST, &self.issuer)
    }

    fn canonical(&self) -> String {
        format!("{}/{}", self.app.base, self.id)
    }

    /// A call under a host name.
    async fn get_at(&self, host: &str, path: &str) -> Reply {
        self.app.anonymous().get(path).header("host", host).send().await
    }

    /// Begins at the domain, and returns the login that it leads to.
    async fn begun(&self, browser: &Browser<'_>) -> String {
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "s"),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let reply = browser.send(browser.call(Method::GET, &format!("/authorize?{query}"))).await;
        let to = reply.header("location");
        assert!(to.starts_with(&format!("{SITE}/login?flow=flw_")), "{reply}");
        to.rsplit_once('=').unwrap().1.to_owned()
    }

    /// Signs in at the domain; returns the parameters of the answer.
    async fn authorized(&self, browser: &Browser<'_>) -> BTreeMap<String, String> {
        let page = browser.page(&self.begun(browser).await).await;
        assert_eq!(page.password("ada@example.com", PASSWORD).await, "done");
        let reply = browser.send(browser.call(Method::GET, &format!("/authorize?flow={}", page.id))).await;
        let to = url::Url::parse(reply.header("location")).unwrap();
        to.query_pairs().into_owned().collect()
    }

    async fn token(&self, parameters: &[(&str, &str)]) -> Reply {
        let client = [("client_id", self.client.0.as_str()), ("client_secret", self.client.1.as_str())];
        let all: Vec<_> = client.into_iter().chain(parameters.iter().copied()).collect();
        self.app.anonymous().call(Method::POST, &format!("/{}/token", self.id)).form(&all).send().await
    }

    async fn tokens(&self) -> Reply {
        let answer = self.authorized(&self.browser()).await;
        assert_eq!(answer["iss"], SITE);
        let exchange =
            [("grant_type", "authorization_code"), ("code", answer["code"].as_str()), ("redirect_uri", CALLBACK)];
        let reply = self.token(&exchange).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply
    }
}

fn iss(reply: &Reply, token: &str) -> Value {
    let part = reply.body[token].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()["iss"].clone()
}

#[tokio::test]
async fn a_domain_is_an_issuer_of_its_own_name_with_the_same_keys() {
    let ground = Ground::new().await;
    let document = ground.get_at("LOGIN.example.com:443", "/.well-known/openid-configuration").await;
    assert_eq!((document.status.as_u16(), &document.body["issuer"]), (200, &json!(SITE)), "{document}");
    for (name, value) in document.body.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" || name == "check_session_iframe" {
            assert!(value.as_str().unwrap().starts_with(&format!("{SITE}/")), "{name} {value}");
            assert!(!value.as_str().unwrap().contains(&ground.id), "{name} {value}");
        }
    }
    let metadata = ground.get_at(HOST, "/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.body, document.body);
    let canonical = ground.app.anonymous().get(&format!("/{}/.well-known/openid-configuration", ground.id));
    assert_eq!(canonical.expect(200).await.body["issuer"], ground.canonical());
    let keys = ground.app.anonymous().get(&format!("/{}/jwks.json", ground.id)).expect(200).await;
    assert_eq!(ground.get_at(HOST, "/jwks.json").await.body, keys.body);
}

#[tokio::test]
async fn what_begins_at_a_domain_keeps_its_name_and_is_good_at_both() {
    let ground = Ground::new().await;
    let reply = ground.tokens().await;
    for token in ["access_token", "id_token", "refresh_token"] {
        assert_eq!(iss(&reply, token), SITE, "{token}");
    }
    let access = reply.body["access_token"].as_str().unwrap();
    let canonical = ground.app.with_bearer(access).get(&format!("/{}/userinfo", ground.id)).expect(200).await;
    let there = ground.app.with_bearer(access).get("/userinfo").header("host", HOST).expect(200).await;
    assert_eq!(there.body, canonical.body);
    assert_eq!(there.body["email"], "ada@example.com");
    let refresh = reply.body["refresh_token"].as_str().unwrap();
    let again = ground.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(iss(&again, "access_token"), SITE, "{again}");
}

#[tokio::test]
async fn cookies_of_a_domain_are_sent_over_tls_alone() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.page(&ground.begun(&browser).await).await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let done = page.post("password", json!({ "password": PASSWORD })).await;
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|line| line.starts_with(&format!("__Host-op.{}=", ground.id))), "{cookies:?}");
    assert!(cookies.iter().all(|line| line.starts_with("__Host-") && line.contains("; Secure")), "{cookies:?}");
    assert_eq!(done.body["redirect_to"], format!("{SITE}/authorize?flow={}", page.id));
}

#[tokio::test]
async fn a_mail_leads_back_to_the_domain_where_it_was_asked_for() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.page(&ground.begun(&browser).await).await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("magic-link", json!({})).await;
    worker::run_once(ground.app.authpi.services()).await.unwrap();
    let text = ground.post.news().remove(0).text;
    let link = text.split_whitespace().find_map(|word| word.strip_prefix(SITE));
    let link = link.unwrap_or_else(|| panic!("no link in {text}")).to_owned();
    let asked = browser.send(browser.call(Method::GET, &link)).await;
    assert_eq!(asked.status, 200, "{asked}");
}

#[tokio::test]
async fn a_domain_that_is_taken_away_takes_its_tokens_along() {
    let ground = Ground::new().await;
    let reply = ground.tokens().await;
    ground.app.serve_at(HOST, None).await;
    ground.app.advance(Duration::from_secs(1));
    let access = reply.body["access_token"].as_str().unwrap();
    let refused = ground.app.with_bearer(access).get(&format!("/{}/userinfo", ground.id)).expect(401).await;
    assert_eq!(refused.body["error"], "invalid_token");
    let introspected =
        [("client_id", ground.client.0.as_str()), ("client_secret", &ground.client.1), ("token", access)];
    let path = format!("/{}/introspect", ground.id);
    let introspected = ground.app.anonymous().call(Method::POST, &path).form(&introspected).expect(200).await;
    assert_eq!(introspected.body, json!({ "active": false }));
    let refresh = reply.body["refresh_token"].as_str().unwrap();
    let refused = ground.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (400, &json!("invalid_grant")), "{refused}");
    assert_eq!(ground.get_at(HOST, "/jwks.json").await.status, 404, "the name is one like any other");
    ground.app.serve_at(HOST, Some(&ground.issuer)).await;
    ground.app.advance(Duration::from_secs(1));
    let again = ground.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(again.status, 200, "nothing was spent meanwhile: {again}");
}

#[tokio::test]
async fn a_domain_that_serves_another_issuer_accepts_nothing_of_the_one_before() {
    let ground = Ground::new().await;
    let reply = ground.tokens().await;
    let other = ground.app.issuer().await;
    ground.app.serve_at(HOST, Some(&other)).await;
    ground.app.advance(Duration::from_secs(1));
    let access = reply.body["access_token"].as_str().unwrap();
    for (path, host) in [("/userinfo".to_owned(), Some(HOST)), (format!("/{}/userinfo", ground.id), None)] {
        let call = ground.app.with_bearer(access).get(&path);
        let call = host.into_iter().fold(call, |call, host| call.header("host", host));
        assert_eq!(call.expect(401).await.body["error"], "invalid_token", "{path}");
    }
}

#[tokio::test]
async fn a_domain_leads_to_its_issuer_and_to_nothing_else() {
    let ground = Ground::new().await;
    let other = ground.app.issuer().await;
    let other = other.rsplit('/').next().unwrap();
    for path in [format!("/{other}/jwks.json"), format!("/{}/jwks.json", ground.id), "/v1/me".to_owned()] {
        assert_eq!(ground.get_at(HOST, &path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_host_of_a_stranger_shapes_no_url() {
    let ground = Ground::new().await;
    let path = format!("/{}/.well-known/openid-configuration", ground.id);
    for host in ["evil.example.com", "127.0.0.1", "localhost:99", "[::1]", "a b", ""] {
        let found =
            ground.app.anonymous().get(&path).header("host", host).header("x-forwarded-host", HOST).send().await;
        if found.status.as_u16() == 400 && found.body["issuer"].is_null() {
            // The framework itself takes no such name.
            continue;
        }
        assert_eq!(found.body["issuer"], ground.canonical(), "{host}");
    }
    let browser = ground.app.browser_at("evil.example.com", &ground.issuer);
    let login = browser.send(browser.call(Method::GET, &format!("/{}/authorize", ground.id))).await;
    assert_eq!(login.status, 400, "{login}");
    assert!(!login.to_string().contains("evil.example.com"), "{login}");
}

#[tokio::test]
async fn names_that_nothing_goes_by_are_refused_where_the_deployment_says_so() {
    let options = Options { rate_limits: false, refuse_other_hosts: true, ..Options::default() };
    let app = App::start_with(DRIVER, options).await;
    let issuer = app.issuer().await;
    app.serve_at(HOST, Some(&issuer)).await;
    app.anonymous().get("/jwks.json").header("host", HOST).expect(200).await;
    app.root().get("/v1/me").expect(200).await;
    let refused = app.root().get("/v1/me").header("host", "other.example.com").expect(421).await;
    assert_eq!(refused.body["error"], "misdirected_request");
    assert!(refused.body["reference"].is_string() && refused.body["retryable"] == json!(false), "{refused}");
}
