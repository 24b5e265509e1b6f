//! What is sent to webhooks, and what was.

use std::sync::Arc;

use super::{delivery, find_delivery, insert_delivery, told, webhook};
use crate::event::catalogue;
use crate::event::model::{Actor, ContextRecord, Event, Subject, Trigger};
use crate::id::AccountId;
use crate::page::{Limit, PageRequest, TimeAndId};
use crate::seal::Sealed;
use crate::store::contract::{Ground, START, begin, later, mint, race};
use crate::webhook::model::{Delivery, DeliveryStatus, KeptBody};
use crate::webhook::repository::{DeliveryFilter, Requeue};

pub async fn a_delivery_comes_back_as_it_was_written(ground: Ground) {
    let webhook = webhook(mint());
    let made = Delivery { body: KeptBody::Here(Sealed::from_bytes(vec![7; 200_000])), ..delivery(&webhook) };
    insert_delivery(&ground, &made).await;
    assert_eq!(told(find_delivery(&ground, &made).await.as_ref()), told(Some(&made)));
    let tried = Delivery {
        status: DeliveryStatus::Retrying,
        attempt_count: 3,
        attempt_budget: 15,
        first_attempted_at: Some(later(1)),
        last_attempted_at: Some(later(2)),
        next_attempt_at: Some(later(3)),
        last_error: Some("blocked_address".to_owned()),
        last_response_status: Some(599),
        leased_until: Some(later(4)),
        lost_leases: 4,
        body: KeptBody::None,
        enqueued_at: later(1),
        updated_at: later(5),
        ..made.clone()
    };
    let mut unit = begin(&ground, later(5)).await;
    assert_eq!(unit.deliveries().write(&[(tried.clone(), START)]).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(told(find_delivery(&ground, &made).await.as_ref()), told(Some(&tried)));
}

pub async fn of_parallel_deliveries_of_one_event_one_is_made(ground: Ground) {
    let webhook = webhook(mint());
    let first = delivery(&webhook);
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        let same_event = Delivery { id: mint(), ..first.clone() };
        async move { insert_delivery(&ground, &same_event).await }
    })
    .await;
    let page = PageRequest { limit: Limit::default(), after: None };
    let (store, filter) = (ground.store(), DeliveryFilter::default());
    let found = store.reads().webhooks().deliveries(webhook.account_id, webhook.id, &filter, &page).await.unwrap();
    assert_eq!(found.items.iter().map(|delivery| delivery.event_id).collect::<Vec<_>>(), [first.event_id]);
}

pub async fn deliveries_are_listed_newest_first_and_filters_hold_together(ground: Ground) {
    let webhook = webhook(mint());
    let mut made = Vec::new();
    for minute in 0..6_u64 {
        let kind = if minute % 2 == 0 { catalogue::USER_CREATED } else { catalogue::USER_DELETED };
        let status = if minute < 3 { DeliveryStatus::Failed } else { DeliveryStatus::Delivered };
        let delivery = Delivery { event_type: kind, status, created_at: later(minute / 2), ..delivery(&webhook) };
        insert_delivery(&ground, &delivery).await;
        made.push(delivery);
    }
    let newest_first: Vec<_> = made.iter().rev().map(|delivery| delivery.id).collect();
    let store = ground.store();
    let reads = store.reads().webhooks();
    let (account, id) = (webhook.account_id, webhook.id);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after };
        let found = reads.deliveries(account, id, &DeliveryFilter::default(), &page).await.unwrap();
        seen.extend(found.items.iter().map(|delivery| delivery.id));
        after = found.items.last().map(|last| TimeAndId { at: last.created_at, id: last.id });
        let newer = Delivery { created_at: later(9), ..delivery(&webhook) };
        insert_delivery(&ground, &newer).await;
        if !found.has_more {
            break;
        }
    }
    assert_eq!(seen, newest_first);
    let listed = async |filter: DeliveryFilter| {
        let page = PageRequest { limit: Limit::default(), after: None };
        let found = reads.deliveries(account, id, &filter, &page).await.unwrap();
        found.items.iter().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[usize]| numbers.iter().map(|number| made[*number].id).collect::<Vec<_>>();
    let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..DeliveryFilter::default() };
    assert_eq!(listed(failed).await, ids(&[2, 1, 0]));
    let deleted = DeliveryFilter { event_type: Some(catalogue::USER_DELETED), ..DeliveryFilter::default() };
    assert_eq!(listed(deleted).await, ids(&[5, 3, 1]));
    assert_eq!(listed(DeliveryFilter { status: failed.status, ..deleted }).await, ids(&[1]));
    let between = DeliveryFilter { after: Some(START), before: Some(later(2)), ..DeliveryFilter::default() };
    assert_eq!(listed(between).await, ids(&[3, 2]));
}

fn event(account: AccountId, delivery: &Delivery) -> Event {
    Event {
        id: delivery.event_id,
        kind: delivery.event_type,
        source: "test".to_owned(),
        trigger: Trigger::System,
        trace: None,
        actor: Actor::System,
        subject: Subject::account(account),
        timestamp: START,
        data: serde_json::Map::new(),
        context: ContextRecord::NONE,
    }
}

pub async fn failed_deliveries_are_queued_anew_newest_first_if_their_event_is_kept(ground: Ground) {
    let webhook = webhook(mint());
    let mut made = Vec::new();
    for minute in 0..4 {
        let failed = Delivery {
            status: DeliveryStatus::Failed,
            attempt_count: 10,
            next_attempt_at: None,
            created_at: later(minute),
            updated_at: later(99),
            ..delivery(&webhook)
        };
        insert_delivery(&ground, &failed).await;
        made.push(failed);
    }
    let done = Delivery { status: DeliveryStatus::Delivered, ..delivery(&webhook) };
    insert_delivery(&ground, &done).await;
    let mut unit = begin(&ground, START).await;
    let kept: Vec<_> = made.iter().skip(1).map(|delivery| event(webhook.account_id, delivery)).collect();
    unit.events().append(&kept).await.unwrap();
    unit.commit().await.unwrap();
    let requeue = async |which: Requeue| {
        let mut unit = begin(&ground, later(10)).await;
        let done = unit.webhooks().requeue(webhook.account_id, webhook.id, &which).await.unwrap();
        unit.commit().await.unwrap();
        (done.queued, done.skipped)
    };
    let which = Requeue { limit: 1, budget: 7, ..Requeue::default() };
    assert_eq!(requeue(Requeue { event_types: vec![catalogue::USER_DELETED], ..which.clone() }).await, (0, 0));
    assert_eq!(requeue(Requeue { before: Some(later(1)), ..which.clone() }).await, (0, 1));
    assert_eq!(requeue(which.clone()).await, (1, 0));
    let newest = find_delivery(&ground, &made[3]).await.unwrap();
    assert_eq!((newest.status, newest.attempt_count, newest.attempt_budget), (DeliveryStatus::Pending, 0, 7));
    assert_eq!((newest.next_attempt_at, newest.enqueued_at), (Some(later(10)), later(10)));
    assert!(newest.updated_at > later(99));
    assert_eq!(requeue(Requeue { limit: 100, ..which }).await, (2, 1));
    assert_eq!(find_delivery(&ground, &done).await.unwrap().status, DeliveryStatus::Delivered);
}
