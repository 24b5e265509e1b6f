//! Access tokens as credentials of the Core API (conventions §2), and of the host's own routes.

use std::time::Duration;

use authpi_core::error::{Refusal, Unauthenticated};
use authpi_core::web::caller::{Caller as Identity, Principal};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tests::{App, Caller, Reply};

use super::machines::{agent, machine};
use super::{DRIVER, Ground, refused, text};

/// The platform's own issuer, with a client of this kind and an owner of the first account.
async fn platform(kind: &str) -> Ground {
    let app = App::start(DRIVER).await;
    let organization = app.account_organization().await;
    let (issuer, _) = organization.split_once("/organizations/").unwrap();
    let ground = Ground::at(app, issuer.to_owned(), kind, json!({})).await;
    let owner = json!({ "member_id": ground.user, "scopes": ["owner"] });
    ground.app.root().post(&format!("{organization}/members"), owner).expect(201).await;
    ground
}

async fn access(ground: &Ground, scopes: &[&str], resources: &[&str]) -> String {
    let code = ground.code_with(scopes, None, resources, None).await;
    text(&ground.exchange(&code).await, "access_token").to_owned()
}

/// A user of the platform whose client may do all that they may.
async fn own() -> (Ground, Caller) {
    let ground = platform("internal").await;
    let token = access(&ground, &["openid"], &[]).await;
    let caller = ground.app.with_bearer(&token);
    (ground, caller)
}

#[track_caller]
fn refused_token(reply: &Reply, error: &str) {
    refused(reply, 401, error);
    assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn a_user_acts_in_their_accounts_with_a_token_of_the_platforms_own_client() {
    let (ground, caller) = own().await;
    let organization = ground.app.account_organization().await;
    let org = organization.rsplit('/').next().unwrap();
    let me = caller.get("/v1/me").expect(200).await;
    let held = json!(["owner", "*:**"]);
    let expected = json!({
        "type": "user", "key_id": null, "token_id": null, "user_id": ground.user, "issuer_id": ground.id,
        "accounts": [{ "account_id": ground.app.account, "org_id": org, "scopes": held }],
        "organizations": [{ "org_id": org, "scopes": held }],
    });
    assert_eq!(me.data(), &expected);
    caller.post(&ground.app.path("/issuers"), json!({ "name": "mine" })).expect(201).await;
    let event = ground.events("issuer.created").await.pop().unwrap();
    assert_eq!((&event["auth"]["type"], &event["auth"]["user_id"]), (&json!("user"), &json!(ground.user)));
    let session = &ground.events("session.created").await.pop().unwrap()["subject"]["session_id"];
    assert_eq!(&event["auth"]["session_id"], session, "an administrator finds the login that it was done with");
}

#[tokio::test]
async fn a_token_of_somebody_elses_client_must_be_for_this_api_and_reaches_as_far_as_its_scopes() {
    let ground = platform("external").await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().patch(&user, json!({ "scopes": ["issuers:read"] })).expect(200).await;
    let base = ground.app.base.clone();
    let scopes = ["openid", "issuers:read"];
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    ground.app.root().patch(&client, json!({ "settings": { "scopes": scopes } })).expect(200).await;
    for elsewhere in [&[][..], &["urn:elsewhere"], &[&format!("{base}/"), &format!("{base}/v1"), &ground.url()]] {
        let token = access(&ground, &scopes, elsewhere).await;
        refused_token(&ground.app.with_bearer(&token).get("/v1/me").send().await, "invalid_token");
    }
    let token = access(&ground, &scopes, &["urn:elsewhere", &base]).await;
    let caller = ground.app.with_bearer(&token);
    let me = caller.get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["scopes"], json!(["issuers:read"]));
    caller.get(&ground.app.path("/issuers")).expect(200).await;
    let reply = caller.post(&ground.app.path("/issuers"), json!({ "name": "x" })).send().await;
    refused(&reply, 403, "insufficient_scope");
    assert_eq!(reply.header("www-authenticate"), "Bearer error=\"insufficient_scope\", scope=\"issuers:write\"");
    refused(&caller.post("/v1/accounts", json!({ "name": "x" })).send().await, 403, "insufficient_scope");
    let powerless = ground.app.with_bearer(&access(&ground, &["openid"], &[&base]).await);
    assert_eq!(powerless.get("/v1/me").expect(200).await.data()["accounts"][0]["scopes"], json!([]));
    refused(&powerless.get(&ground.app.path("/issuers")).send().await, 403, "insufficient_scope");
}

#[tokio::test]
async fn a_client_that_works_in_one_organization_at_a_time_reaches_none_without_a_choice() {
    let (ground, caller) = own().await;
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let select = json!({ "settings": { "organizations": { "select": true } } });
    ground.app.root().patch(&client, select).expect(200).await;
    let me = caller.get("/v1/me").expect(200).await;
    assert_eq!((&me.data()["accounts"], &me.data()["organizations"]), (&json!([]), &json!([])), "{me}");
    refused(&caller.get(&ground.app.path("/issuers")).send().await, 403, "access_denied");
}

#[tokio::test]
async fn a_token_is_worth_nothing_once_what_it_stands_for_has_ended() {
    let (ground, caller) = own().await;
    let me = async |caller: &Caller| caller.get("/v1/me").send().await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    for (path, there, back) in [(&user, "suspended", "active"), (&client, "disabled", "active")] {
        ground.app.root().patch(path, json!({ "status": there })).expect(200).await;
        refused_token(&me(&caller).await, "invalid_token");
        ground.app.root().patch(path, json!({ "status": back })).expect(200).await;
        assert_eq!(me(&caller).await.status.as_u16(), 200);
    }
    let revoked = access(&ground, &["openid"], &[]).await;
    let client = [("client_id", ground.client.as_str()), ("client_secret", &ground.secret), ("token", &revoked)];
    assert_eq!(ground.post("revoke", &client).await.status.as_u16(), 200);
    refused_token(&me(&ground.app.with_bearer(&revoked)).await, "invalid_token");
    assert_eq!(me(&caller).await.status.as_u16(), 200);
    ground.app.root().post(&format!("{user}/sessions/revoke-all"), json!({})).expect(200).await;
    refused_token(&me(&caller).await, "session_expired");
    ground.app.advance(Duration::from_mins(30));
    refused_token(&me(&caller).await, "invalid_token");
}

/// Row 60, at the Core API.
#[tokio::test]
async fn an_organization_with_its_own_way_in_gives_no_rights_to_whoever_came_with_a_password() {
    let (ground, caller) = own().await;
    let organization = ground.app.account_organization().await;
    caller.get(&ground.app.path("")).expect(200).await;
    ground.app.sso_only(&organization, "example.com").await;
    refused(&caller.get(&ground.app.path("")).send().await, 403, "access_denied");
    assert_eq!(caller.get("/v1/me").expect(200).await.data()["accounts"], json!([]));
}

#[tokio::test]
async fn memberships_count_live_and_as_far_as_organization_and_client_let_them() {
    let (ground, caller) = own().await;
    let organization = ground.app.account_organization().await;
    let accounts = async || caller.get("/v1/me").expect(200).await.data()["accounts"].as_array().unwrap().len();
    assert_eq!(accounts().await, 1);
    ground.app.root().patch(&organization, json!({ "security": { "mfa_required": true } })).expect(200).await;
    assert_eq!(accounts().await, 0, "the session has one factor");
    refused(&caller.get(&ground.app.path("")).send().await, 403, "access_denied");
    ground.app.root().patch(&organization, json!({ "security": { "mfa_required": false } })).expect(200).await;
    assert_eq!(accounts().await, 1);
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let none = json!({ "settings": { "organizations": { "mode": "none", "ids": [] } } });
    ground.app.root().patch(&client, none).expect(200).await;
    assert_eq!(accounts().await, 0, "the client shows no organizations");
    let all = json!({ "settings": { "organizations": { "mode": "all", "ids": [] } } });
    ground.app.root().patch(&client, all).expect(200).await;
    let bob = json!({ "member_id": ground.app.user(&ground.issuer, "bob@example.com").await, "scopes": ["owner"] });
    ground.app.root().post(&format!("{organization}/members"), bob).expect(201).await;
    let member = format!("{organization}/members/{}", ground.user);
    ground.app.root().patch(&member, json!({ "scopes": ["issuers:read"] })).expect(200).await;
    let me = caller.get("/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["scopes"], json!(["issuers:read"]));
}

#[tokio::test]
async fn machines_and_users_of_other_issuers_have_no_business_here() {
    let (ground, _) = own().await;
    let base = ground.app.base.clone();
    for (id, secret) in [agent(&ground, &["*:**"]).await, machine(&ground, &["issuers:read"], json!({})).await] {
        let grant = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
        let all: Vec<_> = grant.into_iter().chain([("resource", &*base)]).collect();
        let token = ground.post("token", &all).await;
        let reply = ground.app.with_bearer(text(&token, "access_token")).get("/v1/me").send().await;
        refused(&reply, 403, "access_denied");
    }
    let tenant = Ground::new().await;
    let token = access(&tenant, &["openid"], &[&tenant.app.base]).await;
    refused_token(&tenant.app.with_bearer(&token).get("/v1/me").send().await, "invalid_token");
    refused_token(&ground.app.with_bearer(&token).get("/v1/me").send().await, "invalid_token");
}

async fn at_host(app: &App, token: &str) -> Result<Identity, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("bearer {token}").parse().unwrap());
    app.authpi.caller(&headers, None).await
}

fn is_refused(identity: &Result<Identity, Refusal>) -> bool {
    matches!(identity, Err(Refusal::Unauthenticated(Unauthenticated::Bearer)))
}

#[tokio::test]
async fn a_hosts_own_route_learns_what_a_token_says() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    let org = organization.rsplit('/').next().unwrap();
    let member = json!({ "member_id": ground.user, "scopes": ["invoices:*"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    assert!(is_refused(&at_host(&ground.app, &access(&ground, &["openid"], &[]).await).await), "for its client alone");
    let token = access(&ground, &["openid"], &[&ground.url()]).await;
    let caller = at_host(&ground.app, &token).await.unwrap();
    assert_eq!((caller.subject(), caller.act()), (Principal::User(ground.user.parse().unwrap()), None));
    assert_eq!(caller.org().map(|org| org.to_string()).as_deref(), Some(org));
    assert!(caller.require_in(org.parse().unwrap(), "invoices:read").is_ok());
    assert!(caller.require_in(org.parse().unwrap(), "orders:read").is_err());
    assert!(caller.require("openid").is_ok() && caller.require("invoices:read").is_ok());
    assert!(caller.accounts.is_empty(), "it says nothing about accounts");
    ground.app.authpi.check_live(&caller).await.unwrap();
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().post(&format!("{user}/sessions/revoke-all"), json!({})).expect(200).await;
    let caller = at_host(&ground.app, &token).await.unwrap();
    let ended = ground.app.authpi.check_live(&caller).await;
    assert!(matches!(ended, Err(Refusal::Unauthenticated(Unauthenticated::SessionEnded))), "{ended:?}");
    ground.app.root().patch(&ground.issuer, json!({ "status": "suspended" })).expect(200).await;
    assert!(is_refused(&at_host(&ground.app, &token).await));
    ground.app.root().patch(&ground.issuer, json!({ "status": "active" })).expect(200).await;
    assert!(at_host(&ground.app, &token).await.is_ok());
    ground.app.advance(Duration::from_mins(30));
    assert!(is_refused(&at_host(&ground.app, &token).await));
}

#[tokio::test]
async fn of_a_machine_the_scopes_of_its_token_count_and_no_others() {
    let ground = Ground::new().await;
    let (id, secret) = agent(&ground, &["orders:read"]).await;
    let organization = ground.app.organization(&ground.issuer).await;
    let member = json!({ "member_id": id, "member_type": "agent", "scopes": ["bills:read"] });
    ground.app.root().post(&format!("{organization}/members"), member).expect(201).await;
    let url = ground.url();
    let grant = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
    let all: Vec<_> = grant.into_iter().chain([("resource", &*url)]).collect();
    let token = ground.post("token", &all).await;
    let caller = at_host(&ground.app, text(&token, "access_token")).await.unwrap();
    assert_eq!((caller.subject(), caller.user()), (Principal::Agent(id.parse().unwrap()), None));
    assert!(caller.require("orders:read").is_ok() && caller.require("bills:read").is_err());
    assert!(caller.require_in(caller.org().unwrap(), "bills:read").is_ok());
    let path = format!("{}/agents/{id}", ground.issuer);
    ground.app.root().patch(&path, json!({ "status": "suspended" })).expect(200).await;
    assert!(ground.app.authpi.check_live(&caller).await.is_err());
}

#[tokio::test]
async fn a_token_with_a_foreign_or_altered_issuer_is_nobodys() {
    let ground = Ground::new().await;
    let other = Ground::on(App::start(DRIVER).await, json!({})).await;
    let token = access(&other, &["openid"], &[&other.url()]).await;
    assert!(is_refused(&at_host(&ground.app, &token).await));
    let parts: Vec<_> = token.split('.').collect();
    let mut claims: Value = super::claims(&token);
    claims["iss"] = json!(ground.url());
    claims["aud"] = json!(ground.url());
    let altered = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims.to_string());
    assert!(is_refused(&at_host(&ground.app, &format!("{}.{altered}.{}", parts[0], parts[2])).await));
}
