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
use http::Method;
use serde_json::json;
use tests::world::World;
use tests::{App, Caller, Driver, Reply};

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
    // What an issuer's own endpoints refuse, and how, is for the tests of their protocols.
    routes.into_iter().filter(|route| !matches!(route.access, Access::Public | Access::Issuer)).collect()
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
            "updateAuthMethod" | "updateUserVerifier" | "updatePaymentMethod" | "updateNote" => {
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
