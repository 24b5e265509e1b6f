//! Deliveries as those who send them see them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{delivery, find_delivery, insert, webhook};
use crate::id::WebhookId;
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;
use crate::status::Status;
use crate::store::UnitOfWork;
use crate::store::contract::{Ground, RACERS, START, begin, later, mint, race};
use crate::timestamp::Timestamp;
use crate::webhook::model::{
    Circuit, Delivery, DeliveryStatus, EXPIRED, KeptBody, OpenCircuit, Webhook, WebhookStatus,
};
use crate::webhook::repository::Due;

const TIMEOUT: Duration = Duration::from_secs(15);

async fn enqueue(ground: &Ground, deliveries: &[Delivery]) {
    let mut unit = begin(ground, START).await;
    unit.deliveries().enqueue(deliveries).await.unwrap();
    unit.commit().await.unwrap();
}

fn ids(deliveries: &[Delivery]) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

async fn awake(ground: &Ground, now: Timestamp, busy: &[WebhookId], limit: u32) -> Vec<WebhookId> {
    let mut unit = begin(ground, now).await;
    let found = unit.deliveries().awake(busy, limit).await.unwrap();
    // A dropped unit lets go of its rows a moment later, a finished one at once.
    unit.commit().await.unwrap();
    found.iter().map(|webhook| webhook.id).collect()
}

async fn rest(ground: &Ground, webhook: &Webhook, until: Option<Timestamp>) {
    let mut unit = begin(ground, START).await;
    unit.deliveries().rest(&[(webhook, until)]).await.unwrap();
    unit.commit().await.unwrap();
}

async fn wake(ground: &Ground, webhook: &Webhook, at: Timestamp) {
    let mut unit = begin(ground, START).await;
    unit.deliveries().wake(&[webhook.id], at).await.unwrap();
    unit.commit().await.unwrap();
}

pub async fn what_is_enqueued_wakes_its_webhook_and_is_due_in_the_order_of_its_events(ground: Ground) {
    let (mine, other) = (webhook(mint()), webhook(mint()));
    for webhook in [&mine, &other] {
        insert(&ground, webhook).await;
    }
    assert!(awake(&ground, START, &[], 10).await.is_empty(), "there is nothing to do");
    let mut made: Vec<Delivery> = (0..3).map(|_| delivery(&mine)).collect();
    made.sort_by_key(|delivery| std::cmp::Reverse(delivery.event_id));
    enqueue(&ground, &made).await;
    made.reverse();
    assert_eq!(awake(&ground, START, &[], 10).await, [mine.id]);
    let mut unit = begin(&ground, START).await;
    let foreign = Webhook { account_id: other.account_id, ..mine.clone() };
    assert!(due_of(unit.as_mut(), &foreign, 10).await.deliveries.is_empty(), "of another account");
    let due = unit.deliveries().due(&[(&other, 10), (&mine, 10)]).await.unwrap();
    assert_eq!(due.iter().map(|due| ids(&due.deliveries)).collect::<Vec<_>>(), [vec![], ids(&made)]);
    assert!(due.iter().all(|due| due.next.is_none()), "all are due already");
    let first = due_of(unit.as_mut(), &mine, 2).await;
    assert_eq!((ids(&first.deliveries), first.next), (ids(&made[..2]), Some(START)));
    assert!(unit.deliveries().due(&[]).await.unwrap().is_empty());
    unit.commit().await.unwrap();
    let mut unit = begin(&ground, START.minus(Duration::from_millis(1))).await;
    let later = due_of(unit.as_mut(), &mine, 10).await;
    assert_eq!((later.deliveries.len(), later.next), (0, Some(START)));
}

async fn due_of(unit: &mut dyn UnitOfWork, webhook: &Webhook, limit: u32) -> Due {
    unit.deliveries().due(&[(webhook, limit)]).await.unwrap().remove(0)
}

pub async fn an_event_is_enqueued_once_for_a_webhook(ground: Ground) {
    let (mine, other) = (webhook(mint()), webhook(mint()));
    for webhook in [&mine, &other] {
        insert(&ground, webhook).await;
    }
    let first = delivery(&mine);
    enqueue(&ground, std::slice::from_ref(&first)).await;
    let again = Delivery { id: mint(), ..first.clone() };
    let elsewhere = Delivery { id: mint(), webhook_id: other.id, account_id: other.account_id, ..first.clone() };
    enqueue(&ground, &[again.clone(), elsewhere.clone()]).await;
    assert!(find_delivery(&ground, &first).await.is_some() && find_delivery(&ground, &elsewhere).await.is_some());
    assert!(find_delivery(&ground, &again).await.is_none());
}

pub async fn a_webhook_is_looked_at_from_the_earliest_time_that_it_was_woken_for(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    wake(&ground, &mine, later(5)).await;
    wake(&ground, &mine, later(9)).await;
    assert!(awake(&ground, later(4), &[], 10).await.is_empty());
    assert_eq!(awake(&ground, later(5), &[], 10).await, [mine.id]);
    rest(&ground, &mine, Some(later(7))).await;
    assert!(awake(&ground, later(6), &[], 10).await.is_empty());
    rest(&ground, &mine, None).await;
    assert!(awake(&ground, later(100), &[], 10).await.is_empty());
    wake(&ground, &mine, later(100)).await;
    assert_eq!(awake(&ground, later(100), &[], 10).await, [mine.id]);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.webhooks().delete(mine.account_id, mine.id, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    wake(&ground, &mine, START).await;
    assert!(awake(&ground, later(100), &[], 10).await.is_empty(), "it is deleted");
}

pub async fn those_who_waited_longest_are_looked_at_first_and_busy_ones_not_at_all(ground: Ground) {
    let webhooks: Vec<Webhook> = (0..4).map(|_| webhook(mint())).collect();
    for (webhook, minute) in webhooks.iter().zip([3, 1, 2, 0]) {
        insert(&ground, webhook).await;
        wake(&ground, webhook, later(minute)).await;
    }
    let ids = |numbers: &[usize]| numbers.iter().map(|number| webhooks[*number].id).collect::<Vec<_>>();
    assert_eq!(awake(&ground, later(9), &[], 10).await, ids(&[3, 1, 2, 0]));
    assert_eq!(awake(&ground, later(9), &[], 2).await, ids(&[3, 1]));
    assert_eq!(awake(&ground, later(9), &ids(&[1, 3]), 2).await, ids(&[2, 0]));
}

/// Reserves what is due; as workers do.
async fn reserve(unit: &mut dyn UnitOfWork, webhook: &Webhook, limit: u32) -> Vec<Delivery> {
    let now = unit.now();
    let due = due_of(unit, webhook, limit).await.deliveries;
    let writes: Vec<_> =
        due.into_iter().map(|delivery| (delivery.clone().leased(TIMEOUT, now), delivery.updated_at)).collect();
    assert_eq!(unit.deliveries().write(&writes).await.unwrap(), 0);
    writes.into_iter().map(|(delivery, _)| delivery).collect()
}

pub async fn deliveries_are_written_together_and_each_only_from_its_version(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    let made: Vec<Delivery> =
        (0..3).map(|_| Delivery { body: KeptBody::Here(Sealed::from_bytes(vec![9])), ..delivery(&mine) }).collect();
    enqueue(&ground, &made).await;
    let mut unit = begin(&ground, later(1)).await;
    let reserved = reserve(unit.as_mut(), &mine, 10).await;
    unit.commit().await.unwrap();
    let found = find_delivery(&ground, &reserved[0]).await.unwrap();
    assert_eq!((found.leased_until, found.updated_at), (Some(later(1).plus(TIMEOUT * 3)), later(1)));
    assert!(!found.body.is_none(), "it is kept for the attempt");
    let mut unit = begin(&ground, later(1)).await;
    let due = due_of(unit.as_mut(), &mine, 10).await;
    assert_eq!((due.deliveries.len(), due.next), (0, found.leased_until), "all are reserved");
    // Somebody else has changed the second meanwhile.
    let taken = reserved[1].clone().released(later(2));
    assert_eq!(unit.deliveries().write(&[(taken.clone(), later(1))]).await.unwrap(), 0);
    let done: Vec<_> = reserved
        .iter()
        .map(|delivery| {
            let ended = Delivery {
                status: DeliveryStatus::Delivered,
                next_attempt_at: None,
                body: KeptBody::None,
                ..delivery.clone()
            };
            (Delivery { leased_until: None, updated_at: later(2), ..ended }, delivery.updated_at)
        })
        .collect();
    assert_eq!(unit.deliveries().write(&done).await.unwrap(), 1);
    unit.commit().await.unwrap();
    for (index, delivery) in made.iter().enumerate() {
        let found = find_delivery(&ground, delivery).await.unwrap();
        let is_done = (found.status == DeliveryStatus::Delivered, found.body.is_none());
        assert_eq!(is_done, (index != 1, index != 1), "{index}");
    }
}

pub async fn what_is_due_brings_its_body_unless_that_is_large(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    let small = KeptBody::SMALL as usize;
    let of = |length: usize| Delivery { body: KeptBody::Here(Sealed::from_bytes(vec![9; length])), ..delivery(&mine) };
    let made = [of(small), of(small + 1), delivery(&mine)];
    enqueue(&ground, &made).await;
    let mut unit = begin(&ground, later(1)).await;
    let due = due_of(unit.as_mut(), &mine, 10).await.deliveries;
    let bodies: Vec<_> = due.iter().map(|delivery| delivery.body.sealed().map(|body| body.as_bytes().len())).collect();
    assert_eq!(bodies, [Some(small), None, None]);
    assert_eq!(due.iter().map(|delivery| delivery.body.is_none()).collect::<Vec<_>>(), [false, false, true]);
    let leased: Vec<_> =
        due.into_iter().map(|delivery| (delivery.clone().leased(TIMEOUT, later(1)), delivery.updated_at)).collect();
    assert_eq!(unit.deliveries().write(&leased).await.unwrap(), 0);
    unit.commit().await.unwrap();
    let kept = find_delivery(&ground, &made[1]).await.unwrap().body;
    assert_eq!(kept.sealed().unwrap().as_bytes().len(), small + 1, "it stays where it is");
}

pub async fn of_parallel_workers_each_delivery_meets_one(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    let made: Vec<Delivery> = (0..RACERS * 2).map(|_| delivery(&mine)).collect();
    enqueue(&ground, &made).await;
    let met = Arc::new(Mutex::new(Vec::new()));
    let (seen, shared) = (Arc::clone(&met), Arc::clone(&ground));
    race(&ground, move |_| {
        let (seen, ground) = (Arc::clone(&seen), Arc::clone(&shared));
        async move {
            // Whoever finds the webhook taken comes back; it is left awake.
            for _ in 0..1_000 {
                let mut unit = begin(&ground, START).await;
                let found = unit.deliveries().awake(&[], 1).await.unwrap();
                let mut taken = Vec::new();
                if let Some(webhook) = found.first() {
                    taken = reserve(unit.as_mut(), webhook, 2).await;
                }
                unit.commit().await.unwrap();
                if !taken.is_empty() {
                    seen.lock().unwrap().extend(taken.into_iter().map(|delivery| delivery.id));
                    return;
                }
            }
        }
    })
    .await;
    let met = met.lock().unwrap().clone();
    assert_eq!(met.len(), made.len());
    assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), made.iter().map(|delivery| delivery.id).collect());
}

pub async fn what_is_overdue_is_given_up_where_nobody_attempts_it(ground: Ground) {
    let statuses = [WebhookStatus::Active, WebhookStatus::Disabled, WebhookStatus::Failing];
    let webhooks = statuses.map(|status| Webhook { status: Status::initial(status), ..webhook(mint()) });
    let mut made = Vec::new();
    for webhook in &webhooks {
        insert(&ground, webhook).await;
        let old = Delivery { body: KeptBody::Here(Sealed::from_bytes(vec![1])), ..delivery(webhook) };
        let anew = Delivery { enqueued_at: later(5), ..delivery(webhook) };
        let done = Delivery { status: DeliveryStatus::Delivered, next_attempt_at: None, ..delivery(webhook) };
        enqueue(&ground, &[old.clone(), anew.clone(), done.clone()]).await;
        made.push([old, anew, done]);
    }
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.deliveries().expire(None, START, 10).await.unwrap(), 0);
    assert_eq!(unit.deliveries().expire(None, later(1), 1).await.unwrap(), 1);
    assert_eq!(unit.deliveries().expire(None, later(1), 10).await.unwrap(), 1);
    assert_eq!(unit.deliveries().expire(None, later(1), 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    let given_up = async || {
        let mut given_up = Vec::new();
        for (webhook, made) in webhooks.iter().zip(&made) {
            let old = find_delivery(&ground, &made[0]).await.unwrap();
            if old.status == DeliveryStatus::Failed {
                assert_eq!(old.last_error.as_deref(), Some(EXPIRED));
                assert!(old.body.is_none() && old.next_attempt_at.is_none());
                given_up.push(webhook.status.value);
            }
            assert_eq!(find_delivery(&ground, &made[1]).await.unwrap().status, DeliveryStatus::Pending);
            assert_eq!(find_delivery(&ground, &made[2]).await.unwrap().status, DeliveryStatus::Delivered);
        }
        given_up
    };
    assert_eq!(given_up().await, [WebhookStatus::Disabled, WebhookStatus::Failing]);
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.deliveries().expire(Some(&[mint()]), later(1), 10).await.unwrap(), 0);
    assert_eq!(unit.deliveries().expire(Some(&[webhooks[0].id]), later(1), 10).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert_eq!(given_up().await.len(), 3);
}

pub async fn a_body_is_kept_from_the_first_attempt_on(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    let made = delivery(&mine);
    enqueue(&ground, std::slice::from_ref(&made)).await;
    let mut unit = begin(&ground, START).await;
    let overtaken = Delivery { updated_at: later(1), ..made.clone() };
    for (delivery, byte, outcome) in
        [(&overtaken, 0, WriteOutcome::Stale), (&made, 1, WriteOutcome::Done), (&made, 2, WriteOutcome::Stale)]
    {
        let kept = unit.deliveries().keep_body(delivery, &Sealed::from_bytes(vec![byte])).await.unwrap();
        assert_eq!(kept, outcome);
    }
    unit.commit().await.unwrap();
    let body = find_delivery(&ground, &made).await.unwrap().body;
    assert_eq!(body.sealed().unwrap().as_bytes(), [1], "the first one stays");
}

pub async fn the_webhooks_of_accounts_are_those_that_are_not_deleted(ground: Ground) {
    let open = OpenCircuit { since: START, probe_at: later(5), probes: 0 };
    let circuit = Circuit { failures: 10, open: Some(open) };
    let failing = Webhook { status: Status::initial(WebhookStatus::Failing), circuit, ..webhook(mint()) };
    let (mine, gone) = (webhook(failing.account_id), webhook(failing.account_id));
    let other = webhook(mint());
    for webhook in [&failing, &mine, &gone, &other] {
        insert(&ground, webhook).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.webhooks().delete(gone.account_id, gone.id, START).await.unwrap(), WriteOutcome::Done);
    let locked = unit.deliveries().lock(&[gone.id, mine.id]).await.unwrap().webhooks;
    assert_eq!(locked.iter().map(|webhook| webhook.id).collect::<Vec<_>>(), [mine.id]);
    unit.commit().await.unwrap();
    let store = ground.store();
    let found = store.reads().webhooks().of_accounts(&[failing.account_id]).await.unwrap();
    assert!(found.unreadable.is_empty());
    let found = found.webhooks;
    let mut expected = [failing.id, mine.id];
    expected.sort_unstable();
    assert_eq!(found.iter().map(|webhook| webhook.id).collect::<Vec<_>>(), expected);
    assert!(found.iter().any(|webhook| webhook.circuit == circuit));
    assert_eq!(store.reads().webhooks().count_failing().await.unwrap(), 1);
    assert_eq!(store.reads().webhooks().due_since().await.unwrap(), None);
    let mut unit = begin(&ground, later(2)).await;
    unit.deliveries().wake(&[other.id], later(9)).await.unwrap();
    unit.deliveries().wake(&[mine.id], later(7)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.reads().webhooks().due_since().await.unwrap(), Some(later(7)));
    assert!(store.reads().webhooks().of_accounts(&[]).await.unwrap().webhooks.is_empty());
}

pub async fn work_that_is_added_while_somebody_looks_is_seen_afterwards(ground: Ground) {
    let mine = webhook(mint());
    insert(&ground, &mine).await;
    for _ in 0..20 {
        let made = delivery(&mine);
        let (shared, added) = (Arc::clone(&ground), made.clone());
        let adding = ground.spawn(Box::pin(async move { enqueue(&shared, &[added]).await }));
        let (shared, looked_at) = (Arc::clone(&ground), mine.clone());
        let looking = ground.spawn(Box::pin(async move {
            let mut unit = begin(&shared, START).await;
            unit.deliveries().awake(&[], 1).await.unwrap();
            unit.deliveries().lock(&[looked_at.id]).await.unwrap();
            if due_of(unit.as_mut(), &looked_at, 10).await.deliveries.is_empty() {
                unit.deliveries().rest(&[(&looked_at, None)]).await.unwrap();
            }
            unit.commit().await.unwrap();
        }));
        futures_util::future::join(adding, looking).await;
        assert_eq!(awake(&ground, START, &[], 10).await, [mine.id], "the delivery is due");
        let mut unit = begin(&ground, START).await;
        let due = due_of(unit.as_mut(), &mine, 10).await.deliveries;
        let done: Vec<_> = due
            .into_iter()
            .map(|one| {
                (Delivery { status: DeliveryStatus::Delivered, next_attempt_at: None, ..one.clone() }, one.updated_at)
            })
            .collect();
        assert_eq!(unit.deliveries().write(&done).await.unwrap(), 0);
        unit.deliveries().rest(&[(&mine, None)]).await.unwrap();
        unit.commit().await.unwrap();
    }
}
