//! How many requests an address makes at which endpoints of an issuer (conventions §11).

use std::time::Duration;

use authpi_core::web::services::Options;
use http::Method;
use serde_json::json;
use tests::{App, Reply};

use super::machines::machine;
use super::{DRIVER, Ground, refused};

/// Demands the one answer to a request too many.
#[track_caller]
fn too_many(reply: &Reply) {
    refused(reply, 429, "rate_limited");
    let seconds = reply.body["retry_after"].as_u64().unwrap();
    assert_eq!(
        (reply.header("retry-after"), &reply.body["retryable"]),
        (&*seconds.to_string(), &true.into()),
        "{reply}"
    );
}

async fn ground() -> (App, String) {
    let app = App::start_with(DRIVER, Options::default()).await;
    let issuer = app.issuer().await;
    let id = issuer.rsplit('/').next().unwrap().to_owned();
    (app, id)
}

#[tokio::test]
async fn authorizations_claims_logouts_consents_and_session_checks_draw_on_one_bucket() {
    let (app, id) = ground().await;
    let calls = [
        (Method::GET, "authorize"),
        (Method::POST, "authorize"),
        (Method::GET, "userinfo"),
        (Method::POST, "userinfo"),
        (Method::GET, "logout"),
        (Method::POST, "logout"),
        (Method::DELETE, "consents/c_0000000000000000000000000"),
        (Method::POST, "check-session"),
        (Method::GET, "check-session.html"),
    ];
    let call = |index: usize| {
        let (method, endpoint) = &calls[index % calls.len()];
        app.anonymous().call(method.clone(), &format!("/{id}/{endpoint}")).header("accept", "application/json").send()
    };
    for index in 0..60 {
        assert_ne!(call(index).await.status.as_u16(), 429, "the burst is 60");
    }
    for index in 0..calls.len() {
        too_many(&call(index).await);
    }
    app.anonymous().get(&format!("/{id}/jwks.json")).expect(200).await;
    app.advance(Duration::from_secs(1));
    for index in 0..10 {
        assert_ne!(call(index).await.status.as_u16(), 429, "ten a second");
    }
    too_many(&call(0).await);
}

#[tokio::test]
async fn calls_of_clients_are_counted_by_address_and_client() {
    let (app, _) = ground().await;
    let ground = Ground::on(app, json!({})).await;
    let other = machine(&ground, &["jobs:run"], json!({})).await;
    let call = async |endpoint: &str, (id, secret): (&str, &str)| {
        let form = [("client_id", id), ("client_secret", secret), ("token", "x"), ("grant_type", "client_credentials")];
        ground.post(endpoint, &form).await
    };
    let (endpoints, ours) = (["token", "introspect", "revoke"], (ground.client.as_str(), ground.secret.as_str()));
    for index in 0..100 {
        assert_ne!(call(endpoints[index % 3], ours).await.status.as_u16(), 429, "the burst is 100");
    }
    for endpoint in endpoints {
        too_many(&call(endpoint, ours).await);
        assert_ne!(call(endpoint, (&other.0, &other.1)).await.status.as_u16(), 429, "another client has its own");
    }
    ground.app.advance(Duration::from_secs(1));
    for index in 0..20 {
        assert_ne!(call(endpoints[index % 3], ours).await.status.as_u16(), 429, "twenty a second");
    }
    too_many(&call("token", ours).await);
}

#[tokio::test]
async fn who_guesses_secrets_of_clients_is_stopped_and_the_client_goes_on() {
    let (app, _) = ground().await;
    let ground = Ground::on(app, json!({})).await;
    let guess = async |secret: &str| {
        let form = [("client_id", ground.client.as_str()), ("client_secret", secret), ("token", "x")];
        ground.post("introspect", &form).await
    };
    for _ in 0..20 {
        refused(&guess("wrong").await, 401, "invalid_client");
    }
    too_many(&guess("wrong").await);
    assert_eq!(guess(&ground.secret).await.status.as_u16(), 200);
}
