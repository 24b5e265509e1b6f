//! Token exchange: agents that act for users.

mod chains;
mod ends;
mod organizations;
mod refusals;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::Reply;

use super::machines::{agent, machine};
use super::{Ground, claims, part, text};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const STANDING: &str = "urn:authpi:params:oauth:token-type:delegation";

/// A user who lets an agent act for them.
struct Acting {
    ground: Ground,
    agent: String,
    secret: String,
    delegation: String,
}

impl Acting {
    /// The agent may do four things, the user two of them and one more; delegated are all with orders.
    async fn new() -> Self {
        let ground = Ground::new().await;
        let user = format!("{}/users/{}", ground.issuer, ground.user);
        ground.app.root().patch(&user, json!({ "scopes": ["orders:*", "bills:read", "mails:*"] })).expect(200).await;
        let (agent, secret) = agent(&ground, &["orders:read", "orders:write", "bills:read", "trips:book"]).await;
        let mut acting = Self { ground, agent, secret, delegation: String::new() };
        acting.delegation = acting.delegate(json!({ "scopes": ["orders:**"] })).await;
        acting
    }

    async fn delegate(&self, more: Value) -> String {
        let mut body = json!({ "agent_id": self.agent });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("{}/users/{}/delegations", self.ground.issuer, self.ground.user);
        self.ground.app.root().post(&path, body).expect(201).await.id()
    }

    async fn revoke(&self, delegation: &str) {
        let path = format!("{}/users/{}/delegations/{delegation}/revoke", self.ground.issuer, self.ground.user);
        self.ground.app.root().act(&path).expect(200).await;
    }

    /// An access token of the user.
    async fn token(&self) -> String {
        text(&self.ground.tokens(&["openid", "orders:read"]).await, "access_token").to_owned()
    }

    /// The agent's own token.
    async fn own_token(&self, more: &[(&str, &str)]) -> String {
        text(&self.by_agent("client_credentials", more).await, "access_token").to_owned()
    }

    async fn by_agent(&self, grant: &str, more: &[(&str, &str)]) -> Reply {
        let head = [("grant_type", grant), ("client_id", &self.agent), ("client_secret", &self.secret)];
        let all: Vec<_> = head.into_iter().chain(more.iter().copied()).collect();
        self.ground.post("token", &all).await
    }

    /// The agent asks for a token with which it acts.
    async fn exchange(&self, (subject, kind): (&str, &str), more: &[(&str, &str)]) -> Reply {
        let head = [("subject_token", subject), ("subject_token_type", kind)];
        let all: Vec<_> = head.into_iter().chain(more.iter().copied()).collect();
        self.by_agent(GRANT, &all).await
    }

    async fn standing(&self, more: &[(&str, &str)]) -> Reply {
        self.exchange((&self.delegation, STANDING), more).await
    }

    /// What the agent learns of a token of its own.
    async fn introspect(&self, token: &str) -> Value {
        let all = [("client_id", &*self.agent), ("client_secret", &self.secret), ("token", token)];
        self.ground.post("introspect", &all).await.body
    }

    /// A client that may exchange tokens.
    async fn broker(&self, openid: Value) -> (String, String) {
        let mut settings = json!({ "grant_types": [GRANT] });
        settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
        machine(&self.ground, &[], settings).await
    }

    /// That client asks, with the token of an agent.
    async fn by_broker(
        &self,
        (id, secret): &(String, String),
        actor: &str,
        (subject, kind): (&str, &str),
        more: &[(&str, &str)],
    ) -> Reply {
        let head = [
            ("grant_type", GRANT),
            ("client_id", id),
            ("client_secret", secret),
            ("subject_token", subject),
            ("subject_token_type", kind),
            ("actor_token", actor),
            ("actor_token_type", ACCESS),
        ];
        let all: Vec<_> = head.into_iter().chain(more.iter().copied()).collect();
        self.ground.post("token", &all).await
    }
}

fn words(reply: &Reply) -> BTreeSet<String> {
    text(reply, "scope").split(' ').map(str::to_owned).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn an_agent_acts_for_the_user_of_a_token_as_far_as_all_three_reach() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let token = acting.token().await;
    let reply = acting.exchange((&token, ACCESS), &[]).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply}");
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    let expected = json!({
        "access_token": reply.body["access_token"], "issued_token_type": ACCESS, "token_type": "Bearer",
        "expires_in": 300, "scope": "orders:read orders:write",
    });
    assert_eq!(reply.body, expected);
    let delegated = text(&reply, "access_token");
    let header = part(delegated, 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let now = ground.app.now() / 1_000;
    let mut found = claims(delegated);
    assert!(found["jti"].take().as_str().is_some_and(|jti| jti.len() == 18));
    let expected = json!({
        "iss": ground.url(), "sub": ground.user, "act": { "sub": acting.agent }, "client_id": acting.agent,
        "aud": acting.agent, "dat": { "type": "agent" }, "exp": now + 300, "iat": now, "auth_time": now,
        "jti": null, "sid": claims(&token)["sid"], "scope": "orders:read orders:write",
        "delegation_id": acting.delegation,
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_exchange_is_told_and_counted() {
    let acting = Acting::new().await;
    let ground = &acting.ground;
    let (user, agent, delegation) = (&ground.user, &acting.agent, &acting.delegation);
    let by_agent = acting.standing(&[("scope", "orders:read")]).await;
    assert_eq!(by_agent.status.as_u16(), 200, "{by_agent}");
    ground.app.advance(std::time::Duration::from_secs(1));
    let broker = acting.broker(json!({})).await;
    let own = acting.own_token(&[]).await;
    let token = acting.token().await;
    let by_client = acting.by_broker(&broker, &own, (&token, ACCESS), &[]).await;
    assert_eq!(by_client.status.as_u16(), 200, "{by_client}");

    let subject = json!({
        "account_id": ground.app.account, "issuer_id": ground.id, "user_id": user, "agent_id": agent,
        "delegation_id": delegation,
    });
    let used = ground.events("user.delegation.used").await;
    let issued = ground.events("machine.token.issued").await;
    let issued: Vec<_> = issued.iter().filter(|event| event["data"]["grant_type"] == GRANT).collect();
    assert_eq!((used.len(), issued.len()), (2, 2));
    for (index, scope) in ["orders:read", "orders:read orders:write"].into_iter().enumerate() {
        assert_eq!((&used[index]["subject"], &issued[index]["subject"]), (&subject, &subject));
        assert_eq!(used[index]["data"], json!({ "scope": scope, "chain_depth": 1 }));
        let mut data = issued[index]["data"].clone();
        let verifier = data.as_object_mut().unwrap().remove("verifier_id");
        assert_eq!(verifier.is_some(), index == 0, "the client has none");
        assert_eq!(data, json!({ "grant_type": GRANT, "scope": scope, "expires_in": 300 }));
        assert_eq!((&used[index]["trigger"], &used[index]["auth"]), (&json!("idp"), &issued[index]["auth"]));
    }
    let auth = |index: usize, name: &str| used[index]["auth"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (auth(0, "type"), auth(0, "agent_id"), auth(0, "user_id")),
        ("agent".into(), agent.clone(), user.clone())
    );
    assert_eq!((auth(1, "type"), auth(1, "client_id")), ("client".into(), broker.0.clone()));
    let path = format!("{}/users/{user}/delegations/{delegation}", ground.issuer);
    let record = ground.app.root().get(&path).expect(200).await;
    let record = record.data();
    assert_eq!((&record["usage_count"], &record["last_used_at"]), (&json!(2), &json!(ground.app.now())));
    assert_eq!(record["updated_at"], record["created_at"]);
}

#[tokio::test]
async fn a_scope_is_given_that_the_agent_lists_the_user_delegated_and_holds() {
    let acting = Acting::new().await;
    let ask = async |scope: &str| acting.standing(&[("scope", scope)]).await;
    assert_eq!(words(&ask("orders:read bills:read trips:book openid email").await), set(&["orders:read"]));
    assert_eq!(words(&ask("orders:write orders:read").await), set(&["orders:read", "orders:write"]));
    // Not literally the agent's; not delegated; not the user's; for people.
    for refused in ["orders:*", "orders:delete", "bills:read", "mails:send", "openid", "profile", "admin"] {
        super::refused(&ask(refused).await, 400, "invalid_scope");
    }
    super::refused(&ask("orders:read \"").await, 400, "invalid_scope");
    let user = format!("{}/users/{}", acting.ground.issuer, acting.ground.user);
    acting.ground.app.root().patch(&user, json!({ "scopes": ["orders:read"] })).expect(200).await;
    assert_eq!(words(&acting.standing(&[]).await), set(&["orders:read"]), "what the user holds is looked up anew");
    let agent = format!("{}/agents/{}", acting.ground.issuer, acting.agent);
    acting.ground.app.root().patch(&agent, json!({ "scopes": ["trips:book"] })).expect(200).await;
    super::refused(&acting.standing(&[]).await, 400, "invalid_scope");
}

#[tokio::test]
async fn of_several_records_the_one_counts_that_allows_most() {
    let acting = Acting::new().await;
    let organization = acting.ground.app.organization(&acting.ground.issuer).await;
    let member = json!({ "member_id": acting.ground.user, "scopes": ["bills:*"] });
    acting.ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let org = organization.rsplit('/').next().unwrap();
    let within = acting.delegate(json!({ "scopes": ["bills:read"], "org_id": org })).await;
    let token = acting.token().await;
    let under = async |scope: &str| {
        let reply = acting.exchange((&token, ACCESS), &[("scope", scope)]).await;
        claims(text(&reply, "access_token"))["delegation_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(under("orders:read orders:write bills:read").await, acting.delegation);
    assert_eq!(under("bills:read").await, within);
    // A standing grant is the record that it names, and no other.
    super::refused(&acting.standing(&[("scope", "bills:read")]).await, 400, "invalid_scope");
}

#[tokio::test]
async fn the_token_is_for_whom_it_is_asked_for() {
    let acting = Acting::new().await;
    let audience = |reply: &Reply| claims(text(reply, "access_token"))["aud"].clone();
    assert_eq!(audience(&acting.standing(&[]).await), acting.agent);
    assert_eq!(audience(&acting.standing(&[("resource", "urn:a")]).await), "urn:a");
    let both = [("audience", "urn:b"), ("resource", "urn:a"), ("resource", "urn:b")];
    assert_eq!(audience(&acting.standing(&both).await), json!(["urn:a", "urn:b"]));
    for wrong in [("resource", "nothing"), ("audience", "an app"), ("resource", "urn:a#x")] {
        super::refused(&acting.standing(&[wrong]).await, 400, "invalid_target");
    }
    let broker = acting.broker(json!({ "allowed_resources": ["urn:a"], "audience": "urn:default" })).await;
    let own = acting.own_token(&[]).await;
    let ask = async |more: &[(&str, &str)]| acting.by_broker(&broker, &own, (&acting.delegation, STANDING), more).await;
    assert_eq!(audience(&ask(&[]).await), "urn:default");
    assert_eq!(audience(&ask(&[("audience", "urn:a")]).await), "urn:a");
    super::refused(&ask(&[("resource", "urn:b")]).await, 400, "invalid_target");
    let strict = json!({ "settings": { "security": { "resources": "listed" }, "access": { "mode": "open" } } });
    acting.ground.app.root().patch(&acting.ground.issuer, strict).expect(200).await;
    assert_eq!(audience(&acting.standing(&[("audience", "urn:a")]).await), "urn:a");
    super::refused(&acting.standing(&[("audience", "urn:b")]).await, 400, "invalid_target");
}
