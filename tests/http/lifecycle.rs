//! POST /v1/accounts and DELETE /v1/accounts/{account_id}

use std::time::Duration;

use authpi_core::account::repository::AccountChildren;
use authpi_core::event::repository::EventFilter;
use authpi_core::id::AccountId;
use authpi_core::page::{Limit, PageRequest};
use authpi_core::worker;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::caller::Call;
use tests::{App, Caller};

use super::DRIVER;

/// A user of an issuer with a personal token.
struct Person {
    caller: Caller,
    bearer: String,
    id: String,
}

impl Person {
    /// Somebody of the platform.
    async fn of_platform(app: &App, email: &str, verified: bool) -> Self {
        let organization = app.account_organization().await;
        let (platform, _) = organization.split_once("/organizations/").unwrap();
        Self::of(app, platform, email, verified).await
    }

    async fn of(app: &App, issuer: &str, email: &str, verified: bool) -> Self {
        let body = json!({ "email": email, "profile": { "email_verified": verified } });
        let id = app.root().post(&format!("{issuer}/users"), body).expect(201).await.id();
        let token = json!({ "name": "cli", "restrictions": { "scopes": ["*:**"] } });
        let token = app.root().post(&format!("{issuer}/users/{id}/tokens"), token).expect(201).await;
        Self { caller: app.anonymous(), bearer: format!("Bearer {}", token.text("token_plain")), id }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        self.caller.call(method, path).header("authorization", &self.bearer)
    }

    fn open(&self, body: Value) -> Call {
        self.call(Method::POST, "/v1/accounts").json(body)
    }
}

async fn trail(app: &App, account: &str) -> Vec<(String, Value)> {
    let account: AccountId = account.parse().unwrap();
    let page = PageRequest { limit: Limit::default(), after: None };
    let reads = app.authpi.services().store.reads();
    let events = reads.events().list(account, &EventFilter::default(), &page).await.unwrap().items;
    events.iter().rev().map(|event| (event.kind.as_str().to_owned(), Value::Object(event.data.clone()))).collect()
}

fn types(trail: &[(String, Value)]) -> Vec<&str> {
    trail.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn a_user_of_the_platform_opens_an_account_and_owns_it() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let opened = ann.open(json!({ "name": "Umbrella" })).expect(201).await;
    let data = opened.data();
    let account = opened.id();
    assert_ne!(account, app.account);
    assert_eq!((&data["owner_user_id"], &data["organization"]["name"]), (&json!(ann.id), &json!("Umbrella")));
    assert_eq!(data["organization"]["stats"]["n_members"], 1);
    assert_eq!(opened.header("etag"), format!("\"{}\"", data["updated_at"]));
    let key = &data["api_key"];
    assert_eq!((&key["restrictions"]["scopes"], &key["org_id"]), (&json!(["*:**"]), &data["organization"]["id"]));
    let path = format!("/v1/accounts/{account}");
    let machine = app.with_key(key["id"].as_str().unwrap(), key["secret_plain"].as_str().unwrap());
    let shown = machine.get(&path).expect(200).await;
    let mut without_key = data.clone();
    without_key.as_object_mut().unwrap().remove("api_key");
    assert_eq!(shown.data(), &without_key);
    assert_eq!(ann.call(Method::GET, &path).expect(200).await.data(), shown.data());
    app.root().get(&path).expect(403).await;
    let trail = trail(&app, &account).await;
    let expected = ["account.created", "organization.created", "organization.membership.created", "api-key.created"];
    assert_eq!(types(&trail)[..4], expected);

    let bare = ann.open(json!({ "name": "Bare", "create_api_key": false })).expect(201).await;
    assert_eq!(bare.data().get("api_key"), None);
    let listed = ann.call(Method::GET, "/v1/accounts").expect(200).await;
    let ids: Vec<_> = listed.data().as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [json!(bare.id()), json!(account)]);
}

#[tokio::test]
async fn an_opening_that_is_repeated_opens_one_account() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let bob = Person::of_platform(&app, "bob@example.com", true).await;
    let open = |who: &Person, name: &str| who.open(json!({ "name": name })).header("idempotency-key", "one");
    let first = open(&ann, "Umbrella").expect(201).await;
    let again = open(&ann, "Umbrella").expect(201).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
    open(&ann, "Other").expect(422).await;
    assert_ne!(open(&bob, "Umbrella").expect(201).await.id(), first.id(), "the key is that of the user");
    let listed = ann.call(Method::GET, "/v1/accounts").expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_users_of_the_platform_with_a_verified_address_open_accounts() {
    let app = App::start(DRIVER).await;
    let body = || json!({ "name": "Umbrella" });
    let unproven = Person::of_platform(&app, "ann@example.com", false).await;
    let denied = |reply: tests::Reply| assert_eq!(reply.refusal().0, "access_denied");
    denied(unproven.open(body()).expect(403).await);
    denied(app.root().post("/v1/accounts", body()).expect(403).await);
    let issuer = app.issuer().await;
    let tenant = Person::of(&app, &issuer, "eve@example.com", true).await;
    denied(tenant.open(body()).expect(403).await);
    app.anonymous().post("/v1/accounts", body()).expect(401).await;
    let ann = Person::of_platform(&app, "bob@example.com", true).await;
    let bad = ann.open(json!({ "name": "", "create_api_key": "yes", "typo": 1 })).expect(400).await;
    assert_eq!(bad.refusal().1, ["create_api_key invalid_type", "name too_short", "typo unknown_field"]);
    assert_eq!(ann.open(json!({})).expect(400).await.refusal().1, ["name required"]);
}

#[tokio::test]
async fn a_token_that_is_bound_to_less_than_everything_opens_no_account() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let organization = app.account_organization().await;
    let (platform, _) = organization.split_once("/organizations/").unwrap();
    let tokens = format!("{platform}/users/{}/tokens", ann.id);
    for (scope, status) in [("issuers:read", 403), ("accounts:*", 403), ("admin", 403), ("owner", 201)] {
        let token = json!({ "name": scope, "restrictions": { "scopes": [scope] } });
        let token = app.root().post(&tokens, token).expect(201).await.text("token_plain");
        let body = json!({ "name": "Umbrella", "create_api_key": false });
        let reply = app.with_bearer(&token).post("/v1/accounts", body).expect(status).await;
        if status == 403 {
            assert_eq!(reply.refusal().0, "insufficient_scope", "{scope}");
        }
    }
}

#[tokio::test]
async fn nobody_owns_more_than_five_accounts_however_fast_they_open_them() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let opened = join_all((0..8).map(|_| ann.open(json!({ "name": "Umbrella" })).send())).await;
    let statuses = |status: u16| opened.iter().filter(|reply| reply.status == status).count();
    assert_eq!((statuses(201), statuses(409)), (5, 3));
    let first = opened.iter().find(|reply| reply.status == 201).unwrap().id();
    ann.call(Method::DELETE, &format!("/v1/accounts/{first}")).expect(204).await;
    ann.open(json!({ "name": "Umbrella" })).expect(201).await;
}

#[tokio::test]
async fn an_owner_closes_an_account_without_issuers_and_everything_of_it_goes() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let bob = Person::of_platform(&app, "bob@example.com", true).await;
    let opened = ann.open(json!({ "name": "Umbrella" })).expect(201).await;
    let path = format!("/v1/accounts/{}", opened.id());
    let key = &opened.data()["api_key"];
    let machine = app.with_key(key["id"].as_str().unwrap(), key["secret_plain"].as_str().unwrap());
    let issuer = machine.post(&format!("{path}/issuers"), json!({ "name": "i" })).expect(201).await.id();

    let hook = json!({ "url": "https://hooks.example.com/x", "auth": { "type": "none" }, "events": ["user.created"] });
    machine.post(&format!("{path}/webhooks"), hook).expect(201).await;

    let close = |who: &Person| who.call(Method::DELETE, &path);
    let denied = |reply: tests::Reply| assert_eq!(reply.refusal().0, "access_denied");
    denied(machine.delete(&path).expect(403).await);
    denied(app.root().delete(&path).expect(403).await);
    denied(close(&bob).expect(403).await);
    assert_eq!(close(&ann).expect(409).await.refusal().0, "conflict");
    machine.delete(&format!("{path}/issuers/{issuer}")).expect(204).await;
    close(&ann).header("if-match", "\"1\"").expect(412).await;
    close(&ann).expect(204).await;

    denied(ann.call(Method::GET, &path).expect(403).await);
    denied(close(&ann).expect(403).await);
    assert_eq!(machine.get("/v1/me").expect(401).await.refusal().0, "unauthorized_client");
    let me = ann.call(Method::GET, "/v1/me").expect(200).await;
    assert_eq!((&me.data()["accounts"], &me.data()["organizations"]), (&json!([]), &json!([])));
    let trail = trail(&app, &opened.id()).await;
    let (kind, data) = trail.last().unwrap();
    assert_eq!(kind, "account.deleted");
    let cascade = json!({
        "memberships": 1, "api_keys": 1, "domains": 0, "webhooks": 1, "notes": 0, "payment_methods": 0,
    });
    assert_eq!(data["cascade"], cascade);
    assert!(!types(&trail).contains(&"organization.deleted"), "one event for all of it");

    worker::run_once(app.authpi.services()).await.unwrap();
    let store = &app.authpi.services().store;
    assert_eq!(store.reads().accounts().deleting(10).await.unwrap().len(), 1, "until nothing can be added any more");
    app.advance(Duration::from_secs(61));
    worker::run_once(app.authpi.services()).await.unwrap();
    assert!(store.reads().accounts().deleting(10).await.unwrap().is_empty());
    let id: AccountId = opened.id().parse().unwrap();
    assert_eq!(store.reads().accounts().children(id).await.unwrap(), AccountChildren::default());
}

#[tokio::test]
async fn the_platforms_own_account_cannot_be_closed() {
    let app = App::start(DRIVER).await;
    let ann = Person::of_platform(&app, "ann@example.com", true).await;
    let organization = app.account_organization().await;
    let owner = json!({ "member_id": ann.id, "scopes": ["owner"] });
    app.root().post(&format!("{organization}/members"), owner).expect(201).await;
    ann.call(Method::DELETE, &app.path("")).expect(409).await;
    let admin = Person::of_platform(&app, "bob@example.com", true).await;
    let member = json!({ "member_id": admin.id, "scopes": ["admin"] });
    app.root().post(&format!("{organization}/members"), member).expect(201).await;
    admin.call(Method::GET, &app.path("")).expect(200).await;
    admin.call(Method::DELETE, &app.path("")).expect(403).await;
}
