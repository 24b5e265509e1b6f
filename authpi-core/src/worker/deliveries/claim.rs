//! Reserving deliveries that are due. One webhook with much to do, or one that answers slowly, leaves room for the others:
//! accounts take turns, then their webhooks.

use std::collections::HashMap;
use std::time::Duration;

use super::lane::{Target, host};
use super::{Dispatch, Planned};
use crate::error::Refusal;
use crate::id::AccountId;
use crate::store::UnitOfWork;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, Webhook, WebhookStatus};

/// How long a webhook is left alone whose secrets cannot be opened.
const UNREADABLE: Duration = Duration::from_mins(5);

/// Webhooks of one look: they are kept from others until it ends.
const LOOKED_AT: u32 = 32;

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
    let mut writes = Vec::new();
    let (mut reserved, mut planned) = (Vec::new(), Vec::new());
    for webhook in in_turns(awake) {
        let limit = dispatch.room_for(&webhook, &planned);
        if limit == 0 {
            continue;
        }
        let target = match Target::new(&services.keyring, webhook.clone(), now) {
            Ok(target) => target,
            Err(refusal) => {
                tracing::error!(webhook = %webhook.id, %refusal, "the secrets of a webhook cannot be opened");
                unit.deliveries().rest(&webhook, Some(now.plus(UNREADABLE))).await?;
                continue;
            }
        };
        let deliveries = reserve(unit.as_mut(), &webhook, limit, now).await?;
        if deliveries.is_empty() {
            continue;
        }
        planned.push(Planned { account: webhook.account_id, host: host(&webhook), count: deliveries.len() });
        reserved.push((target, deliveries.iter().map(|(delivery, _)| delivery.clone()).collect::<Vec<_>>()));
        writes.extend(deliveries);
    }
    let overtaken = unit.deliveries().write(&writes).await?;
    if overtaken > 0 {
        return Err(Refusal::Stale);
    }
    unit.commit().await?;
    for (target, deliveries) in reserved {
        dispatch.hold(target, deliveries, now);
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
    let more = due.len() >= limit && !is_probe;
    let reserved: Vec<(Delivery, Timestamp)> =
        due.into_iter().map(|delivery| (delivery.clone().leased(timeout, now), delivery.updated_at)).collect();
    let until = if more {
        Some(now)
    } else {
        let lease_ends = reserved.iter().filter_map(|(delivery, _)| delivery.due_at()).min();
        queue.next_due(webhook).await?.into_iter().chain(lease_ends).min()
    };
    queue.rest(webhook, until).await?;
    if let Some((probe, _)) = reserved.first().filter(|_| is_probe)
        && let Some(until) = probe.leased_until
    {
        let probing = Webhook { circuit: webhook.circuit.probing(until), ..webhook.clone() };
        unit.webhooks().set_circuit(&probing).await?.required()?;
    }
    Ok(reserved)
}
