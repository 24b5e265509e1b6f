//! The endpoints of an issuer that clients call.

mod audiences;
mod authorize;
mod back_channel;
mod bearer;
mod client_authentication;
mod codes;
mod confusion;
mod exchange;
mod hints;
mod introspection;
mod keys;
mod limits;
mod logout;
mod machines;
mod refresh;
mod scopes;
mod sharing;
mod strictness;
mod userinfo;

use authpi_core::oauth::model::{CodeBinding, CodeChallenge, GrantBinding, Resources};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::sessions::Authorization;
use tests::{App, Reply};

use super::DRIVER;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Of the client.
const CALLBACK: &str = "https://app.example.com/cb?x=%20y";

/// Claims or header of a token, unverified.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

fn text<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}"))
}

/// Where a reply leads; nowhere is empty.
fn location(reply: &Reply) -> &str {
    reply.headers.get("location").map_or("", |value| value.to_str().unwrap())
}

#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str) {
    let found = (reply.status.as_u16(), reply.body["error"].as_str().unwrap_or_default());
    assert_eq!(found, (status, error), "{reply}");
    assert!(reply.body["error_description"].is_string() && reply.body["reference"].is_string(), "{reply}");
}

/// An issuer with a client that can keep a secret, and a user who is signed in.
struct Ground {
    app: App,
    issuer: String,
    id: String,
    client: String,
    secret: String,
    user: String,
    op: String,
}

impl Ground {
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With more settings of the client below `openid`.
    async fn with(openid: Value) -> Self {
        let app = App::start(DRIVER).await;
        Self::on(app, openid).await
    }

    async fn on(app: App, openid: Value) -> Self {
        let issuer = app.issuer().await;
        Self::at(app, issuer, "external", openid).await
    }

    /// At an issuer, with a client of the issuer's own or of somebody else.
    async fn at(app: App, issuer: String, kind: &str, openid: Value) -> Self {
        let id = issuer.rsplit('/').next().unwrap().to_owned();
        let user = app.user(&issuer, "ann@example.com").await;
        let mut settings = json!({ "redirect_uris": [CALLBACK] });
        settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
        let scopes = ["openid", "profile", "email", "offline_access", "orders:read", "bills:read"];
        let body = json!({ "name": "App", "type": kind, "confidential": true, "settings": { "scopes": scopes, "openid": settings } });
        let made = app.root().post(&format!("{issuer}/clients"), body).expect(201).await;
        let op = app.log_in(&issuer, &user).await;
        Self { client: made.id(), secret: made.text("secret"), app, issuer, id, user, op }
    }

    fn path(&self, endpoint: &str) -> String {
        format!("/{}/{endpoint}", self.id)
    }

    fn url(&self) -> String {
        format!("{}/{}", self.app.base, self.id)
    }

    /// What a browser would have brought back.
    async fn code(&self, scopes: &[&str], org: Option<&str>) -> String {
        self.code_with(scopes, org, &[], None).await
    }

    async fn code_with(&self, scopes: &[&str], org: Option<&str>, resources: &[&str], claims: Option<&str>) -> String {
        self.code_of(&self.op, scopes, org, resources, claims).await
    }

    /// From another session at the issuer.
    async fn code_from(&self, op: &str, scopes: &[&str]) -> String {
        self.code_of(op, scopes, None, &[], None).await
    }

    async fn code_of(
        &self,
        op: &str,
        scopes: &[&str],
        org: Option<&str>,
        resources: &[&str],
        claims: Option<&str>,
    ) -> String {
        let resources = Resources::parse(resources.iter().copied()).unwrap();
        let claims = claims.map(|claims| authpi_core::oauth::model::ClaimsRequest::parse(claims).unwrap());
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let authorization = Authorization {
            op: op.parse().unwrap(),
            client: self.client.parse().unwrap(),
            org: org.map(|org| org.parse().unwrap()),
            grant: GrantBinding { iss: self.url(), scopes, resources: resources.clone(), claims },
            code: CodeBinding {
                redirect_uri: CALLBACK.to_owned(),
                challenge: CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap(),
                nonce: Some("n-0S6_WzA2Mj".to_owned()),
                resources,
            },
        };
        self.app.authorization_code(&self.issuer, authorization).await
    }

    /// Parameters of the client, and these.
    async fn token(&self, parameters: &[(&str, &str)]) -> Reply {
        let client = [("client_id", self.client.as_str()), ("client_secret", self.secret.as_str())];
        let all: Vec<_> = client.into_iter().chain(parameters.iter().copied()).collect();
        self.post("token", &all).await
    }

    async fn post(&self, endpoint: &str, parameters: &[(&str, &str)]) -> Reply {
        self.app.anonymous().call(http::Method::POST, &self.path(endpoint)).form(parameters).send().await
    }

    async fn exchange(&self, code: &str) -> Reply {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token(&parameters).await
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Tokens of the user.
    async fn tokens(&self, scopes: &[&str]) -> Reply {
        let code = self.code(scopes, None).await;
        let reply = self.exchange(&code).await;
        assert_eq!(reply.status.as_u16(), 200, "{reply}");
        reply
    }

    async fn introspect(&self, token: &str) -> Value {
        let client = [("client_id", self.client.as_str()), ("client_secret", self.secret.as_str())];
        let all: Vec<_> = client.into_iter().chain([("token", token)]).collect();
        let reply = self.post("introspect", &all).await;
        assert_eq!(reply.status.as_u16(), 200, "{reply}");
        reply.body
    }

    async fn userinfo(&self, token: &str) -> Reply {
        self.app.with_bearer(token).get(&self.path("userinfo")).send().await
    }

    /// Events of a type, oldest first.
    async fn events(&self, kind: &str) -> Vec<Value> {
        let path = self.app.path(&format!("/events?event_types={kind}&limit=100"));
        let mut found = self.app.root().get(&path).expect(200).await.data().as_array().unwrap().clone();
        found.reverse();
        found
    }

    async fn session(&self, id: &str) -> Value {
        self.app.root().get(&format!("{}/sessions/{id}", self.issuer)).expect(200).await.data().clone()
    }
}
