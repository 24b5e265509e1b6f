//! Webhooks that this version cannot read: a later one has written them, or they are damaged.

use sea_orm::ConnectionTrait;

use super::*;

#[tokio::test]
async fn an_event_waits_for_whoever_can_read_all_webhooks_of_its_account_and_no_other_event_does() {
    let ground = Ground::start().await;
    ground.work().await;
    let unreadable = ground.webhook("/unreadable", json!({ "events": ["organization.created"] })).await;
    ground.webhook("/known", json!({ "events": ["organization.created"] })).await;
    let (other, key) = ground.app.other_account().await;
    let elsewhere = json!({ "url": format!("{}/elsewhere", ground.receiver.base), "auth": { "type": "none" } });
    ground.app.caller(&key).post(&format!("/v1/accounts/{other}/webhooks"), elsewhere).expect(201).await;
    let url = format!("sqlite://{}", ground.app.folder.path().join("authpi.db").display());
    let database = sea_orm::Database::connect(&url).await.unwrap();
    let named = |name: &str, by: &str| {
        format!("UPDATE authpi_webhook SET details = json_set(details, '$.name', '{by}') WHERE details LIKE '%{name}%'")
    };
    let _ = named;
    let events = |kind: &str| {
        format!(
            "UPDATE authpi_webhook SET details = json_set(details, '$.events[0]', '{kind}') \
             WHERE details LIKE '%/unreadable%'"
        )
    };
    database.execute_unprepared(&events("organization.shelved")).await.unwrap();
    ground.organization("one").await;
    ground.work().await;
    assert!(ground.received("/known").is_empty() && !ground.received("/elsewhere").is_empty());
    database.execute_unprepared(&events("organization.created")).await.unwrap();
    ground.app.advance(Duration::from_mins(1));
    ground.work().await;
    assert_eq!(ground.received("/known"), ["organization.created"]);
    assert_eq!(ground.received("/unreadable"), ["organization.created"]);
    assert_eq!(ground.deliveries(&unreadable, "").await.len(), 1);
}
