//! Each kind of JWT at every place that takes one: refused everywhere but at its own (RFC 8725 §3.11).

use authpi_core::worker::run_once;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tests::{App, Dns, Receiver};

use super::client_authentication::{assertion, key};
use super::machines::agent;
use super::{CALLBACK, CHALLENGE, DRIVER, Ground, claims, text};

/// The kinds, and their places.
const ACCESS: &str = "access token";
const ID: &str = "ID token";
const REFRESH: &str = "refresh token";
const PERSONAL: &str = "personal token";
const BARE_PERSONAL: &str = "personal token without its prefix";
const ASSERTION: &str = "client assertion";
const DELEGATED: &str = "delegated token";
const AGENTS: &str = "token of an agent";
const MACHINES: &str = "token of a machine";
const LOGOUT: &str = "logout token";

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

struct Kinds {
    ground: Ground,
    machine: String,
    /// Who has the delegated token.
    agent: (String, String),
    /// Another agent, which the user lets act, too.
    other: (String, String),
    all: Vec<(&'static str, String)>,
}

impl Kinds {
    /// At the platform's own issuer, which is the one that the Core API knows.
    async fn new() -> Self {
        let dns = Dns::start().await;
        let receiver = Receiver::start().await;
        let app = App::start_reaching(DRIVER, &dns).await;
        let organization = app.account_organization().await;
        let (issuer, _) = organization.split_once("/organizations/").unwrap();
        let ground =
            Ground::at(app, issuer.to_owned(), "internal", json!({ "backchannel_logout_uri": receiver.base })).await;
        let (pair, public) = key();
        let openid = json!({ "application_type": "m2m", "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [public] } });
        let body = json!({ "name": "Job", "confidential": true, "settings": { "scopes": ["a:b"], "openid": openid } });
        let machine = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await.id();
        // As near as can be to the others: for the issuer, with all of these claims.
        let code = ground.code_with(&["openid"], None, &[&ground.url()], None).await;
        let tokens = ground.exchange(&code).await;
        let body = json!({ "name": "t", "restrictions": { "scopes": ["*:**"] } });
        let path = format!("{}/users/{}/tokens", ground.issuer, ground.user);
        let personal = ground.app.root().post(&path, body).expect(201).await.text("token_plain");
        let now = ground.app.now() / 1_000;
        let claims =
            json!({ "iss": machine, "sub": machine, "aud": ground.url(), "jti": "j", "exp": now + 600, "iat": now });
        let assertion = assertion(&pair, &json!({ "alg": "EdDSA", "kid": "one" }), &claims);
        let mut all: Vec<_> = [(ACCESS, "access_token"), (ID, "id_token"), (REFRESH, "refresh_token")]
            .map(|(kind, name)| (kind, text(&tokens, name).to_owned()))
            .into();
        all.push((BARE_PERSONAL, personal.strip_prefix("ptk_").unwrap().to_owned()));
        all.push((PERSONAL, personal));
        all.push((ASSERTION, assertion));
        let (agent, other) = (Self::agent(&ground).await, Self::agent(&ground).await);
        let own = Self::by(&ground, &agent, &[("grant_type", "client_credentials"), ("resource", &ground.url())]).await;
        let subject = [("subject_token", text(&tokens, "access_token")), ("subject_token_type", TYPE)];
        let exchange = [("grant_type", EXCHANGE), subject[0], subject[1], ("resource", &ground.url())];
        let delegated = Self::by(&ground, &agent, &exchange).await;
        all.push((DELEGATED, text(&delegated, "access_token").to_owned()));
        all.push((AGENTS, text(&own, "access_token").to_owned()));
        all.push((MACHINES, Self::of_a_machine(&ground).await));
        all.push((LOGOUT, Self::logout_token(&ground, &receiver).await));
        Self { ground, machine, agent, other, all }
    }

    /// An agent that the user lets act for them.
    async fn agent(ground: &Ground) -> (String, String) {
        let user = format!("{}/users/{}", ground.issuer, ground.user);
        ground.app.root().patch(&user, json!({ "scopes": ["a:b"] })).expect(200).await;
        let made = agent(ground, &["a:b"]).await;
        let delegation = json!({ "agent_id": made.0, "scopes": ["a:b"] });
        ground.app.root().post(&format!("{user}/delegations"), delegation).expect(201).await;
        made
    }

    /// What a client has of itself (RFC 6749 §4.4), for the issuer.
    async fn of_a_machine(ground: &Ground) -> String {
        let settings = json!({ "scopes": ["a:b"], "openid": { "application_type": "m2m" } });
        let body = json!({ "name": "Other job", "confidential": true, "settings": settings });
        let made = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
        let client = (made.id(), made.text("secret"));
        let wish = [("grant_type", "client_credentials"), ("resource", &*ground.url())];
        let tokens = Self::by(ground, &client, &wish).await;
        text(&tokens, "access_token").to_owned()
    }

    async fn by(ground: &Ground, (id, secret): &(String, String), parameters: &[(&str, &str)]) -> tests::Reply {
        let head = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
        let all: Vec<_> = head.into_iter().chain(parameters.iter().copied()).collect();
        ground.post("token", &all).await
    }

    /// What the client is told of the end of another session.
    async fn logout_token(ground: &Ground, receiver: &Receiver) -> String {
        let tokens = ground.tokens(&["openid"]).await;
        let sid = claims(text(&tokens, "access_token"))["sid"].as_str().unwrap().to_owned();
        ground.app.root().act(&format!("{}/sessions/{sid}/revoke", ground.issuer)).expect(200).await;
        run_once(ground.app.authpi.services()).await.unwrap();
        let body = receiver.received().remove(0).body;
        std::str::from_utf8(&body).unwrap().strip_prefix("logout_token=").unwrap().to_owned()
    }

    /// Revocation answers 200 whatever is presented (RFC 7009 §2.2): what it did is seen by the tokens.
    async fn revoke_what_is_not_revoked(&self, access: &str) {
        let host = [ACCESS, DELEGATED, AGENTS, MACHINES];
        for (kind, token) in self.all.iter().filter(|(kind, _)| ![ACCESS, REFRESH].contains(kind)) {
            let client = [("client_id", &*self.ground.client), ("client_secret", &*self.ground.secret)];
            let reply = self.ground.post("revoke", &[client[0], client[1], ("token", token.as_str())]).await;
            assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0), "{kind}: {reply}");
            assert_eq!(self.ground.userinfo(access).await.body["sub"], self.ground.user, "{kind} ends no session");
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            let is_good = self.ground.app.authpi.caller(&headers, None).await.is_ok();
            assert_eq!(is_good, host.contains(kind) || *kind == PERSONAL, "{kind} is not the client's to revoke");
        }
    }

    /// The kinds that a place takes.
    async fn taken(&self, takes: impl AsyncFn(&str) -> bool) -> Vec<&'static str> {
        let mut taken = Vec::new();
        for (kind, token) in &self.all {
            if takes(token).await {
                taken.push(*kind);
            }
        }
        taken
    }
}

#[tokio::test]
async fn a_token_is_taken_for_nothing_but_what_it_is() {
    let kinds = Kinds::new().await;
    let (ground, app) = (&kinds.ground, &kinds.ground.app);
    let ok = |reply: &tests::Reply| reply.status.is_success();

    let userinfo = kinds.taken(async |token| ok(&ground.userinfo(token).await)).await;
    assert_eq!(userinfo, [ACCESS], "UserInfo");

    let introspected = kinds.taken(async |token| ground.introspect(token).await["active"] == true).await;
    assert_eq!(introspected, [ACCESS, REFRESH], "introspection");
    let access = async |token: &str| ground.introspect(token).await["token_type"] == "Bearer";
    assert_eq!(kinds.taken(access).await, [ACCESS], "introspection, as an access token");

    let core = kinds.taken(async |token| ok(&app.with_bearer(token).get("/v1/me").send().await)).await;
    assert_eq!(core, [ACCESS, PERSONAL], "the Core API");
    let prefixed = async |token: &str| ok(&app.with_bearer(&format!("ptk_{token}")).get("/v1/me").send().await);
    assert_eq!(kinds.taken(prefixed).await, [BARE_PERSONAL], "the Core API, as a personal token");
    let inspected = async |token: &str| {
        let path = format!("{}/tokens/introspect", ground.issuer);
        let reply = app.root().post(&path, json!({ "token": format!("ptk_{token}") })).send().await;
        reply.body["data"]["active"] == true
    };
    assert_eq!(kinds.taken(inspected).await, [BARE_PERSONAL], "introspection of personal tokens");

    let host = async |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        app.authpi.caller(&headers, None).await.is_ok()
    };
    assert_eq!(kinds.taken(host).await, [ACCESS, PERSONAL, DELEGATED, AGENTS, MACHINES], "the host's own routes");

    let agent = [("client_id", &*kinds.agent.0), ("client_secret", &*kinds.agent.1)];
    let by_agent = async |token: &str| {
        ground.post("introspect", &[agent[0], agent[1], ("token", token)]).await.body["active"] == true
    };
    assert_eq!(kinds.taken(by_agent).await, [DELEGATED, AGENTS], "introspection by the agent");
    let subject = async |token: &str| {
        let exchange = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", TYPE)];
        ok(&Kinds::by(ground, &kinds.other, &exchange).await)
    };
    assert_eq!(kinds.taken(subject).await, [ACCESS, DELEGATED], "the subject of an exchange");
    let access = kinds.all[0].1.as_str();
    let actor = async |token: &str| {
        let subject = [("subject_token", access), ("subject_token_type", TYPE)];
        let actor = [("actor_token", token), ("actor_token_type", TYPE)];
        ok(&Kinds::by(ground, &kinds.agent, &[("grant_type", EXCHANGE), subject[0], subject[1], actor[0], actor[1]])
            .await)
    };
    assert_eq!(kinds.taken(actor).await, [AGENTS], "the actor of an exchange");

    let authorize = async |token: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let parameters = [
            ("response_type", "code"),
            ("client_id", ground.client.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
            ("id_token_hint", token),
        ];
        let path = format!("{}?{}", ground.path("authorize"), query.extend_pairs(parameters).finish());
        let browser = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let reply = browser.get(format!("{}{path}", app.base)).send().await.unwrap();
        let location = reply.headers()["location"].to_str().unwrap().to_owned();
        let is_login = location.contains("error=login_required");
        assert!(is_login || location.contains("error=invalid_request"), "{location}");
        is_login
    };
    assert_eq!(kinds.taken(authorize).await, [ID], "the hint of an authorization request");

    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let asserted = async |token: &str| {
        let parameters = [
            ("grant_type", "client_credentials"),
            ("client_id", &*kinds.machine),
            ("client_assertion_type", kind),
            ("client_assertion", token),
        ];
        ok(&ground.post("token", &parameters).await)
    };
    assert_eq!(kinds.taken(asserted).await, [ASSERTION], "client authentication");

    let refreshed = kinds.taken(async |token| ok(&ground.refresh(token).await)).await;
    assert_eq!(refreshed, [REFRESH], "the refresh grant");
    let sent: Value = ground.userinfo(&kinds.all[0].1).await.body;
    assert_eq!(sent["sub"], ground.user, "none of it ended the session");

    let consents = async |token: &str| {
        let path = ground.path(&format!("consents/{}", ground.client));
        ok(&app.with_bearer(token).delete(&path).send().await)
    };
    assert_eq!(kinds.taken(consents).await, [ACCESS], "consents");
    kinds.revoke_what_is_not_revoked(access).await;
    // The last, as it ends the session.
    let logout = async |token: &str| {
        let path = format!("{}?id_token_hint={token}", ground.path("logout"));
        app.anonymous().get(&path).header("accept", "application/json").send().await.status.as_u16() != 400
    };
    assert_eq!(kinds.taken(logout).await, [ID], "the hint of a logout");
}
