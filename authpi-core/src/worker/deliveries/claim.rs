//! Reserving deliveries that are due. One webhook with much to do, or one that answers slowly, leaves room for the others:
//! accounts take turns, then their webhooks.

use std::collections::HashMap;

use super::Dispatch;
use super::lane::Target;
use crate::error::Refusal;
use crate::id::AccountId;
use crate::store::UnitOfWork;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, Webhook, WebhookStatus};

/// Webhooks of one look.
const LOOKED_AT: u32 = 128;

/// Reserves as much as there is room for. Returns how many deliveries.
pub(super) async fn claim(services: &Services, dispatch: &mut Dispatch) -> Result<usize, Refusal> {
    if dispatch.room() == 0 {
        return Ok(0);
    }
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let awake = unit.deliveries().awake(&dispatch.busy(), LOOKED_AT).await?;
    if awake.is_empty() {
        return Ok(0);
    }
    let mut reserved = Vec::new();
    let mut room = dispatch.room();
    let mut of_account: HashMap<AccountId, usize> = HashMap::new();
    for webhook in in_turns(awake) {
        let taken = of_account.entry(webhook.account_id).or_default();
        let share = dispatch.room_of_account(webhook.account_id).saturating_sub(*taken).min(room);
        let limit = dispatch.room_of_webhook(&webhook).min(share);
        if limit == 0 {
            continue;
        }
        let deliveries = reserve(unit.as_mut(), &webhook, limit, now).await?;
        *taken += deliveries.len();
        room = room.saturating_sub(deliveries.len());
        reserved.push((webhook, deliveries));
    }
    let writes: Vec<(Delivery, Timestamp)> =
        reserved.iter().flat_map(|(_, deliveries)| deliveries.iter().cloned()).collect();
    let overtaken = unit.deliveries().write(&writes).await?;
    if overtaken > 0 {
        return Err(Refusal::Stale);
    }
    unit.commit().await?;
    for (webhook, deliveries) in reserved {
        if deliveries.is_empty() {
            continue;
        }
        let id = webhook.id;
        match Target::new(&services.keyring, webhook, now) {
            Ok(target) => dispatch.hold(target, deliveries.into_iter().map(|(delivery, _)| delivery).collect(), now),
            // The leases run out, and count as attempts in the end.
            Err(refusal) => tracing::error!(webhook = %id, %refusal, "the secrets of a webhook cannot be opened"),
        }
    }
    Ok(writes.len())
}

/// The first webhook of each account, then the second of each, and so on.
fn in_turns(webhooks: Vec<Webhook>) -> Vec<Webhook> {
    let mut seen: HashMap<AccountId, usize> = HashMap::new();
    let mut turns: Vec<(usize, Webhook)> = Vec::with_capacity(webhooks.len());
    for webhook in webhooks {
        let turn = seen.entry(webhook.account_id).or_default();
        turns.push((*turn, webhook));
        *turn += 1;
    }
    // Stable: within a turn, who has waited longest comes first.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, webhook)| webhook).collect()
}

/// Reserves deliveries to a webhook, and says when it is to be looked at again. Each with its version before.
async fn reserve(
    unit: &mut dyn UnitOfWork,
    webhook: &Webhook,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<(Delivery, Timestamp)>, Refusal> {
    let queue = unit.deliveries();
    let resting = match (webhook.status.value, webhook.circuit.blocked_until(now)) {
        // Activating it wakes it.
        (WebhookStatus::Disabled, _) => Some(None),
        (_, Some(probe_at)) => Some(Some(probe_at)),
        (_, None) => None,
    };
    if let Some(until) = resting {
        queue.rest(webhook, until).await?;
        return Ok(Vec::new());
    }
    let is_probe = webhook.circuit.open.is_some();
    let limit = if is_probe { 1 } else { limit };
    let timeout = webhook.details.retry.timeout();
    let due = queue.due(webhook, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let more = due.len() == limit && !is_probe;
    let reserved: Vec<(Delivery, Timestamp)> =
        due.into_iter().map(|delivery| (delivery.clone().leased(timeout, now), delivery.updated_at)).collect();
    let until = if more {
        Some(now)
    } else {
        let lease_ends = reserved.iter().filter_map(|(delivery, _)| delivery.due_at()).min();
        queue.next_due(webhook).await?.into_iter().chain(lease_ends).min()
    };
    queue.rest(webhook, until).await?;
    Ok(reserved)
}
