//! Webhooks that this version cannot read: a later one has written them, or they are damaged.

use authpi_core::event::catalogue;
use authpi_core::store::contract::account::account;
use authpi_core::store::contract::event::event;
use sea_orm::ConnectionTrait;

use super::*;

#[tokio::test]
async fn an_event_waits_for_whoever_can_read_all_webhooks_of_its_account_and_no_other_event_does() {
    let ground = Ground::start().await;
    ground.work().await;
    let unreadable = ground.webhook("/unreadable", json!({ "events": ["organization.created"] })).await;
    ground.webhook("/known", json!({ "events": ["organization.created"] })).await;
    ground.work().await;
    let url = format!("sqlite://{}", ground.app.folder.path().join("authpi.db").display());
    let database = sea_orm::Database::connect(&url).await.unwrap();
    let wants = async |kind: &str| {
        let change = "UPDATE authpi_webhook SET details = json_set(details, '$.events[0]'";
        let sql = format!("{change}, '{kind}') WHERE details LIKE '%/unreadable%'");
        assert_eq!(database.execute_unprepared(&sql).await.unwrap().rows_affected(), 1);
    };
    wants("organization.shelved").await;
    ground.organization("one").await;
    let services = ground.app.authpi.services();
    let stranger = account();
    let mut unit = services.store.begin(services.now()).await.unwrap();
    unit.accounts().insert(&stranger).await.unwrap();
    unit.events().append(&[event(stranger.id, catalogue::USER_CREATED, services.now())]).await.unwrap();
    unit.commit().await.unwrap();
    ground.work().await;
    assert!(ground.receiver.received().is_empty());
    let waiting = services.store.reads().events().waiting(Consumer::Webhooks, None, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|event| event.kind).collect::<Vec<_>>(), [catalogue::ORGANIZATION_CREATED]);
    wants("organization.created").await;
    ground.app.advance(Duration::from_mins(1));
    ground.work().await;
    let mut reached: Vec<String> = ground.receiver.received().into_iter().map(|request| request.path).collect();
    reached.sort_unstable();
    assert_eq!(reached, ["/known", "/unreadable"]);
    assert_eq!(ground.deliveries(&unreadable, "status=delivered").await.len(), 1);
}
