//! One run of all steps, and what stands in its way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use authpi_core::event::catalogue;
use authpi_core::event::model::{Event, Subject};
use authpi_core::event::repository::Consumer;
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::store::contract::{START, api_key, event, issuer, mint};
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::Clock;
use authpi_core::worker;
use tests::{App, Driver};

use super::{DAY, ground};

#[tokio::test]
async fn one_run_removes_an_organization_with_all_its_members() {
    let ground = ground().await;
    ground.deleted_organization_of(1_100).await;
    ground.deleted_organization().await;
    worker::run_once(ground.authpi.services()).await.unwrap();
    assert_eq!(ground.deleting().await, 0);
}

#[tokio::test]
async fn events_stay_buffered_while_the_store_fails() {
    let ground = ground().await;
    let account = mint();
    ground.failing.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        ground.buffer(account);
        assert!(worker::run_once(ground.authpi.services()).await.is_err());
    }
    assert_eq!(ground.authpi.services().buffer.len(), 3);
    ground.failing.store(false, Ordering::SeqCst);
    worker::run_once(ground.authpi.services()).await.unwrap();
    assert_eq!(ground.events(account).await, 3);
    assert_eq!(ground.authpi.services().buffer.dropped(), 0);
}

#[tokio::test]
async fn one_failing_step_hinders_no_other_of_a_single_run() {
    let ground = ground().await;
    ground.deleted_organization().await;
    ground.failing.store(true, Ordering::SeqCst);
    ground.buffer(mint());
    assert!(worker::run_once(ground.authpi.services()).await.is_err());
    assert_eq!(ground.deleting().await, 0);
}

#[tokio::test]
async fn what_has_expired_is_gone_after_one_run() {
    let ground = ground().await;
    let services = ground.authpi.services();
    let (account, key): (AccountId, _) = (mint(), [7; 32]);
    let mut unit = services.store.begin(START).await.unwrap();
    let _ = unit.idempotency().claim(account, &key, START.plus(DAY)).await.unwrap();
    let per_request = (0..600).map(|_| event::event(account, catalogue::API_KEY_VERIFIED, START));
    let others = (0..2).map(|_| event::event(account, catalogue::API_KEY_CREATED, START));
    unit.events().append(&per_request.chain(others).collect::<Vec<_>>()).await.unwrap();
    unit.commit().await.unwrap();

    ground.clock.advance(DAY * 30);
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 50, "30 days have not passed yet");
    let mut unit = services.store.begin(services.now()).await.unwrap();
    assert_eq!(unit.idempotency().purge(10).await.unwrap(), 0);
    drop(unit);

    ground.clock.advance(Duration::from_millis(1));
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 2);
    ground.clock.advance(DAY * 60);
    worker::run_once(services).await.unwrap();
    assert_eq!(ground.events(account).await, 0);
}

/// An issuer whose root key nothing unwraps.
async fn broken_issuer(app: &App, account: AccountId) -> IssuerId {
    let (broken, methods) = issuer::issuer(account);
    let mut unit = app.authpi.services().store.begin(app.clock.now()).await.unwrap();
    unit.issuers().insert(&broken, &[0; 60], &methods).await.unwrap();
    unit.commit().await.unwrap();
    broken.id
}

#[tokio::test]
async fn an_issuer_without_a_usable_root_key_keeps_no_other_waiting() {
    let app = App::start(Driver::Axum).await;
    let services = app.authpi.services();
    let account = mint();
    let broken = broken_issuer(&app, account).await;
    let whole: IssuerId = app.issuer().await.rsplit('/').next().unwrap().parse().unwrap();
    let expired = |issuer_id, millis| {
        let mut key = api_key::key(account);
        key.issuer_id = issuer_id;
        key.details.expires_at = Some(Timestamp::from_millis(millis));
        key
    };
    let mut events = [broken, whole].map(|issuer| Event {
        subject: Subject::issuer(account, issuer).user(mint()),
        ..event::event(account, catalogue::USER_PASSWORD_CHANGED, app.clock.now())
    });
    let mut ids = events.each_ref().map(|event| event.id);
    ids.sort_unstable();
    for (event, id) in events.iter_mut().zip(ids) {
        event.id = id;
    }
    let mut unit = services.store.begin(app.clock.now()).await.unwrap();
    for key in [expired(broken, 1), expired(broken, 2), expired(whole, 3)] {
        unit.api_keys().insert(&key).await.unwrap();
    }
    unit.events().append(&events).await.unwrap();
    unit.commit().await.unwrap();
    worker::run_once(services).await.unwrap();
    let left = services.store.reads().api_keys().expired_unannounced(app.clock.now(), &[], 10).await.unwrap();
    assert_eq!(left.iter().map(|key| key.issuer_id).collect::<Vec<_>>(), [broken, broken]);
    let mut unit = services.store.begin(app.clock.now()).await.unwrap();
    let waiting = unit.events().lock_waiting(Consumer::Notices, None, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|event| event.id).collect::<Vec<_>>(), [ids[0]], "it is tried again");
}
