//! What is known of one webhook.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{delivery, find, find_delivery, insert, insert_delivery, shown, told, webhook, with_secrets};
use crate::id::{AccountId, WebhookId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest};
use crate::status::{Status, StatusNote};
use crate::store::contract::{Ground, START, begin, later, mint, race};
use crate::webhook::model::{AuthKind, Circuit, Delivery, OpenCircuit, Webhook, WebhookDetails, WebhookStatus};
use crate::webhook::repository::{DeliveryFilter, Requeue, Requeued, StatusFilter};

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
        events_after: Some(mint()),
        silent: Some((later(1), later(2))),
        ..with_secrets(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(shown(find(&ground, &full).await.as_ref()), shown(Some(&full)));
    let (id, circuit, events_after) = (full.id, full.circuit, full.events_after);
    let plain = Webhook { id, circuit, events_after, updated_at: later(2), ..webhook(full.account_id) };
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
    let which = Requeue { limit: 10, budget: 1, ..Requeue::default() };
    assert_eq!(webhooks.requeue(stranger, ours.id, &which).await.unwrap(), Requeued::default());
    webhooks.hasten(stranger, ours.id, 10).await.unwrap();
    assert_eq!(webhooks.delete_of_account(stranger).await.unwrap(), 0);
    assert_eq!(webhooks.remove_of_account(stranger, 10).await.unwrap(), 0);
    assert_eq!(unit.deliveries().write(&[(stolen, START)]).await.unwrap(), 1, "one was not written");
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
    assert_eq!(unit.deliveries().write(&[(sent.clone(), later(1))]).await.unwrap(), 1, "one was not written");
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
