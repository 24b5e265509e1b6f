//! Putting events on their way to webhooks (events-webhooks §13, design 2): deliveries are made in the unit of work that
//! takes their event from the outbox. The body is fixed here, so that every attempt sends the same bytes.

use std::collections::HashSet;
use std::time::Duration;

use super::round::Round;
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::event::model::Event;
use crate::event::repository::Consumer;
use crate::id::{AccountId, EventId, IssuerId, WebhookId};
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, Webhook, body_seal};
use crate::webhook::request::Shown;

/// How often events are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Events of one unit of work.
const BATCH: u32 = 200;

/// Puts the next events on their way. One that cannot be is passed over, and tried again later.
pub(super) async fn fan_out(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut passed = state.fan_out_passed.lock().await;
    let after = passed.after(services.now());
    let events = services.store.reads().events().waiting(Consumer::Webhooks, after, BATCH).await?;
    let Some(last) = events.last().map(|event| event.id) else {
        passed.through();
        return Ok(Next::In(LOOK_EVERY));
    };
    let full = events.len() >= BATCH as usize;
    let mut round = Round::of("fan-out");
    let made = enqueue(services, events, &mut round).await?;
    if round.has_failed() {
        passed.over(last, services.now());
        return Ok(Next::GoOn);
    }
    if made > 0 {
        services.bells.deliveries.ring();
    }
    Ok(if full { Next::Now } else { Next::In(LOOK_EVERY) })
}

/// Makes the deliveries of these events; how many.
async fn enqueue(services: &Services, events: Vec<Event>, round: &mut Round) -> Result<usize, Refusal> {
    let mut accounts: Vec<AccountId> = events.iter().map(|event| event.subject.account_id).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let webhooks = services.store.reads().webhooks().of_accounts(&accounts).await?;
    let mut wanted = Vec::new();
    let mut done = Vec::new();
    let mut closed: HashSet<IssuerId> = HashSet::new();
    for event in events {
        let (id, root) = (event.id, event.context.sealed.as_ref().map(|sealed| sealed.root));
        if !webhooks.iter().any(|webhook| receives(webhook, &event)) {
            done.push(id);
            continue;
        }
        // A vault that is far away is asked outside the unit of work, and for a key that it does not give, once.
        let shown = if root.is_some_and(|root| closed.contains(&root)) {
            Err(Refusal::Overloaded("a root key that the vault did not give"))
        } else {
            Shown::of(services, event).await
        };
        if shown.is_err() {
            closed.extend(root);
        }
        if let Some(shown) = round.outcome(id, shown.map(Some))? {
            wanted.push(shown);
            done.push(id);
        }
    }
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let taken: HashSet<EventId> = unit.events().take(Consumer::Webhooks, &done).await?.into_iter().collect();
    if taken.is_empty() {
        return Ok(0);
    }
    // As they are now: one that was deleted meanwhile gets nothing.
    let ids: Vec<WebhookId> = webhooks.iter().map(|webhook| webhook.id).collect();
    let webhooks = if wanted.is_empty() { Vec::new() } else { unit.deliveries().lock(&ids).await? };
    let mut deliveries = Vec::new();
    for shown in wanted.iter().filter(|shown| taken.contains(&shown.event().id)) {
        for webhook in webhooks.iter().filter(|webhook| receives(webhook, shown.event())) {
            deliveries.push(delivery(services, webhook, shown, now)?);
        }
    }
    if !deliveries.is_empty() {
        unit.deliveries().enqueue(&deliveries).await?;
    }
    let taken: Vec<EventId> = taken.into_iter().collect();
    unit.events().outbox_done(Consumer::Webhooks, &taken).await?;
    unit.commit().await?;
    metrics::counter!("authpi_webhook_deliveries_total").increment(deliveries.len() as u64);
    Ok(deliveries.len())
}

fn receives(webhook: &Webhook, event: &Event) -> bool {
    let subject = &event.subject;
    webhook.account_id == subject.account_id && webhook.receives(event.id, event.kind, subject, event.timestamp)
}

fn delivery(services: &Services, webhook: &Webhook, shown: &Shown, now: Timestamp) -> Result<Delivery, Refusal> {
    let id = services.ids.mint(now).map_err(Refusal::internal)?;
    let event = (shown.event().id, shown.event().kind);
    let body = shown.body(&services.options.webhook_source, webhook.id)?;
    let body = services.keyring.seals.seal(&body_seal(id), &body).map_err(Refusal::internal)?;
    let budget = webhook.details.retry.max_attempts;
    let delivery = Delivery::new((webhook.account_id, webhook.id), id, event, budget, now);
    Ok(Delivery { body: Some(body), ..delivery })
}
