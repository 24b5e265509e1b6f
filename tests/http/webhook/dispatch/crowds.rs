//! Accounts with very many events.

use authpi_core::event::catalogue;
use authpi_core::event::model::{Event, Subject};
use authpi_core::id::{AccountId, DeliveryId, WebhookId};
use authpi_core::page::{Limit, PageRequest};
use authpi_core::store::contract::account::account;
use authpi_core::store::contract::event::event;
use authpi_core::webhook::model::Webhook;
use authpi_core::webhook::repository::DeliveryFilter;

use super::*;

/// Ids of the newest 50 deliveries to a webhook, which tell when each was made, newest first.
async fn newest(ground: &Ground, account: AccountId, webhook: WebhookId) -> Vec<DeliveryId> {
    let reads = ground.app.authpi.services().store.reads();
    let page = PageRequest { limit: Limit::default(), after: None };
    let found = reads.webhooks().deliveries(account, webhook, &DeliveryFilter::default(), &page).await.unwrap();
    found.items.into_iter().map(|delivery| delivery.id).collect()
}

#[tokio::test]
async fn events_of_one_account_do_not_wait_for_very_many_of_another() {
    let ground = Ground::start().await;
    let crowded = ground.webhook("/crowded", json!({ "events": ["user.created"] })).await;
    let services = ground.app.authpi.services();
    let crowded: WebhookId = crowded["id"].as_str().unwrap().parse().unwrap();
    let own: AccountId = ground.app.account.parse().unwrap();
    let model = services.store.reads().webhooks().find(own, crowded).await.unwrap().unwrap();
    let stranger = account();
    let webhook = Webhook { id: services.ids.mint(services.now()).unwrap(), account_id: stranger.id, ..model };
    let mut unit = services.store.begin(services.now()).await.unwrap();
    unit.accounts().insert(&stranger).await.unwrap();
    unit.webhooks().insert(&webhook).await.unwrap();
    unit.commit().await.unwrap();
    ground.work().await;
    let of = |account| {
        let id = services.ids.mint(services.now()).unwrap();
        let like = event(account, catalogue::USER_CREATED, services.now());
        Event { id, subject: Subject::account(account), ..like }
    };
    let mut events: Vec<Event> = (0..250).map(|_| of(own)).collect();
    events.extend((0..2).map(|_| of(stranger.id)));
    services.store.append(events).await.unwrap();
    ground.work().await;
    let [many, few] = [newest(&ground, own, crowded).await, newest(&ground, stranger.id, webhook.id).await];
    assert_eq!((many.len(), few.len()), (50, 2));
    assert!(many.iter().all(|late| late > &few[0]), "what came last of the crowd was made after the others'");
    assert_eq!(ground.received("/crowded").len(), 252);
}
