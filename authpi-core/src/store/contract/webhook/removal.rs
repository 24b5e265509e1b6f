//! What is removed when its time is over, or its account.

use super::{delivery, find, find_delivery, insert, insert_delivery, shown, webhook, with_secrets};
use crate::id::AccountId;
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest};
use crate::seal::Sealed;
use crate::store::UnitOfWork;
use crate::store::contract::{Ground, START, begin, later, mint};
use crate::webhook::model::{Delivery, DeliveryStatus, KeptBody};
use crate::webhook::repository::StatusFilter;

pub async fn waiting_deliveries_are_hastened_and_those_of_a_deleted_webhook_cancelled(ground: Ground) {
    let webhook = with_secrets(mint());
    insert(&ground, &webhook).await;
    let made = [DeliveryStatus::Pending, DeliveryStatus::Retrying, DeliveryStatus::Delivered].map(|status| {
        let next_attempt_at = if status.is_final() { None } else { Some(later(50)) };
        Delivery { status, next_attempt_at, body: KeptBody::Here(Sealed::from_bytes(vec![1])), ..delivery(&webhook) }
    });
    for delivery in &made {
        insert_delivery(&ground, delivery).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    unit.webhooks().hasten(webhook.account_id, webhook.id, 1).await.unwrap();
    let waiting = async |unit: &mut dyn UnitOfWork| {
        let due = unit.deliveries().due(&[(&webhook, 10)]).await.unwrap().remove(0);
        (due.deliveries.len(), due.next)
    };
    assert_eq!(waiting(unit.as_mut()).await, (1, Some(later(50))), "one was left");
    while unit.webhooks().hasten_on(1).await.unwrap() > 0 {}
    assert_eq!(waiting(unit.as_mut()).await, (2, None));
    assert_eq!(unit.deliveries().awake(&[], 10).await.unwrap().len(), 1);
    unit.commit().await.unwrap();
    for delivery in &made[..2] {
        let hastened = find_delivery(&ground, delivery).await.unwrap();
        assert_eq!((hastened.next_attempt_at, hastened.updated_at), (Some(later(1)), later(1)));
    }
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.webhooks().delete(webhook.account_id, webhook.id, START).await.unwrap(), WriteOutcome::Done);
    while unit.webhooks().cancel_orphans(1).await.unwrap().is_some() {}
    unit.commit().await.unwrap();
    let mut statuses = Vec::new();
    for delivery in &made {
        let after = find_delivery(&ground, delivery).await.unwrap();
        assert_eq!(after.body.is_none(), after.status == DeliveryStatus::Cancelled);
        statuses.push((after.status, after.next_attempt_at));
    }
    let cancelled = (DeliveryStatus::Cancelled, None);
    assert_eq!(statuses, [cancelled, cancelled, (DeliveryStatus::Delivered, None)]);
}

pub async fn what_has_failed_since_its_webhook_was_activated_waits_for_its_time(ground: Ground) {
    let webhook = webhook(mint());
    insert(&ground, &webhook).await;
    let retrying = |attempted: u64, due: u64| Delivery {
        status: DeliveryStatus::Retrying,
        last_attempted_at: Some(later(attempted)),
        next_attempt_at: Some(later(due)),
        ..delivery(&webhook)
    };
    // One was attempted before the activation, one is attempted between the two steps.
    let (first, second, again) = (retrying(0, 40), retrying(0, 50), retrying(2, 30));
    for delivery in [&first, &second, &again] {
        insert_delivery(&ground, delivery).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    unit.webhooks().hasten(webhook.account_id, webhook.id, 1).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = begin(&ground, later(3)).await;
    while unit.webhooks().hasten_on(1).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    let mut next = Vec::new();
    for delivery in [&first, &second, &again] {
        next.push(find_delivery(&ground, delivery).await.unwrap().next_attempt_at);
    }
    assert_eq!(next, [Some(later(1)), Some(later(3)), Some(later(30))]);
}

pub async fn previous_signing_secrets_are_erased_when_their_time_is_over(ground: Ground) {
    let (mine, other) = (with_secrets(mint()), with_secrets(mint()));
    for webhook in [&mine, &other] {
        insert(&ground, webhook).await;
    }
    let erase = async |minute| {
        let mut unit = begin(&ground, later(minute)).await;
        let erased = unit.webhooks().erase_previous_secrets(1).await.unwrap();
        unit.commit().await.unwrap();
        erased
    };
    assert_eq!(erase(59).await, 0);
    assert_eq!((erase(60).await, erase(60).await, erase(60).await), (1, 1, 0));
    let mut expected = mine.clone();
    expected.auth.signing.as_mut().unwrap().previous = None;
    assert_eq!(shown(find(&ground, &mine).await.as_ref()), shown(Some(&expected)), "nothing else has changed");
}

pub async fn what_was_kept_long_enough_goes_in_batches(ground: Ground) {
    let (old, live) = (webhook(mint()), webhook(mint()));
    for webhook in [&old, &live] {
        insert(&ground, webhook).await;
    }
    let (gone, kept) = (delivery(&live), Delivery { created_at: later(5), ..delivery(&live) });
    let orphan = Delivery { created_at: later(5), ..delivery(&old) };
    for delivery in [&gone, &kept, &orphan] {
        insert_delivery(&ground, delivery).await;
    }
    let mut unit = begin(&ground, later(6)).await;
    assert_eq!(unit.webhooks().delete(old.account_id, old.id, START).await.unwrap(), WriteOutcome::Done);
    while unit.webhooks().purge_deliveries(later(1), 100).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    assert!(find_delivery(&ground, &gone).await.is_none() && find_delivery(&ground, &kept).await.is_some());
    let deleted = async || {
        let page = PageRequest { limit: Limit::default(), after: None };
        let store = ground.store();
        store.reads().webhooks().list(old.account_id, Some(StatusFilter::Deleted), &page).await.unwrap().items.len()
    };
    let mut unit = begin(&ground, later(7)).await;
    while unit.webhooks().purge_deleted(later(6), 100).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    assert_eq!(deleted().await, 1, "deleted a moment ago");
    let mut unit = begin(&ground, later(7)).await;
    while unit.webhooks().purge_deleted(later(7), 100).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    assert_eq!(deleted().await, 0);
    assert!(find_delivery(&ground, &orphan).await.is_none());
    assert!(find(&ground, &live).await.is_some());
}

pub async fn the_webhooks_of_a_closed_account_stop_and_are_removed(ground: Ground) {
    let account: AccountId = mint();
    let (one, two, other) = (with_secrets(account), webhook(account), with_secrets(mint()));
    for webhook in [&one, &two, &other] {
        insert(&ground, webhook).await;
    }
    let sent = delivery(&one);
    insert_delivery(&ground, &sent).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.webhooks().remove_of_account(account, 100).await.unwrap(), 0, "not closed");
    assert_eq!(unit.webhooks().delete_of_account(account).await.unwrap(), 2);
    assert_eq!(unit.webhooks().delete_of_account(account).await.unwrap(), 0);
    while unit.webhooks().remove_of_account(account, 1).await.unwrap() > 0 {}
    unit.commit().await.unwrap();
    assert!(find(&ground, &one).await.is_none() && find_delivery(&ground, &sent).await.is_none());
    assert_eq!(shown(find(&ground, &other).await.as_ref()), shown(Some(&other)));
}
