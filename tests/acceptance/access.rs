//! Who may not do what, generated from the route table: a route that is added is in here.

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::account::operations::{self as accounts, NewAccount};
use authpi_core::billing::model::BillingConfig;
use authpi_core::credential::model::KeyLevel;
use authpi_core::credential::operations::{self as credentials, NewApiKey};
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::metadata::Metadata;
use authpi_core::routes;
use authpi_core::store::Change;
use authpi_core::store::contract::mint;
use authpi_core::web::route::{Access, Route};
use authpi_core::webhook::model::DeliveryStatus;
use http::Method;
use serde_json::json;
use tests::{App, Caller, Driver, Reply};

/// What a world calls the user who waits for an approval.
const WAITING: &str = "user_id of an approval";

/// One thing of every kind, in one account.
pub(crate) struct World {
    root: Caller,
    account: String,
    ids: Vec<(&'static str, String)>,
    tenant_key: (String, String),
}

impl World {
    pub(crate) async fn make(app: &App, root: Caller, account: &str, email: &str) -> Self {
        let below = format!("/v1/accounts/{account}");
        let issuer = root.post(&format!("{below}/issuers"), json!({ "name": "i" })).expect(201).await.id();
        let in_issuer = format!("{below}/issuers/{issuer}");
        let make = async |path: &str, body| root.post(&format!("{in_issuer}/{path}"), body).expect(201).await;
        let organization = make("organizations", json!({ "name": "o" })).await.id();
        let user = make("users", json!({ "email": email })).await.id();
        let client = make("clients", json!({ "name": "c", "settings": {}, "confidential": true })).await.id();
        let in_organization = format!("organizations/{organization}");
        let member = json!({ "member_id": user, "scopes": ["a:read"] });
        make(&format!("{in_organization}/members"), member).await;
        let group = make(&format!("{in_organization}/groups"), json!({ "name": "g", "scopes": ["a:read"] })).await.id();
        let method = make("auth-methods", json!({ "method": "webauthn", "name": "Passkey" })).await.id();
        let key = json!({ "name": "k", "restrictions": { "scopes": ["*:**"] } });
        let key = make(&format!("{in_organization}/api-keys"), key).await;
        let password = json!({ "type": "password", "password": "correct horse battery" });
        let verifier = make(&format!("users/{user}/verifiers"), password).await.text("enrollment_id");
        let device = make(&format!("users/{user}/trusted-devices"), json!({ "fingerprint": "f" })).await;
        let waiting = app.sign_up(&in_issuer, &format!("waiting-{email}")).await;
        let funding = json!({ "network": "eip155:8453", "asset": "0xusdc", "address": "0x52908400098527886e0f7030069857d2e4169ee7" });
        let payment = root.post(&format!("{below}/payment-methods"), funding).expect(201).await.id();
        let agent = make("agents", json!({ "name": "a" })).await.id();
        let wallet = json!({ "type": "wallet", "chain": "eip155:1", "address": format!("0x{}", "1".repeat(40)) });
        let agent_verifier = make(&format!("agents/{agent}/verifiers"), wallet).await.id();
        let delegation = json!({ "agent_id": agent, "scopes": ["a:read"] });
        let delegation = make(&format!("users/{user}/delegations"), delegation).await.id();
        let note = json!({ "subject_type": "issuer", "subject_id": issuer, "content": "n" });
        let note = root.post(&format!("{below}/notes"), note).expect(201).await.id();
        let invitation = json!({ "email": "invitee@example.com", "scopes": ["a:read"] });
        let invitation = make(&format!("{in_organization}/invitations"), invitation).await.id();
        let token = json!({ "name": "t", "restrictions": { "scopes": [] } });
        let token = make(&format!("users/{user}/tokens"), token).await.id();
        let session = app.log_in(&in_issuer, &user).await;
        let events = root.get(&format!("{below}/events")).expect(200).await;
        let event = events.data()[0]["id"].as_str().unwrap().to_owned();
        let domain = format!("{}.example.com", email.split('@').next().unwrap());
        let of_account = async |path: &str, body| root.post(&format!("{below}/{path}"), body).expect(201).await;
        of_account("domains", json!({ "host": domain })).await;
        let hook = json!({ "url": "https://hooks.example.com/", "auth": { "type": "none" } });
        let webhook = of_account("webhooks", hook).await.id();
        let delivery = app.deliver(account, &webhook, &event, DeliveryStatus::Failed).await;
        make(&format!("{in_organization}/sso/domains"), json!({ "domain": domain })).await;
        let ids = vec![
            ("issuer_id", issuer),
            ("org_id", organization),
            ("user_id", user.clone()),
            ("member_id", user.clone()),
            ("client_id", client),
            ("group_id", group),
            ("method_id", method),
            ("key_id", key.id()),
            ("event_id", event),
            ("domain", domain),
            ("webhook_id", webhook),
            ("verifier_id", verifier),
            ("device_id", device.text("device_id")),
            (WAITING, waiting),
            ("payment_method_id", payment),
            ("agent_id", agent),
            ("agent_verifier_id", agent_verifier),
            ("delegation_id", delegation),
            ("note_id", note),
            ("wallet", format!("eip155:1:0x{}", "1".repeat(40))),
            ("mentions_user_id", user.clone()),
            ("invitation_id", invitation),
            ("session_id", session),
            ("token_id", token),
            ("delivery_id", delivery),
        ];
        Self { root, account: account.to_owned(), ids, tenant_key: (key.id(), key.text("secret_plain")) }
    }

    fn id(&self, name: &str) -> &str {
        self.known(name).unwrap_or_else(|| panic!("add {name} to the worlds of this test"))
    }

    /// The id that a parameter of this name takes.
    pub(crate) fn known(&self, name: &str) -> Option<&str> {
        self.ids.iter().find(|(known, _)| *known == name).map(|(_, id)| id.as_str())
    }

    /// The path of a route in this world, with one parameter taken from `other`.
    pub(crate) fn path(&self, route: &Route, other: Option<(&str, &Self)>) -> String {
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

/// Another account, opened in process, with a key that may do everything there.
struct Open {
    id: AccountId,
    platform: IssuerId,
}

#[async_trait]
impl Work for Open {
    type Output = (String, String);

    fn account(&self) -> AccountId {
        self.id
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.platform)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(String, String), Refusal> {
        accounts::open(change, NewAccount { id: self.id, platform: self.platform, name: "Other".to_owned() }).await?;
        let new = NewApiKey {
            account_id: self.id,
            org_id: self.id.organization(),
            issuer_id: self.platform,
            level: KeyLevel::Account,
            name: "other".to_owned(),
            description: None,
            tags: Vec::new(),
            scopes: ["*:**".parse().unwrap()].into_iter().collect(),
            ip_allowlist: Vec::new(),
            rate_limit: None,
            expires_at: None,
            metadata: Metadata::default(),
            secret: None,
            secret_hint: None,
        };
        let (key, secret) = credentials::create(change, new).await?;
        Ok((key.id.to_string(), secret.expose().to_owned()))
    }
}

async fn worlds(app: &App) -> (World, World, World) {
    let ours = World::make(app, app.root(), &app.account, "a@example.com").await;
    let sibling = World::make(app, app.root(), &app.account, "b@example.com").await;
    let platform = app.authpi.services().platform().await.unwrap().unwrap().issuer_id;
    let open = Open { id: mint(), platform };
    let (id, secret) = app.authpi.run(&open).await.unwrap();
    let foreign = World::make(app, app.with_key(&id, &secret), &open.id.to_string(), "c@example.com").await;
    (ours, sibling, foreign)
}

fn protected() -> Vec<Route> {
    let routes: Vec<_> = routes::table().iter().map(|operation| operation.route.clone()).collect();
    assert!(routes.len() > 40, "the table is complete");
    routes.into_iter().filter(|route| route.access != Access::Public).collect()
}

async fn call(caller: &Caller, route: &Route, path: &str) -> Reply {
    let call = caller.call(route.method.clone(), path);
    let has_body = matches!(route.method, Method::POST | Method::PATCH);
    if has_body { call.json(json!({ "typo": true })).send().await } else { call.send().await }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str, route: &Route, who: &str) {
    let answered = (reply.status.as_u16(), reply.body["error"].as_str().unwrap_or_default());
    assert_eq!(answered, (status, error), "{who} at {} {}: {reply}", route.method, route.path);
}

async fn every_route_refuses_outsiders(driver: Driver) {
    let app = App::start_billing(driver, BillingConfig::default()).await;
    let (ours, _, foreign) = worlds(&app).await;
    let tenant = app.with_key(&ours.tenant_key.0, &ours.tenant_key.1);
    let (id, secret) = app.account_key(&[]).await;
    let powerless = app.with_key(&id, &secret);
    for route in protected() {
        let path = ours.path(&route, None);
        let nobody = call(&app.anonymous(), &route, &path).await;
        refused(&nobody, 401, "unauthorized_client", &route, "nobody");
        let wrong = call(&app.with_key(&app.key.0, "wrong"), &route, &path).await;
        refused(&wrong, 401, "unauthorized_client", &route, "a wrong secret");
        if route.parameters().next() == Some("account_id") {
            for (who, caller) in [("the key of another account", &foreign.root), ("a tenant's key", &tenant)] {
                refused(&call(caller, &route, &path).await, 403, "access_denied", &route, who);
            }
        }
        if let Access::Scope(_) = route.access {
            let reply = call(&powerless, &route, &path).await;
            refused(&reply, 403, "insufficient_scope", &route, "a key without scopes");
        }
    }
}

async fn every_route_answers_404_for_what_is_not_below_its_path_parents(driver: Driver) {
    let app = App::start_billing(driver, BillingConfig::default()).await;
    let (ours, sibling, foreign) = worlds(&app).await;
    for route in protected() {
        for name in route.parameters().filter(|name| *name != "account_id") {
            let reply = call(&ours.root, &route, &ours.path(&route, Some((name, &foreign)))).await;
            refused(&reply, 404, "not_found", &route, &format!("a foreign {name}"));
            // What hangs below the account alone is at home in every issuer of it.
            let is_below_issuer = route.path.contains("{issuer_id}") && name != "issuer_id";
            let is_parent = route.parameters().last() != Some(name);
            if is_below_issuer || (is_parent && name == "issuer_id") {
                let reply = call(&ours.root, &route, &ours.path(&route, Some((name, &sibling)))).await;
                refused(&reply, 404, "not_found", &route, &format!("a sibling's {name}"));
            }
        }
    }
    // Nothing of the others was touched.
    for world in [&sibling, &foreign] {
        let needs_no_query = |route: &&Route| route.query.iter().all(|parameter| !parameter.required);
        for route in protected().iter().filter(|route| route.method == Method::GET).filter(needs_no_query) {
            world.root.get(&world.path(route, None)).expect(200).await;
        }
    }
}

async fn on_every_patch_existence_precedes_the_precondition_and_that_the_body(driver: Driver) {
    let app = App::start_billing(driver, BillingConfig::default()).await;
    let (ours, _, _) = worlds(&app).await;
    let mut seen = 0;
    for route in protected().into_iter().filter(|route| route.method == Method::PATCH) {
        seen += 1;
        let path = ours.path(&route, None);
        let send = async |path: &str, condition: &str| {
            let bad = json!({ "typo": 1, "metadata": 7 });
            ours.root.patch(path, bad).header("if-match", condition).send().await
        };
        let last = path.rsplit('/').next().unwrap();
        let (prefix, suffix) = last.split_at(last.find('_').unwrap() + 1);
        let missing = path.replace(last, &format!("{prefix}{}", "0".repeat(suffix.len())));
        let names_an_account = route.parameters().count() == 1;
        let (status, error) = if names_an_account { (403, "access_denied") } else { (404, "not_found") };
        refused(&send(&missing, "\"1\"").await, status, error, &route, "a missing id");
        refused(&send(&path, "\"1\"").await, 412, "precondition_failed", &route, "a stale tag");
        let invalid = send(&path, "*").await;
        refused(&invalid, 400, "invalid_request", &route, "a bad body");
        let expected = match route.name {
            // These have no metadata; a fetched user, which has, can be sent back with a decision.
            "updateUserVerifier" | "updatePaymentMethod" | "updateNote" => {
                ["metadata unknown_field", "typo unknown_field"]
            }
            "updateApproval" => ["status required", "typo unknown_field"],
            _ => ["metadata invalid_type", "typo unknown_field"],
        };
        assert_eq!(invalid.refusal().1, expected, "{}", route.path);
    }
    assert!(seen >= 15, "every PATCH of the table was tried");
}

mod axum {
    use tests::Driver::Axum;

    #[tokio::test]
    async fn every_route_refuses_outsiders() {
        super::every_route_refuses_outsiders(Axum).await;
    }

    #[tokio::test]
    async fn every_route_answers_404_for_what_is_not_below_its_path_parents() {
        super::every_route_answers_404_for_what_is_not_below_its_path_parents(Axum).await;
    }

    #[tokio::test]
    async fn on_every_patch_existence_precedes_the_precondition_and_that_the_body() {
        super::on_every_patch_existence_precedes_the_precondition_and_that_the_body(Axum).await;
    }
}

mod actix {
    use tests::Driver::Actix;

    #[tokio::test]
    async fn every_route_refuses_outsiders() {
        super::every_route_refuses_outsiders(Actix).await;
    }

    #[tokio::test]
    async fn every_route_answers_404_for_what_is_not_below_its_path_parents() {
        super::every_route_answers_404_for_what_is_not_below_its_path_parents(Actix).await;
    }

    #[tokio::test]
    async fn on_every_patch_existence_precedes_the_precondition_and_that_the_body() {
        super::on_every_patch_existence_precedes_the_precondition_and_that_the_body(Actix).await;
    }
}
