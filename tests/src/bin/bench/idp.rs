//! The identity provider: tokens by the second against bare signatures, logins against bare password hashes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use authpi_core::key::model::{Algorithm, KeyPair};
use authpi_core::verifier::model::{Password, PasswordHash};
use authpi_core::web::answer::Answer;
use authpi_core::web::request::Request;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::Scale;
use crate::measure::Report;
use crate::platform::Platform;

const RS256: &str = "bare RS256 signature";
const ES256: &str = "bare ES256 signature";
const ARGON2: &str = "bare Argon2id hash";
const INSERT: &str = "bare insert and commit";
const PASSWORD: &str = "k7!qZp2vv-Rw9xT4mN6bH8cJ";
const CALLBACK: &str = "https://app.example.com/cb";

/// Callers of what waits for a disk, and of logins: an answer to a password takes a quarter of a second at the least.
const CALLERS: usize = 8;
const LOGINS: usize = 48;

pub(crate) async fn run(platform: &Platform, scale: Scale, report: &mut Report) {
    baselines(scale, report).await;
    for (algorithm, bare) in [("RS256", RS256), ("ES256", ES256)] {
        let app = App::new(platform, algorithm).await;
        app.machine(scale, report, bare).await;
        app.refreshes(scale, report, bare).await;
        app.authorizations(scale, report).await;
    }
    App::new(platform, "ES256").await.logins(scale, report).await;
}

async fn baselines(scale: Scale, report: &mut Report) {
    for (name, algorithm) in [(RS256, Algorithm::Rs256), (ES256, Algorithm::Es256)] {
        let pair = Arc::new(KeyPair::generate(algorithm).unwrap());
        report
            .measure(name, None, (CALLERS, scale.operations), move |_| {
                let pair = Arc::clone(&pair);
                async move { drop(pair.sign(&[7; 600]).unwrap()) }
            })
            .await;
    }
    report
        .measure(ARGON2, None, (2, scale.operations / 20), |_| async {
            let hash = || PasswordHash::of(&Password::new(PASSWORD));
            drop(tokio::task::spawn_blocking(hash).await.unwrap().unwrap());
        })
        .await;
}

/// People so far.
static PEOPLE: AtomicUsize = AtomicUsize::new(0);

/// A client that signs by one algorithm, with users.
#[derive(Clone)]
struct App {
    platform: Platform,
    algorithm: &'static str,
    client: (String, String),
    machine: (String, String),
    users: Arc<Vec<String>>,
}

impl App {
    async fn new(platform: &Platform, algorithm: &'static str) -> Self {
        let made = |body: Value| async move {
            let made = platform.call(Method::POST, &platform.below("/clients"), Some(&body.to_string())).await;
            let made: Value = serde_json::from_slice(made.body.bytes()).unwrap();
            let text = |name: &str| made["data"][name].as_str().unwrap().to_owned();
            (text("id"), text("secret"))
        };
        let openid = json!({ "response_signature_alg": algorithm, "redirect_uris": [CALLBACK] });
        let client = json!({ "name": "App", "type": "internal", "confidential": true,
            "settings": { "scopes": ["openid", "email"], "openid": openid } });
        let openid = json!({ "response_signature_alg": algorithm, "application_type": "m2m" });
        let machine =
            json!({ "name": "Job", "confidential": true, "settings": { "scopes": ["a:read"], "openid": openid } });
        let mut users = Vec::new();
        for _ in 0..LOGINS {
            let email = format!("person{}@example.com", PEOPLE.fetch_add(1, Ordering::Relaxed));
            let body = json!({ "email": email, "password": PASSWORD, "profile": { "email_verified": true } });
            platform.call(Method::POST, &platform.below("/users"), Some(&body.to_string())).await;
            users.push(email);
        }
        let (client, machine) = (made(client).await, made(machine).await);
        Self { platform: platform.clone(), algorithm, client, machine, users: Arc::new(users) }
    }

    async fn machine(&self, scale: Scale, report: &mut Report, bare: &'static str) {
        let shared = self.clone();
        let name = format!("client_credentials, {}", self.algorithm);
        report
            .measure(name, Some(bare), (CALLERS, scale.operations), move |_| {
                let shared = shared.clone();
                async move {
                    drop(shared.token(&shared.machine, &[("grant_type", "client_credentials")]).await);
                }
            })
            .await;
    }

    /// Sessions that take turns: a token is good for one refresh.
    async fn refreshes(&self, scale: Scale, report: &mut Report, bare: &'static str) {
        let mut tokens = Vec::new();
        for user in self.users.iter().take(CALLERS) {
            let code = Visitor::default().sign_in(self, user).await;
            let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
            tokens.push(text(&self.token(&self.client, &exchange).await, "refresh_token"));
        }
        let (shared, tokens) = (self.clone(), Arc::new(Mutex::new(tokens)));
        let name = format!("refresh (3 signatures), {}", self.algorithm);
        report
            .measure(name, Some(bare), (CALLERS, scale.operations.min(2_000)), move |_| {
                let (shared, tokens) = (shared.clone(), Arc::clone(&tokens));
                async move {
                    let token = tokens.lock().unwrap().pop().unwrap();
                    let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
                    let next = text(&shared.token(&shared.client, &form).await, "refresh_token");
                    tokens.lock().unwrap().push(next);
                }
            })
            .await;
    }

    /// From the request of a browser that is signed in to the code.
    async fn authorizations(&self, scale: Scale, report: &mut Report) {
        let mut visitors = Vec::new();
        for user in self.users.iter().take(CALLERS) {
            let visitor = Visitor::default();
            visitor.sign_in(self, user).await;
            visitors.push(visitor);
        }
        let (shared, visitors) = (self.clone(), Arc::new(visitors));
        let name = format!("authorize to code, {}", self.algorithm);
        report
            .measure(name, Some(INSERT), (CALLERS, scale.operations.min(2_000)), move |number| {
                let (shared, visitors) = (shared.clone(), Arc::clone(&visitors));
                async move {
                    let visitor = &visitors[number % CALLERS];
                    let answer = visitor.send(&shared, Method::GET, &shared.authorize(), None).await;
                    assert!(location(&answer).starts_with(CALLBACK), "{}", location(&answer));
                }
            })
            .await;
    }

    /// The whole way from the request over identifier and password to the code: of browsers that the users have signed in
    /// with before, and of new ones, which their users are told of.
    async fn logins(&self, scale: Scale, report: &mut Report) {
        let mut known = Vec::new();
        for user in self.users.iter() {
            let visitor = Visitor::default();
            visitor.sign_in(self, user).await;
            known.push(visitor.device());
        }
        self.passwords(scale, &known, report).await;
        for (name, devices) in [("login in a known browser", known), ("login in a new browser", Vec::new())] {
            let (shared, devices) = (self.clone(), Arc::new(devices));
            report
                .measure(name, Some(ARGON2), (LOGINS, scale.operations / 5), move |number| {
                    let (shared, devices) = (shared.clone(), Arc::clone(&devices));
                    async move {
                        let visitor = Visitor(Mutex::new(devices.get(number % LOGINS).cloned().unwrap_or_default()));
                        drop(visitor.sign_in(&shared, &shared.users[number % LOGINS]).await);
                    }
                })
                .await;
        }
    }

    /// The step of a login that checks the password and opens the session, with all before it done already.
    async fn passwords(&self, scale: Scale, devices: &[BTreeMap<String, String>], report: &mut Report) {
        let count = scale.operations / 5;
        let mut begun = Vec::new();
        for number in 0..count + count / 10 {
            let visitor = Visitor(Mutex::new(devices[number % LOGINS].clone()));
            let flow = visitor.identify(self, &self.users[number % LOGINS]).await;
            begun.push((visitor, flow));
        }
        let (shared, begun) = (self.clone(), Arc::new(begun));
        report
            .measure("password step of a login", Some(ARGON2), (LOGINS, count), move |number| {
                let (shared, begun) = (shared.clone(), Arc::clone(&begun));
                async move {
                    let (visitor, flow) = &begun[number];
                    visitor.step(&shared, flow, "password", json!({ "password": PASSWORD })).await;
                }
            })
            .await;
    }

    fn authorize(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("response_type", "code"), ("scope", "openid email"), ("redirect_uri", CALLBACK)])
            .extend_pairs([("client_id", self.client.0.as_str()), ("state", "s"), ("nonce", "n")])
            .finish();
        format!("/authorize?{query}")
    }

    async fn token(&self, client: &(String, String), form: &[(&str, &str)]) -> Value {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .extend_pairs([("client_id", &client.0), ("client_secret", &client.1)])
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let answer = self.ask(Method::POST, "/token", headers, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(answer.body.bytes()));
        serde_json::from_slice(answer.body.bytes()).unwrap()
    }

    /// A request below the issuer.
    async fn ask(&self, method: Method, path: &str, headers: HeaderMap, body: String) -> Answer {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query.to_owned())));
        let path = format!("/{}{path}", self.platform.issuer);
        let request = Request { method, path, host: None, query, headers, peer: None, body: Ok(body.into()) };
        self.platform.authpi.handle(request).await
    }
}

/// A browser: no more than its cookies.
#[derive(Default)]
struct Visitor(Mutex<BTreeMap<String, String>>);

impl Visitor {
    /// The cookie by which the browser is known, and no session.
    fn device(self) -> BTreeMap<String, String> {
        let mut cookies = self.0.into_inner().unwrap();
        cookies.retain(|name, _| name.trim_start_matches("__Host-").starts_with("dv."));
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies
    }

    /// Begins a login, up to the password. Returns the flow and its ticket.
    async fn identify(&self, app: &App, user: &str) -> (String, String) {
        let begun = location(&self.send(app, Method::GET, &app.authorize(), None).await);
        let flow = begun.rsplit_once('=').unwrap().1.to_owned();
        let state = self.send(app, Method::GET, &format!("/flows/{flow}"), None).await;
        let ticket = text(&serde_json::from_slice(state.body.bytes()).unwrap(), "ticket");
        let flow = (flow, ticket);
        self.step(app, &flow, "identify", json!({ "identifier": user })).await;
        flow
    }

    async fn step(&self, app: &App, (flow, ticket): &(String, String), step: &str, body: Value) {
        let answer = self.send(app, Method::POST, &format!("/flows/{flow}/{step}"), Some((ticket, body))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(answer.body.bytes()));
    }

    /// Returns the code that it gets.
    async fn sign_in(&self, app: &App, user: &str) -> String {
        let flow = self.identify(app, user).await;
        self.step(app, &flow, "password", json!({ "password": PASSWORD })).await;
        let flow = flow.0;
        let answered = self.send(app, Method::GET, &format!("/authorize?flow={flow}"), None).await;
        let answered = url::Url::parse(&location(&answered)).unwrap();
        answered.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    async fn send(&self, app: &App, method: Method, path: &str, posted: Option<(&str, Value)>) -> Answer {
        let mut headers = HeaderMap::new();
        let cookies: Vec<_> = self.0.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert("cookie", cookies.join("; ").parse().unwrap());
        let body = posted.map(|(ticket, body)| {
            headers.insert("authpi-portal", ticket.parse().unwrap());
            headers.insert("content-type", "application/json".parse().unwrap());
            body.to_string()
        });
        let answer = app.ask(method, path, headers, body.unwrap_or_default()).await;
        for line in answer.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap_or_default();
            self.0.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

fn location(answer: &Answer) -> String {
    let found = answer.headers.get("location").and_then(|value| value.to_str().ok());
    found.unwrap_or_else(|| panic!("{} {}", answer.status, String::from_utf8_lossy(answer.body.bytes()))).to_owned()
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}
