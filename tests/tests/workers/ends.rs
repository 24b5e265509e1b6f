//! What ends or begins anew when its time has come.

use std::time::Duration;

use authpi_core::id::MemberId;
use authpi_core::transport::Clock;
use authpi_core::worker;
use serde_json::json;
use tests::{App, Driver};

use super::DAY;

#[tokio::test]
async fn a_deleted_user_leaves_its_organizations_at_once_and_is_erased_after_30_days() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "a@example.com").await;
    for _ in 0..2 {
        let organization = app.organization(&issuer).await;
        app.root()
            .post(&format!("{organization}/members"), json!({ "member_id": user, "scopes": ["owner"] }))
            .expect(201)
            .await;
    }
    app.root().delete(&format!("{issuer}/users/{user}")).expect(204).await;
    worker::run_once(services).await.unwrap();
    let issuer_id = issuer.rsplit('/').next().unwrap().parse().unwrap();
    let member = MemberId::User(user.parse().unwrap());
    let memberships = services.store.reads().memberships();
    assert_eq!(memberships.count_of_member(issuer_id, member).await.unwrap(), 0);
    let kept = async || services.store.reads().users().deleted_before(app.clock.now().plus(DAY), 10).await.unwrap();
    assert_eq!(kept().await.len(), 1);
    app.advance(DAY * 30);
    worker::run_once(services).await.unwrap();
    assert_eq!(kept().await.len(), 1, "30 days have not passed yet");
    app.advance(Duration::from_secs(1));
    worker::run_once(services).await.unwrap();
    assert_eq!(kept().await.len(), 0);
    app.user(&issuer, "a@example.com").await;
}

#[tokio::test]
async fn a_deleted_client_is_listed_as_deleted_for_30_days() {
    let app = App::start(Driver::Axum).await;
    let clients = format!("{}/clients", app.issuer().await);
    let settings = json!({ "openid": { "redirect_uris": ["https://app.example.com/cb"] } });
    let made = app.root().post(&clients, json!({ "name": "Web", "settings": settings })).expect(201).await;
    app.root().delete(&format!("{clients}/{}", made.id())).expect(204).await;
    let listed = async || {
        worker::run_once(app.authpi.services()).await.unwrap();
        let page = app.root().get(&format!("{clients}?status=deleted")).expect(200).await;
        page.data().as_array().unwrap().len()
    };
    assert_eq!(listed().await, 1);
    app.advance(DAY * 30 + Duration::from_secs(1));
    assert_eq!(listed().await, 0);
}

#[tokio::test]
async fn an_issuer_stays_a_minute_longer_than_what_belonged_to_it() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    for number in 0..3 {
        app.user(&issuer, &format!("user-{number}@example.com")).await;
    }
    app.root().delete(&issuer).expect(204).await;
    worker::run_once(services).await.unwrap();
    let deleting = async || services.store.reads().issuers().deleting(10).await.unwrap();
    let id = issuer.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(services.store.reads().issuers().children(id, services.now()).await.unwrap().users, 0);
    assert_eq!(deleting().await.len(), 1);
    app.advance(Duration::from_secs(61));
    worker::run_once(services).await.unwrap();
    assert_eq!(deleting().await.len(), 0);
    assert!(services.root(id).await.unwrap().is_none(), "its root key is forgotten");
}

#[tokio::test]
async fn an_expired_key_is_announced_once() {
    let app = App::start(Driver::Axum).await;
    let expires = app.now() + 60_000;
    let body = json!({ "name": "k", "restrictions": { "scopes": [] }, "expires_at": expires });
    let key = app.root().post(&app.path("/api-keys"), body).expect(201).await.id();
    worker::run_once(app.authpi.services()).await.unwrap();
    assert_eq!(app.events("event_types=api-key.updated").await.len(), 0);
    app.advance(Duration::from_mins(1));
    for _ in 0..2 {
        worker::run_once(app.authpi.services()).await.unwrap();
    }
    let events = app.events("event_types=api-key.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["subject"]["key_id"], key);
    assert_eq!(events[0]["data"]["action"], "expired");
    assert_eq!(events[0]["trigger"], "schedule");
    assert_eq!(events[0]["auth"]["type"], "system");
}

#[tokio::test]
async fn signing_keys_that_are_due_are_rotated_and_the_rsa_pool_is_full() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    let id = issuer.rsplit('/').next().unwrap();
    app.anonymous().get(&format!("/{id}/jwks.json")).expect(200).await;
    let keys = async || services.store.reads().signing_keys().newest(id.parse().unwrap(), 100).await.unwrap().len();
    worker::run_once(services).await.unwrap();
    assert_eq!(keys().await, 3, "nothing is due");
    assert_eq!(services.keys.ready_rsa(), services.options.rsa_pool);
    app.advance(DAY * 32);
    worker::run_once(services).await.unwrap();
    assert_eq!(keys().await, 6);
}

#[tokio::test]
async fn a_signing_key_is_kept_for_as_long_as_something_it_signed_can_be_shown() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let issuer = app.issuer().await;
    let id = issuer.rsplit('/').next().unwrap();
    app.anonymous().get(&format!("/{id}/jwks.json")).expect(200).await;
    let keys = async || services.store.reads().signing_keys().newest(id.parse().unwrap(), 100).await.unwrap();
    let first = keys().await;
    let is_there = async |kid| keys().await.iter().any(|key| key.kid == kid);
    // The first keys sign for two months at most, and a personal token lives for 366 days.
    for _ in 0..14 {
        assert!(is_there(first[0].kid).await);
        app.advance(DAY * 30);
        worker::run_once(services).await.unwrap();
    }
    for _ in 0..4 {
        app.advance(DAY * 30);
        worker::run_once(services).await.unwrap();
    }
    for key in first {
        assert!(!is_there(key.kid).await, "{}", key.algorithm);
    }
    assert!((39..=51).contains(&keys().await.len()), "400 days, and one month to find out: {}", keys().await.len());
}
