//! Webhooks that this version cannot read: a later one has written them, or they are damaged.

use authpi_core::event::catalogue;
use authpi_core::store::contract::account::account;
use authpi_core::store::contract::event::event;
use sea_orm::ConnectionTrait;

use super::*;

async fn database(ground: &Ground) -> sea_orm::DatabaseConnection {
    let url = format!("sqlite://{}", ground.app.folder.path().join("authpi.db").display());
    sea_orm::Database::connect(&url).await.unwrap()
}

#[tokio::test]
async fn an_event_waits_for_whoever_can_read_all_webhooks_of_its_account_and_no_other_event_does() {
    let ground = Ground::start().await;
    ground.work().await;
    let unreadable = ground.webhook("/unreadable", json!({ "events": ["organization.created"] })).await;
    ground.webhook("/known", json!({ "events": ["organization.created"] })).await;
    ground.work().await;
    let database = database(&ground).await;
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

#[tokio::test]
async fn what_waits_for_secrets_that_cannot_be_opened_is_sent_when_they_can_be_and_given_up_after_a_week() {
    let ground = Ground::start().await;
    let more = json!({ "auth": { "type": "signature" }, "events": ["organization.created"] });
    let webhook = ground.webhook("/in", more).await;
    let database = database(&ground).await;
    let flip = async || {
        let sql = "UPDATE authpi_webhook SET signing_sealed = CAST(substr(signing_sealed, 2) || substr(signing_sealed, 1, 1) AS BLOB)";
        assert_eq!(database.execute_unprepared(sql).await.unwrap().rows_affected(), 1);
    };
    let length = "SELECT length(signing_sealed) FROM authpi_webhook";
    let length = database.query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, length)).await;
    let length: i64 = length.unwrap().unwrap().try_get_by_index(0).unwrap();
    flip().await;
    ground.organization("one").await;
    ground.work().await;
    assert_eq!((ground.received("/in").len(), ground.deliveries(&webhook, "status=pending").await.len()), (0, 1));
    for _ in 1..length {
        flip().await;
    }
    ground.app.advance(Duration::from_mins(5));
    ground.work().await;
    assert_eq!(ground.received("/in").len(), 1, "they are whole again");
    flip().await;
    ground.organization("two").await;
    ground.work().await;
    ground.app.advance(Duration::from_hours(7 * 24) + Duration::from_secs(1));
    ground.work().await;
    let given_up = &ground.deliveries(&webhook, "status=failed").await[0];
    assert_eq!((&given_up["last_error"], &given_up["attempt_count"]), (&json!("expired"), &json!(0)));
    assert_eq!(ground.received("/in").len(), 0);
}
