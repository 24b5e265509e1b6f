//! Webhooks and their deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ground, START, begin, later, mint, race};
use crate::event::catalogue;
use crate::event::model::{Actor, ContextRecord, Event, Subject, Trigger};
use crate::id::{AccountId, WebhookId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest, TimeAndId};
use crate::seal::Sealed;
use crate::status::{Status, StatusNote};
use crate::webhook::model::{
    AuthKind, Circuit, Delivery, DeliveryStatus, OpenCircuit, SigningSecret, StoredSecret, Webhook, WebhookAuth,
    WebhookDetails, WebhookStatus,
};
use crate::webhook::repository::{DeliveryFilter, Requeue, Requeued, StatusFilter};

pub(super) fn webhook(account: AccountId) -> Webhook {
    Webhook {
        id: mint(),
        account_id: account,
        status: Status::initial(WebhookStatus::Active),
        details: WebhookDetails {
            name: Some("example.com".to_owned()),
            url: "https://example.com/hook".to_owned(),
            ..WebhookDetails::default()
        },
        auth: WebhookAuth { kind: AuthKind::None, bearer: None, signing: None },
        circuit: Circuit::CLOSED,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

fn secret(byte: u8) -> StoredSecret {
    StoredSecret { sealed: Sealed::from_bytes(vec![byte; 120]), hint: "...xyz789".to_owned() }
}

fn with_secrets(account: AccountId) -> Webhook {
    let signing = SigningSecret { current: secret(2), previous: Some((Sealed::from_bytes(vec![3; 120]), later(60))) };
    let auth = WebhookAuth { kind: AuthKind::BearerSignature, bearer: Some(secret(1)), signing: Some(signing) };
    Webhook { auth, ..webhook(account) }
}

pub(super) async fn insert(ground: &Ground, webhook: &Webhook) {
    let mut unit = begin(ground, START).await;
    unit.webhooks().insert(webhook).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, webhook: &Webhook) -> Option<Webhook> {
    ground.store().reads().webhooks().find(webhook.account_id, webhook.id).await.unwrap()
}

/// All that is known of a webhook; sealed values compare by nothing else.
fn shown(webhook: Option<&Webhook>) -> Option<String> {
    let stored = |secret: &StoredSecret| (secret.sealed.as_bytes().to_vec(), secret.hint.clone());
    webhook.map(|webhook| {
        let signing = webhook.auth.signing.as_ref().map(|signing| {
            let previous = signing.previous.as_ref().map(|(sealed, until)| (sealed.as_bytes().to_vec(), *until));
            (stored(&signing.current), previous)
        });
        format!("{webhook:?} {:?} {signing:?}", webhook.auth.bearer.as_ref().map(stored))
    })
}

fn delivery(webhook: &Webhook) -> Delivery {
    Delivery::new((webhook.account_id, webhook.id), mint(), (mint(), catalogue::USER_CREATED), 10, START)
}

async fn insert_delivery(ground: &Ground, delivery: &Delivery) {
    let mut unit = begin(ground, START).await;
    assert_eq!(unit.webhooks().insert_delivery(delivery).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
}

async fn find_delivery(ground: &Ground, delivery: &Delivery) -> Option<Delivery> {
    let (account, webhook, id) = (delivery.account_id, delivery.webhook_id, delivery.id);
    ground.store().reads().webhooks().delivery(account, webhook, id).await.unwrap()
}

fn told(delivery: Option<&Delivery>) -> Option<String> {
    let body = delivery.map(|delivery| delivery.body.as_ref().map(|body| body.as_bytes().to_vec()));
    delivery.map(|delivery| format!("{delivery:?} {body:?}"))
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let everything = json!({
        "name": "名".repeat(200),
        "description": "🦀".repeat(5000),
        "url": format!("https://example.com/{}", "a".repeat(2000)),
        "events": ["user.created", "user.deleted"],
        "subjects": [{ "issuer_id": mint::<crate::id::IssuerId>() }, { "domain": "example.com" }],
        "retry": { "max_attempts": 15, "initial_delay_seconds": 3600, "multiplier": 10, "max_delay_seconds": 86400,
            "timeout_seconds": 30 },
        "circuit_breaker": { "enabled": false, "failure_threshold": 100, "cooldown_seconds": 3600 },
    });
    let open = OpenCircuit { since: later(1), probe_at: later(2), probes: 3 };
    let full = Webhook {
        details: merged(&WebhookDetails::default(), everything.as_object().unwrap()).unwrap(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        status: Status::changed(
            WebhookStatus::Failing,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        circuit: Circuit { failures: 12, open: Some(open) },
        ..with_secrets(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(shown(find(&ground, &full).await.as_ref()), shown(Some(&full)));
    let plain = Webhook { id: full.id, circuit: full.circuit, updated_at: later(2), ..webhook(full.account_id) };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.webhooks().update(&plain, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(shown(find(&ground, &full).await.as_ref()), shown(Some(&plain)), "the circuit stays");
    let closed = Webhook { circuit: Circuit::CLOSED, ..plain };
    let mut unit = begin(&ground, later(3)).await;
    assert_eq!(unit.webhooks().set_circuit(&closed).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(shown(find(&ground, &full).await.as_ref()), shown(Some(&closed)), "the version stays");
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let ours = with_secrets(mint());
    let sent = delivery(&ours);
    insert(&ground, &ours).await;
    insert_delivery(&ground, &sent).await;
    let stranger: AccountId = mint();
    let theirs = Webhook { account_id: stranger, updated_at: later(1), ..ours.clone() };
    let stolen = Delivery { account_id: stranger, updated_at: later(1), ..sent.clone() };
    assert!(find(&ground, &theirs).await.is_none());
    assert!(find_delivery(&ground, &stolen).await.is_none());
    let store = ground.store();
    let reads = store.reads().webhooks();
    let (pages, sends) =
        (PageRequest { limit: Limit::default(), after: None }, PageRequest { limit: Limit::default(), after: None });
    assert!(reads.list(stranger, None, &pages).await.unwrap().items.is_empty());
    assert_eq!(reads.count(stranger).await.unwrap(), 0);
    assert!(reads.deliveries(stranger, ours.id, &DeliveryFilter::default(), &sends).await.unwrap().items.is_empty());
    let mut unit = begin(&ground, later(1)).await;
    let webhooks = unit.webhooks();
    assert_eq!(webhooks.update(&theirs, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.set_circuit(&Webhook { updated_at: START, ..theirs }).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.delete(stranger, ours.id, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.update_delivery(&stolen, START).await.unwrap(), WriteOutcome::Stale);
    let which = Requeue { limit: 10, budget: 1, ..Requeue::default() };
    assert_eq!(webhooks.requeue(stranger, ours.id, &which).await.unwrap(), Requeued::default());
    assert_eq!(webhooks.hasten(stranger, ours.id, 10).await.unwrap(), 0);
    assert_eq!(webhooks.delete_of_account(stranger).await.unwrap(), 0);
    assert_eq!(webhooks.remove_of_account(stranger, 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(shown(find(&ground, &ours).await.as_ref()), shown(Some(&ours)));
    assert_eq!(told(find_delivery(&ground, &sent).await.as_ref()), told(Some(&sent)));
}

pub async fn a_stale_version_changes_nothing(ground: Ground) {
    let made = webhook(mint());
    let sent = delivery(&made);
    insert(&ground, &made).await;
    insert_delivery(&ground, &sent).await;
    let mut unit = begin(&ground, later(2)).await;
    let webhooks = unit.webhooks();
    let changed = Webhook { updated_at: later(2), ..made.clone() };
    assert_eq!(webhooks.update(&changed, later(1)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.set_circuit(&changed).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.delete(made.account_id, made.id, later(1)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(webhooks.update_delivery(&sent, later(1)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(shown(find(&ground, &made).await.as_ref()), shown(Some(&made)));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = webhook(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let after = Webhook { updated_at: later(1), ..before.clone() };
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.webhooks().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_deleted_webhook_loses_its_secrets_and_is_listed_by_its_status_alone(ground: Ground) {
    let gone = with_secrets(mint());
    insert(&ground, &gone).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.webhooks().delete(gone.account_id, gone.id, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(find(&ground, &gone).await.is_none());
    let store = ground.store();
    let reads = store.reads().webhooks();
    assert_eq!(reads.count(gone.account_id).await.unwrap(), 0);
    let page = PageRequest { limit: Limit::default(), after: None };
    assert!(reads.list(gone.account_id, None, &page).await.unwrap().items.is_empty());
    let listed = reads.list(gone.account_id, Some(StatusFilter::Deleted), &page).await.unwrap().items;
    let [listing] = listed.as_slice() else { panic!("{listed:?}") };
    assert!(listing.deleted && listing.webhook.auth.bearer.is_none() && listing.webhook.auth.signing.is_none());
    assert_eq!(listing.webhook.auth.kind, AuthKind::BearerSignature);
    let mut unit = begin(&ground, later(2)).await;
    let late = Webhook { updated_at: later(2), ..gone.clone() };
    assert_eq!(unit.webhooks().update(&late, listing.webhook.updated_at).await.unwrap(), WriteOutcome::Stale);
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let account: AccountId = mint();
    let mut made = Vec::new();
    for number in 0..6 {
        let value = if number % 2 == 0 { WebhookStatus::Active } else { WebhookStatus::Disabled };
        let webhook = Webhook { status: Status::initial(value), ..webhook(account) };
        insert(&ground, &webhook).await;
        made.insert(0, webhook.id);
    }
    let store = ground.store();
    let reads = store.reads().webhooks();
    let page = |after| PageRequest { limit: Limit::new(2).unwrap(), after };
    let mut seen: Vec<WebhookId> = Vec::new();
    loop {
        let found = reads.list(account, None, &page(seen.last().copied())).await.unwrap();
        seen.extend(found.items.iter().map(|listing| listing.webhook.id));
        insert(&ground, &webhook(account)).await;
        if !found.has_more {
            break;
        }
    }
    assert_eq!(seen, made);
    let disabled = Some(StatusFilter::Is(WebhookStatus::Disabled));
    let all = PageRequest { limit: Limit::default(), after: None };
    assert_eq!(reads.list(account, disabled, &all).await.unwrap().items.len(), 3);
}

pub async fn a_delivery_comes_back_as_it_was_written(ground: Ground) {
    let webhook = webhook(mint());
    let made = Delivery { body: Some(Sealed::from_bytes(vec![7; 200_000])), ..delivery(&webhook) };
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
        body: None,
        enqueued_at: later(1),
        updated_at: later(5),
        ..made.clone()
    };
    let mut unit = begin(&ground, later(5)).await;
    assert_eq!(unit.webhooks().update_delivery(&tried, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(told(find_delivery(&ground, &made).await.as_ref()), told(Some(&tried)));
}

pub async fn of_parallel_deliveries_of_one_event_one_is_made(ground: Ground) {
    let webhook = webhook(mint());
    let first = delivery(&webhook);
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let same_event = Delivery { id: mint(), ..first.clone() };
        async move {
            let mut unit = begin(&ground, START).await;
            if unit.webhooks().insert_delivery(&same_event).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
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

pub async fn waiting_deliveries_are_hastened_and_those_of_a_deleted_webhook_cancelled(ground: Ground) {
    let webhook = with_secrets(mint());
    insert(&ground, &webhook).await;
    let made = [DeliveryStatus::Pending, DeliveryStatus::Retrying, DeliveryStatus::Delivered].map(|status| {
        let next_attempt_at = if status.is_final() { None } else { Some(later(50)) };
        Delivery { status, next_attempt_at, body: Some(Sealed::from_bytes(vec![1])), ..delivery(&webhook) }
    });
    for delivery in &made {
        insert_delivery(&ground, delivery).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.webhooks().hasten(webhook.account_id, webhook.id, 1).await.unwrap(), 1);
    assert_eq!(unit.webhooks().hasten(webhook.account_id, webhook.id, 10).await.unwrap(), 1);
    assert_eq!(unit.webhooks().hasten(webhook.account_id, webhook.id, 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find_delivery(&ground, &made[0]).await.unwrap().next_attempt_at, Some(later(1)));
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.webhooks().delete(webhook.account_id, webhook.id, START).await.unwrap(), WriteOutcome::Done);
    while unit.webhooks().cancel_orphans(1).await.unwrap() > 0 {}
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
