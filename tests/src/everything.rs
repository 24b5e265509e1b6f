//! Rows in every table of an issuer and its account: what a [`World`] shows to callers is not all that it leaves.

use authpi_core::event::catalogue::{self, EventType};
use authpi_core::event::model::Subject;
use authpi_core::store::contract::event;
use authpi_core::transport::Clock;
use serde_json::{Value, json};

use crate::totp::code;
use crate::world::World;
use crate::{App, Dns, Reply};

impl World {
    /// The path of the account.
    pub fn of_account(&self, rest: &str) -> String {
        format!("/v1/accounts/{}{rest}", self.account())
    }

    /// A path in the issuer.
    pub fn in_issuer(&self, rest: &str) -> String {
        self.of_account(&format!("/issuers/{}{rest}", self.id("issuer_id")))
    }

    async fn add(&self, path: &str, body: Value) -> Reply {
        self.root.post(path, body).expect(201).await
    }

    /// Leaves traces of its user, agent, client and organization wherever there can be some. `colleague` is a member of
    /// the account team, who is mentioned. Returns the id of another user, who begins what the first one has ended.
    pub async fn fill(&self, app: &App, dns: &Dns, colleague: &str) -> String {
        self.factors(app).await;
        self.domains(dns).await;
        let stranger = self.add(&self.in_issuer("/users"), json!({ "email": "stranger@example.com" })).await.id();
        let verifiers = self.in_issuer(&format!("/users/{stranger}/verifiers"));
        self.add(&verifiers, json!({ "type": "totp_app" })).await;
        self.belonging(&stranger).await;
        self.sessions(app).await;
        self.signing_in(app).await;
        self.notes(colleague).await;
        self.uses(app).await;
        app.anonymous().get(&format!("/{}/jwks.json", self.id("issuer_id"))).expect(200).await;
        let client = json!({ "name": "replayed", "settings": {} });
        let twice = self.root.post(&self.in_issuer("/clients"), client).header("idempotency-key", self.id("issuer_id"));
        twice.expect(201).await;
        stranger
    }

    /// Credentials and a device of the user.
    async fn factors(&self, app: &App) {
        let verifiers = self.in_issuer(&format!("/users/{}/verifiers", self.id("user_id")));
        let begun = self.add(&verifiers, json!({ "type": "totp_app" })).await;
        let proof = json!({
            "enrollment_id": begun.text("enrollment_id"), "code": code(&begun.text("secret"), app.now()),
        });
        let done = self.root.post(&format!("{verifiers}/complete-enrollment"), proof).expect(200).await;
        assert_eq!(done.data()["success"], true, "{done}");
        app.sign_in_from(&self.in_issuer(""), self.id("user_id"), "cookie").await;
    }

    /// A domain of the organization, and one of the account that serves the issuer.
    async fn domains(&self, dns: &Dns) {
        let domains = self.in_issuer(&format!("/organizations/{}/sso/domains", self.id("org_id")));
        let host = format!("sso.{}", self.id("domain"));
        let added = self.add(&domains, json!({ "domain": host })).await;
        dns.txt(&added.text("txt_record_name"), &added.text("txt_record_value"));
        self.root.act(&format!("{domains}/{host}/verify")).expect(200).await;
        let host = self.id("domain");
        dns.txt(&format!("_challenge.{host}"), &format!("account-domain={}", self.account()));
        let domain = self.of_account(&format!("/domains/{host}"));
        self.root.act(&format!("{domain}/verify")).expect(200).await;
        self.root.post(&format!("{domain}/assign"), json!({ "issuer_id": self.id("issuer_id") })).expect(200).await;
    }

    /// The user and the agent in groups and other organizations, and out of them again; delegations bound to all.
    async fn belonging(&self, stranger: &str) {
        let (user, agent) = (self.id("user_id"), self.id("agent_id"));
        let organization = self.in_issuer(&format!("/organizations/{}", self.id("org_id")));
        let member = format!("{organization}/members/{user}");
        self.root.patch(&member, json!({ "groups": [self.id("group_id")] })).expect(200).await;
        self.add(&format!("{organization}/members"), json!({ "member_id": agent, "scopes": ["a:read"] })).await;
        for (path, who) in [(&organization, stranger), (&self.other_organization().await, user)] {
            self.add(&format!("{path}/members"), json!({ "member_id": who, "scopes": ["a:read"] })).await;
            self.root.delete(&format!("{path}/members/{who}")).expect(204).await;
        }
        let inviter = json!({ "id": user, "name": "Ann" });
        let shown = self.root.get(&self.in_issuer(&format!("/users/{user}"))).expect(200).await;
        for email in ["somebody@example.com", shown.data()["username"].as_str().unwrap_or("nobody@example.com")] {
            let invitation = json!({ "email": email, "scopes": ["a:read"], "inviter": inviter });
            self.add(&format!("{}/invitations", self.other_organization().await), invitation).await;
        }
        let delegation = json!({
            "agent_id": agent, "client_id": self.id("client_id"), "org_id": self.id("org_id"), "scopes": ["a:read"],
        });
        self.add(&self.in_issuer(&format!("/users/{user}/delegations")), delegation).await;
    }

    async fn other_organization(&self) -> String {
        let made = self.add(&self.in_issuer("/organizations"), json!({ "name": "other" })).await;
        self.in_issuer(&format!("/organizations/{}", made.id()))
    }

    /// A session of the client in the organization, one that has ended, and one of whose end the client cannot be told.
    async fn sessions(&self, app: &App) {
        let (user, client, issuer) = (self.id("user_id"), self.id("client_id"), self.in_issuer(""));
        let unreachable = json!({ "settings": { "openid": { "backchannel_logout_uri": "https://out.example.com/" } } });
        self.root.patch(&self.in_issuer(&format!("/clients/{client}")), unreachable).expect(200).await;
        let op = app.log_in(&issuer, user).await;
        let untold = app.authorize(&issuer, user, &op, client, None).await;
        app.issue_tokens(&issuer, &untold).await;
        self.root.act(&format!("{issuer}/sessions/{untold}/revoke")).expect(200).await;
        let session = app.authorize(&issuer, user, &op, client, Some(self.id("org_id"))).await;
        app.issue_tokens(&issuer, &session).await;
        let ended = app.log_in(&issuer, user).await;
        self.root.act(&format!("{issuer}/sessions/{ended}/revoke")).expect(200).await;
    }

    /// Notes about all, and one that names all.
    async fn notes(&self, colleague: &str) {
        let id = |name| self.id(name);
        let key = self.tenant_key.0.as_str();
        let content = format!(
            "@[Eve]({colleague}) [[user:{}]] [[org:{}]] [[client:{}]] [[issuer:{}]] [[webhook:{}]] [[api_key:{key}]]",
            id("user_id"),
            id("org_id"),
            id("client_id"),
            id("issuer_id"),
            id("webhook_id"),
        );
        let bystander = json!({ "name": "bystander" });
        let bystander = self.add(&self.in_issuer("/agents"), bystander).await.id();
        let subjects = [
            ("user", id("user_id")),
            ("org", id("org_id")),
            ("client", id("client_id")),
            ("agent", id("agent_id")),
            ("agent", &bystander),
        ];
        for (kind, subject) in subjects {
            let note = json!({
                "subject_type": kind, "subject_id": subject, "issuer_id": id("issuer_id"), "content": content,
            });
            self.add(&self.of_account("/notes"), note).await;
        }
    }

    /// Tokens and keys that are used, and people who sign in.
    async fn uses(&self, app: &App) {
        let token = json!({ "name": "used", "restrictions": { "scopes": [] } });
        let tokens = self.in_issuer(&format!("/users/{}/tokens", self.id("user_id")));
        let token = self.add(&tokens, token).await.text("token_plain");
        app.with_bearer(&token).get("/v1/me").expect(200).await;
        for keys in
            [self.of_account("/api-keys"), self.in_issuer(&format!("/organizations/{}/api-keys", self.id("org_id")))]
        {
            let limit = json!({ "limit": 1, "window_seconds": 3600 });
            let key = json!({ "name": "limited", "restrictions": { "scopes": [], "rate_limit": limit } });
            let key = self.add(&keys, key).await;
            let holder = app.with_key(&key.id(), &key.text("secret_plain"));
            holder.get("/v1/me").expect(200).await;
            holder.get("/v1/me").expect(429).await;
        }
        self.happened(app, catalogue::USER_VERIFICATION_SUCCEEDED).await;
    }

    /// The runtime says that the user did something.
    async fn happened(&self, app: &App, kind: EventType) {
        let account = self.account().parse().unwrap();
        let mut one = event::event(account, kind, app.clock.now());
        let subject = Subject::issuer(account, self.id("issuer_id").parse().unwrap());
        one.subject = subject.user(self.id("user_id").parse().unwrap());
        app.authpi.services().store.append(vec![one]).await.unwrap();
    }
}
