//! One thing of every kind in one account, for the tests that walk along the route table.

use authpi_core::web::route::Route;
use authpi_core::webhook::model::DeliveryStatus;
use serde_json::{Value, json};

use crate::{App, Caller, Reply};

/// What a world calls the user who waits for an approval.
const WAITING: &str = "user_id of an approval";

/// One thing of every kind, in one account.
pub struct World {
    /// Who may do everything in the account.
    pub root: Caller,
    /// Id and secret of an API key of the organization.
    pub tenant_key: (String, String),
    account: String,
    ids: Ids,
}

/// What stands in place of each parameter.
type Ids = Vec<(&'static str, String)>;

impl World {
    /// Makes everything in an account; `email` is that of the user, and its local part names the domain.
    pub async fn make(app: &App, root: Caller, account: &str, email: &str) -> Self {
        let below = format!("/v1/accounts/{account}");
        let issuer = post(&root, &format!("{below}/issuers"), json!({ "name": "i" })).await.id();
        let domain = format!("{}.example.com", email.split('@').next().unwrap());
        let mut ground = Ground { app, root, account, below, issuer, domain, ids: Vec::new() };
        ground.know("issuer_id", ground.issuer.clone());
        ground.know("domain", ground.domain.clone());
        ground.account_things().await;
        let organization = ground.organization().await;
        let user = ground.user(email).await;
        let tenant_key = ground.organization_things(&organization, &user).await;
        ground.user_things(&user).await;
        ground.issuer_things(email).await;
        ground.agent_things(&user).await;
        ground.know("session_id", app.log_in(&ground.in_issuer(), &user).await);
        ground.outgoing_things().await;
        Self { root: ground.root, tenant_key, account: account.to_owned(), ids: ground.ids }
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The id that a parameter of this name takes.
    ///
    /// # Panics
    /// When there is none.
    pub fn id(&self, name: &str) -> &str {
        self.known(name).unwrap_or_else(|| panic!("add {name} to the worlds of this test"))
    }

    /// The same; `None` when there is none.
    pub fn known(&self, name: &str) -> Option<&str> {
        self.ids.iter().find(|(known, _)| *known == name).map(|(_, id)| id.as_str())
    }

    /// The path of a route in this world, with one parameter taken from `other`.
    pub fn path(&self, route: &Route, other: Option<(&str, &Self)>) -> String {
        let mut path = route.path.replace("{account_id}", &self.account);
        for name in route.parameters().filter(|name| *name != "account_id") {
            let world = other.filter(|(foreign, _)| *foreign == name).map_or(self, |(_, world)| world);
            // Only who waits for an approval is found among the approvals, and verifiers of agents are not those of users.
            let kind = match name {
                "user_id" if route.path.contains("/approvals/") => WAITING,
                "verifier_id" if route.path.contains("{agent_id}") => "agent_verifier_id",
                other => other,
            };
            path = path.replace(&format!("{{{name}}}"), world.id(kind));
        }
        path
    }
}

async fn post(root: &Caller, path: &str, body: Value) -> Reply {
    root.post(path, body).expect(201).await
}

/// A world in the making.
struct Ground<'a> {
    app: &'a App,
    root: Caller,
    account: &'a str,
    below: String,
    issuer: String,
    domain: String,
    ids: Ids,
}

impl Ground<'_> {
    fn know(&mut self, name: &'static str, id: String) {
        self.ids.push((name, id));
    }

    fn in_issuer(&self) -> String {
        format!("{}/issuers/{}", self.below, self.issuer)
    }

    async fn make(&self, path: &str, body: Value) -> Reply {
        post(&self.root, &format!("{}/{path}", self.in_issuer()), body).await
    }

    async fn of_account(&self, path: &str, body: Value) -> Reply {
        post(&self.root, &format!("{}/{path}", self.below), body).await
    }

    async fn organization(&mut self) -> String {
        let organization = self.make("organizations", json!({ "name": "o" })).await.id();
        self.know("org_id", organization.clone());
        organization
    }

    async fn user(&mut self, email: &str) -> String {
        let user = self.make("users", json!({ "email": email })).await.id();
        for name in ["user_id", "member_id", "mentions_user_id"] {
            self.know(name, user.clone());
        }
        user
    }

    /// What hangs below the organization; the key of it that the world shows.
    async fn organization_things(&mut self, organization: &str, user: &str) -> (String, String) {
        let below = format!("organizations/{organization}");
        let member = json!({ "member_id": user, "scopes": ["a:read"] });
        self.make(&format!("{below}/members"), member).await;
        let group = json!({ "name": "g", "scopes": ["a:read"] });
        let group = self.make(&format!("{below}/groups"), group).await.id();
        let key = json!({ "name": "k", "restrictions": { "scopes": ["*:**"] } });
        let key = self.make(&format!("{below}/api-keys"), key).await;
        let invitation = json!({ "email": "invitee@example.com", "scopes": ["a:read"] });
        let invitation = self.make(&format!("{below}/invitations"), invitation).await.id();
        self.make(&format!("{below}/sso/domains"), json!({ "domain": self.domain })).await;
        self.know("group_id", group);
        self.know("key_id", key.id());
        self.know("invitation_id", invitation);
        (key.id(), key.text("secret_plain"))
    }

    /// What hangs below the user.
    async fn user_things(&mut self, user: &str) {
        let password = json!({ "type": "password", "password": "correct horse battery" });
        let verifier = self.make(&format!("users/{user}/verifiers"), password).await.text("enrollment_id");
        let device = self.make(&format!("users/{user}/trusted-devices"), json!({ "fingerprint": "f" })).await;
        let token = json!({ "name": "t", "restrictions": { "scopes": [] } });
        let token = self.make(&format!("users/{user}/tokens"), token).await.id();
        self.know("verifier_id", verifier);
        self.know("device_id", device.text("device_id"));
        self.know("token_id", token);
    }

    /// What hangs below the issuer alone.
    async fn issuer_things(&mut self, email: &str) {
        let client = json!({ "name": "c", "settings": {}, "confidential": true });
        let client = self.make("clients", client).await.id();
        let method = self.make("auth-methods", json!({ "method": "webauthn", "name": "Passkey" })).await.id();
        let waiting = self.app.sign_up(&self.in_issuer(), &format!("waiting-{email}")).await;
        self.know("client_id", client);
        self.know("method_id", method);
        self.know(WAITING, waiting);
    }

    /// An agent, what hangs below it, and what the user lets it do.
    async fn agent_things(&mut self, user: &str) {
        let agent = self.make("agents", json!({ "name": "a" })).await.id();
        let address = format!("0x{}", "1".repeat(40));
        let wallet = json!({ "type": "wallet", "chain": "eip155:1", "address": address });
        let verifier = self.make(&format!("agents/{agent}/verifiers"), wallet).await.id();
        let delegation = json!({ "agent_id": agent, "scopes": ["a:read"] });
        let delegation = self.make(&format!("users/{user}/delegations"), delegation).await.id();
        self.know("agent_id", agent);
        self.know("agent_verifier_id", verifier);
        self.know("wallet", format!("eip155:1:{address}"));
        self.know("delegation_id", delegation);
    }

    /// What hangs below the account alone.
    async fn account_things(&mut self) {
        let funding = json!({ "network": "eip155:8453", "asset": "0xusdc", "address": "0x52908400098527886e0f7030069857d2e4169ee7" });
        let payment = self.of_account("payment-methods", funding).await.id();
        let note = json!({ "subject_type": "issuer", "subject_id": self.issuer, "content": "n" });
        let note = self.of_account("notes", note).await.id();
        self.of_account("domains", json!({ "host": self.domain })).await;
        self.know("payment_method_id", payment);
        self.know("note_id", note);
    }

    /// What is sent to receivers of the account: the newest event, which is one of the issuer.
    async fn outgoing_things(&mut self) {
        let events = self.root.get(&format!("{}/events", self.below)).expect(200).await;
        let event = events.data()[0]["id"].as_str().unwrap().to_owned();
        let hook = json!({ "url": "https://hooks.example.com/", "auth": { "type": "none" } });
        let webhook = self.of_account("webhooks", hook).await.id();
        let delivery = self.app.deliver(self.account, &webhook, &event, DeliveryStatus::Failed).await;
        self.know("event_id", event);
        self.know("webhook_id", webhook);
        self.know("delivery_id", delivery);
    }
}
