//! Scopes of applications: no action of theirs means another (idp §11.2). What `manage` and `write` contain is said of the
//! Core API's own scopes alone (core-api §1.9).

use authpi_core::web::caller::Caller as Identity;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::json;
use tests::App;

use super::machines::agent;
use super::{Ground, refused, text};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const STANDING: &str = "urn:authpi:params:oauth:token-type:delegation";

async fn at_host(app: &App, authorization: &str) -> Identity {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    app.authpi.caller(&headers, None).await.unwrap()
}

#[tokio::test]
async fn what_a_user_holds_covers_what_is_asked_for_word_by_word() {
    let ground = Ground::new().await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let granted = async |held: &[&str]| {
        ground.app.root().patch(&user, json!({ "scopes": held })).expect(200).await;
        text(&ground.tokens(&["openid", "orders:read", "bills:read"]).await, "scope").to_owned()
    };
    assert_eq!(granted(&["orders:manage", "bills:write"]).await, "openid");
    assert_eq!(granted(&["orders:*", "bills:read"]).await, "openid orders:read bills:read");
}

#[tokio::test]
async fn a_delegation_covers_what_is_asked_for_word_by_word() {
    let ground = Ground::new().await;
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().patch(&user, json!({ "scopes": ["orders:*"] })).expect(200).await;
    let (agent, secret) = agent(&ground, &["orders:read", "orders:manage"]).await;
    let delegation = json!({ "agent_id": agent, "scopes": ["orders:manage"] });
    let delegation = ground.app.root().post(&format!("{user}/delegations"), delegation).expect(201).await.id();
    let exchange = async || {
        let parameters = [
            ("grant_type", EXCHANGE),
            ("client_id", &*agent),
            ("client_secret", &*secret),
            ("subject_token", &*delegation),
            ("subject_token_type", STANDING),
        ];
        ground.post("token", &parameters).await
    };
    assert_eq!(text(&exchange().await, "scope"), "orders:manage");
    ground.app.root().patch(&user, json!({ "scopes": ["orders:manage"] })).expect(200).await;
    assert_eq!(text(&exchange().await, "scope"), "orders:manage");
    ground.app.root().patch(&user, json!({ "scopes": ["orders:write"] })).expect(200).await;
    refused(&exchange().await, 400, "invalid_scope");
}

#[tokio::test]
async fn a_hosts_own_route_matches_word_by_word_whatever_the_credential() {
    let ground = Ground::new().await;
    let (app, root) = (&ground.app, ground.app.root());
    let organization = app.organization(&ground.issuer).await;
    let org = organization.rsplit('/').next().unwrap().parse().unwrap();
    let held = ["orders:manage", "bills:write"];
    let member = json!({ "member_id": ground.user, "scopes": held });
    root.post(&format!("{organization}/members"), member).expect(201).await;
    let (agent, secret) = agent(&ground, &held).await;
    let url = ground.url();
    let grant = [("grant_type", "client_credentials"), ("client_id", &*agent), ("client_secret", &*secret)];
    let machine = ground.post("token", &[grant[0], grant[1], grant[2], ("resource", &*url)]).await;
    let code = ground.code_with(&["openid"], None, &[&url], None).await;
    let person = ground.exchange(&code).await;
    let restricted = json!({ "name": "t", "restrictions": { "scopes": held } });
    let tokens = format!("{}/users/{}/tokens", ground.issuer, ground.user);
    let personal = root.post(&tokens, restricted.clone()).expect(201).await.text("token_plain");
    let key = root.post(&format!("{organization}/api-keys"), restricted).expect(201).await;
    let basic = format!("{}:{}", key.id(), key.text("secret_plain"));
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, basic);
    let credentials = [
        format!("Bearer {}", text(&machine, "access_token")),
        format!("Bearer {}", text(&person, "access_token")),
        format!("Bearer {personal}"),
        format!("Basic {basic}"),
    ];
    for (index, credential) in credentials.iter().enumerate() {
        let caller = at_host(app, credential).await;
        for word in held {
            assert!(caller.require(word).is_ok(), "{index}: {word}");
        }
        for other in ["orders:read", "orders:write", "orders:delete", "bills:delete"] {
            assert!(caller.require(other).is_err(), "{index}: {other}");
        }
        if index > 0 {
            assert!(caller.require_in(org, "orders:manage").is_ok(), "{index}");
            assert!(caller.require_in(org, "orders:read").is_err(), "{index}");
        }
    }
}

#[tokio::test]
async fn a_personal_token_cuts_to_the_words_that_it_shares_with_its_user() {
    let ground = Ground::new().await;
    let (app, root) = (&ground.app, ground.app.root());
    let organization = app.organization(&ground.issuer).await;
    let member = json!({ "member_id": ground.user, "scopes": ["orders:manage", "bills:*"] });
    root.post(&format!("{organization}/members"), member).expect(201).await;
    let body = json!({ "name": "t", "restrictions": { "scopes": ["orders:read", "bills:read"] } });
    let tokens = format!("{}/users/{}/tokens", ground.issuer, ground.user);
    let personal = root.post(&tokens, body).expect(201).await.text("token_plain");
    let me = app.with_bearer(&personal).get("/v1/me").expect(200).await;
    assert_eq!(me.data()["organizations"][0]["scopes"], json!(["bills:read"]));
}

#[tokio::test]
async fn the_core_api_goes_on_to_read_its_own_scopes_by_their_meaning() {
    let app = App::start(super::DRIVER).await;
    let (id, secret) = app.account_key(&["issuers:manage"]).await;
    let key = app.with_key(&id, &secret);
    key.get(&app.path("/issuers")).expect(200).await;
    let made = key.post(&app.path("/issuers"), json!({ "name": "made" })).expect(201).await.id();
    key.delete(&app.path(&format!("/issuers/{made}"))).expect(204).await;
}
