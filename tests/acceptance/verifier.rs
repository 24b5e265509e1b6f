//! A service that does not host the issuer verifies its tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use authpi_core::scope::Scope;
use authpi_core::transport::ManualClock;
use authpi_verifier::{Clock, Fetch, FetchError, Refused, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::{App, Driver};

const AUDIENCE: &str = "urn:example:invoices";

/// The clock of the issuer is that of the service.
struct SameClock(Arc<ManualClock>);

impl Clock for SameClock {
    fn now(&self) -> i64 {
        authpi_core::transport::Clock::now(&*self.0).as_millis() / 1_000
    }
}

/// Fetches, and counts it; fails when the issuer is down.
#[derive(Clone, Default)]
struct Net {
    fetches: Arc<AtomicU32>,
    is_down: Arc<AtomicBool>,
}

impl Net {
    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Fetch for Net {
    async fn fetch(&self, url: String) -> Result<Vec<u8>, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(FetchError::new("down"));
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(url).send().await.map_err(FetchError::new)?;
        Ok(response.bytes().await.map_err(FetchError::new)?.to_vec())
    }
}

struct Ground {
    app: App,
    issuer: String,
    url: String,
    client: (String, String),
    net: Net,
    verifier: Verifier<Net, SameClock>,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start(Driver::Axum).await;
        let issuer = app.issuer().await;
        let url = format!("{}/{}", app.base, issuer.rsplit('/').next().unwrap());
        let scopes = ["invoices:*", "orders:read"];
        let settings = json!({ "scopes": scopes, "openid": { "application_type": "m2m" } });
        let body = json!({ "name": "Job", "confidential": true, "settings": settings });
        let made = app.root().post(&format!("{issuer}/clients"), body).expect(201).await;
        let net = Net::default();
        let clock = SameClock(Arc::clone(&app.clock));
        let verifier = Verifier::with_clock(&url, AUDIENCE, net.clone(), clock).unwrap();
        Self { client: (made.id(), made.text("secret")), app, issuer, url, net, verifier }
    }

    async fn token_for(&self, resource: &str) -> String {
        let (id, secret) = (&*self.client.0, &*self.client.1);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("resource", resource),
        ];
        let path = format!("/{}/token", self.issuer.rsplit('/').next().unwrap());
        let reply = self.app.anonymous().call(http::Method::POST, &path).form(&form).expect(200).await;
        reply.body["access_token"].as_str().unwrap().to_owned()
    }

    async fn token(&self) -> String {
        self.token_for(AUDIENCE).await
    }
}

/// The token with another header, or other claims, and the same signature.
fn with(token: &str, part: usize, changes: &Value) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

#[tokio::test]
async fn a_token_for_this_api_tells_who_comes_with_which_scopes() {
    let ground = Ground::new().await;
    let token = ground.token().await;
    let verified = ground.verifier.authorization(Some(&format!("bearer {token}"))).await.unwrap();
    assert_eq!((verified.subject(), verified.act(), verified.org()), (&*ground.client.0, None, None));
    assert_eq!(verified.claims().iss, ground.url);
    verified.require("invoices:read").unwrap();
    let lacking = verified.require("orders:write").unwrap_err();
    assert_eq!(lacking.challenge(None).unwrap(), "Bearer error=\"insufficient_scope\", scope=\"orders:write\"");
    assert!(matches!(verified.require_in("org_x", "invoices:read"), Err(Refused::InsufficientScope(_))));
    for missing in [None, Some("Basic eDp5"), Some("bearer")] {
        assert!(matches!(ground.verifier.authorization(missing).await, Err(Refused::Missing)), "{missing:?}");
    }
}

#[test]
fn scopes_match_here_as_they_do_at_the_host() {
    let texts = [
        "owner",
        ":x",
        "a:read",
        "a:write",
        "a:delete",
        "a:manage",
        "a:*",
        "a:**",
        "a.b:read",
        "a.b:**",
        "*:read",
        "*:manage",
        "*:*",
        "*:**",
        "users.*:read",
        "urn:x:read",
    ];
    for held in texts {
        for required in texts {
            let at_host = Scope::try_from(held).unwrap().matches(&Scope::try_from(required).unwrap());
            assert_eq!(authpi_verifier::grants(held, required), at_host, "{held} for {required}");
        }
    }
}

#[tokio::test]
async fn whatever_is_not_as_it_should_be_is_refused() {
    let ground = Ground::new().await;
    let token = ground.token().await;
    let refused = async |token: &str| format!("{:?}", ground.verifier.verify(token).await.unwrap_err());
    for (text, why) in [
        ("x", "Malformed"),
        ("a.b.c", "Malformed"),
        (&*with(&token, 0, &json!({ "typ": "JWT" })), "Type"),
        (&with(&token, 0, &json!({ "typ": null })), "Type"),
        (&with(&token, 0, &json!({ "alg": "none" })), "Signature"),
        (&with(&token, 0, &json!({ "alg": "HS256" })), "Signature"),
        (&with(&token, 0, &json!({ "crit": ["x"] })), "Signature"),
        (&with(&token, 0, &json!({ "jku": "https://evil.example.com" })), "Signature"),
        (&with(&token, 1, &json!({ "scope": "*:**" })), "Signature"),
        (&with(&token, 1, &json!({ "iss": "https://evil.example.com" })), "Issuer"),
        (&with(&token, 1, &json!({ "iss": format!("{}/", ground.url) })), "Issuer"),
        (&ground.token_for("urn:example:invoices:x").await, "Audience"),
        (&ground.token_for(&ground.url).await, "Audience"),
    ] {
        assert_eq!(refused(text).await, why);
    }
    let user = ground.app.user(&ground.issuer, "ann@example.com").await;
    let path = format!("{}/users/{user}/tokens", ground.issuer);
    let body = json!({ "name": "t", "audience": AUDIENCE, "restrictions": { "scopes": ["*:**"] } });
    let personal = ground.app.root().post(&path, body).expect(201).await.text("token_plain");
    assert_eq!(refused(&personal).await, "Malformed");
    assert_eq!(refused(personal.strip_prefix("ptk_").unwrap()).await, "Type");
    ground.verifier.verify(&token).await.unwrap();
    ground.app.advance(Duration::from_mins(30));
    assert_eq!(refused(&token).await, "Expired");
}

#[tokio::test]
async fn keys_are_fetched_once_and_invented_ones_make_no_flood() {
    let ground = Ground::new().await;
    let token = ground.token().await;
    let invented = with(&token, 0, &json!({ "kid": "00000000-0000-4000-8000-000000000000" }));
    let foreign = with(&token, 1, &json!({ "iss": "https://evil.example.com" }));
    assert!(ground.verifier.verify(&foreign).await.is_err());
    assert_eq!(ground.net.fetches(), 0, "the tokens of others do not make us ask");
    for _ in 0..3 {
        ground.verifier.verify(&token).await.unwrap();
        assert!(matches!(ground.verifier.verify(&invented).await, Err(Refused::UnknownKey)));
    }
    assert_eq!(ground.net.fetches(), 2, "configuration and keys");
    ground.app.advance(Duration::from_secs(29));
    assert!(ground.verifier.verify(&invented).await.is_err());
    assert_eq!(ground.net.fetches(), 2);
    ground.app.advance(Duration::from_secs(1));
    for _ in 0..3 {
        assert!(ground.verifier.verify(&invented).await.is_err());
    }
    assert_eq!(ground.net.fetches(), 4);
}

#[tokio::test]
async fn keys_outlive_an_hour_of_silence_and_no_more() {
    let ground = Ground::new().await;
    let down = |is_down| ground.net.is_down.store(is_down, Ordering::SeqCst);
    down(true);
    let refused = ground.verifier.verify(&ground.token().await).await.unwrap_err();
    assert!(matches!(refused, Refused::Unavailable(_)), "{refused:?}");
    assert_eq!((refused.status(), refused.challenge(None)), (503, None));
    down(false);
    ground.app.advance(Duration::from_secs(1));
    ground.verifier.verify(&ground.token().await).await.unwrap();
    down(true);
    let before = ground.net.fetches();
    ground.app.advance(Duration::from_mins(5));
    for _ in 0..3 {
        ground.verifier.verify(&ground.token().await).await.unwrap();
    }
    assert_eq!(ground.net.fetches(), before + 1, "asked once in half a minute");
    ground.app.advance(Duration::from_secs(3_299));
    ground.verifier.verify(&ground.token().await).await.unwrap();
    ground.app.advance(Duration::from_secs(1));
    assert!(matches!(ground.verifier.verify(&ground.token().await).await, Err(Refused::Unavailable(_))));
}
