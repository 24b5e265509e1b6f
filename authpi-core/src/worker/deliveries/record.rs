//! Recording what became of attempts: deliveries, the health of their webhooks, and when to look at them again, in one
//! unit of work for all that ended together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::lane::End;
use crate::error::Refusal;
use crate::event::model::Trigger;
use crate::id::{AccountId, WebhookId};
use crate::retries::Retries;
use crate::store::{Change, ChangeContext, UnitOfWork};
use crate::timestamp::Timestamp;
use crate::web::services::{Origin, Services};
use crate::webhook::figures::came_to;
use crate::webhook::model::{AttemptOutcome, Delivery, DeliveryStatus, RetryPolicy, Webhook};
use crate::webhook::operations::{given_up, noted};

/// Records `ends`, all or none. The webhooks among theirs that no attempt may be made at from here on.
pub(super) async fn record(services: &Services, ends: &[End]) -> Result<Vec<WebhookId>, Refusal> {
    let mut contexts: HashMap<AccountId, ChangeContext<'_>> = HashMap::new();
    let accounts: BTreeSet<AccountId> = ends.iter().map(|end| end.delivery().account_id).collect();
    for account in accounts {
        let root = services.root_for(None).await?;
        contexts.insert(account, services.change_context(Origin::of_instance(account, Trigger::System), root));
    }
    let mut retries = Retries::new();
    loop {
        if let Some(ended) = retries.ended(attempt(services, ends, &contexts).await) {
            return ended;
        }
    }
}

/// Gives up a webhook that has received nothing for too long, and that nothing waits for.
pub(super) async fn give_up(services: &Services, webhook: &Webhook) -> Result<(), Refusal> {
    let root = services.root_for(None).await?;
    let context = services.change_context(Origin::of_instance(webhook.account_id, Trigger::System), root);
    let mut unit = services.store.begin(services.now()).await?;
    let found = unit.deliveries().lock(&[webhook.id]).await?.webhooks;
    let mut change = Change::new(unit, &context);
    for webhook in found {
        given_up(&mut change, &webhook).await?;
    }
    Ok(change.into_unit().await?.commit().await?)
}

async fn attempt(
    services: &Services,
    ends: &[End],
    contexts: &HashMap<AccountId, ChangeContext<'_>>,
) -> Result<Vec<WebhookId>, Refusal> {
    let mut by_webhook: BTreeMap<WebhookId, Vec<&End>> = BTreeMap::new();
    for end in ends {
        by_webhook.entry(end.delivery().webhook_id).or_default().push(end);
    }
    let ids: Vec<WebhookId> = by_webhook.keys().copied().collect();
    let mut unit = services.store.begin(services.now()).await?;
    let webhooks = unit.deliveries().lock(&ids).await?.webhooks;
    let known: HashMap<WebhookId, &Webhook> = webhooks.iter().map(|webhook| (webhook.id, webhook)).collect();
    let statuses = write(services, unit.as_mut(), &by_webhook, &known).await?;
    let mut paused: Vec<WebhookId> = ids.iter().copied().filter(|id| !known.contains_key(id)).collect();
    for webhook in &webhooks {
        let outcomes = by_webhook.get(&webhook.id).into_iter().flatten().filter_map(|end| outcome(end));
        let outcomes: Vec<(AttemptOutcome, bool)> = outcomes.collect();
        let Some(context) = contexts.get(&webhook.account_id) else { continue };
        let mut change = Change::new(unit, context);
        if noted(&mut change, webhook, &outcomes).await?.is_paused(change.now()) {
            paused.push(webhook.id);
        }
        unit = change.into_unit().await?;
    }
    unit.commit().await?;
    for (status, count) in statuses {
        came_to(status, count);
    }
    Ok(paused)
}

/// What came of an attempt, and whether it was a probe.
fn outcome(end: &End) -> Option<(AttemptOutcome, bool)> {
    match end {
        End::Attempted { outcome, is_probe, .. } => Some((outcome.clone(), *is_probe)),
        End::Unsent(_) | End::Expired(_) => None,
    }
}

/// Writes how far the deliveries have come, and wakes their webhooks when the next one of them is due. How many have come to
/// which status.
async fn write(
    services: &Services,
    unit: &mut dyn UnitOfWork,
    ends: &BTreeMap<WebhookId, Vec<&End>>,
    webhooks: &HashMap<WebhookId, &Webhook>,
) -> Result<Vec<(DeliveryStatus, u64)>, Refusal> {
    let now = unit.now();
    let mut writes: BTreeMap<DeliveryStatus, Vec<(Delivery, Timestamp)>> = BTreeMap::new();
    let mut released = Vec::new();
    for (id, ends) in ends {
        // Of a deleted webhook: its deliveries are cancelled, or about to be.
        let policy = webhooks.get(id).map_or_else(RetryPolicy::default, |webhook| webhook.details.retry);
        let mut next: Option<Timestamp> = None;
        for end in ends {
            let after = after(services, end, &policy, now)?;
            next = after.due_at().into_iter().chain(next).min();
            let write = (after, end.delivery().updated_at);
            if matches!(end, End::Unsent(_)) {
                released.push(write);
            } else {
                writes.entry(write.0.status).or_default().push(write);
            }
        }
        if let Some(next) = next {
            unit.deliveries().wake(&[*id], next).await?;
        }
    }
    let mut overtaken = unit.deliveries().write(&released).await?;
    let mut statuses = Vec::new();
    for (status, writes) in writes {
        let missed = unit.deliveries().write(&writes).await?;
        statuses.push((status, (writes.len() as u64).saturating_sub(missed)));
        overtaken += missed;
    }
    if overtaken > 0 {
        tracing::info!(overtaken, "deliveries were attempted again by others before these attempts were recorded");
    }
    Ok(statuses)
}

fn after(services: &Services, end: &End, policy: &RetryPolicy, now: Timestamp) -> Result<Delivery, Refusal> {
    Ok(match end {
        End::Attempted { delivery, outcome, .. } => {
            let mut jitter = [0; 2];
            services.entropy.fill(&mut jitter).map_err(Refusal::internal)?;
            delivery.clone().after(outcome, policy, u16::from_le_bytes(jitter), now)
        }
        End::Unsent(delivery) => delivery.clone().released(now),
        End::Expired(delivery) => delivery.clone().expired(now),
    })
}
