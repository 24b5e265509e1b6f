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
use crate::webhook::repository::Due;

/// How long a webhook is left alone whose secrets cannot be opened.
const UNREADABLE: Duration = Duration::from_mins(5);

/// Looks that follow each other at most.
const LOOKS: u32 = 8;

/// Webhooks of one look: they are kept from others until it ends.
const LOOKED_AT: u32 = 32;

/// What becomes of a webhook that is looked at.
enum Look {
    /// Deliveries to it are reserved, so many at most.
    Reserve(Box<Target>, u32),
    /// It is left alone until then.
    Rest(Option<Timestamp>),
    /// There is no room for it.
    Wait,
}

/// What a look has brought.
struct Looked {
    reserved: usize,
    /// Room was kept for webhooks that had no use for it, while others waited.
    left_room: bool,
}

/// Reserves as much as there is room for. Returns how many deliveries.
pub(super) async fn claim(services: &Services, dispatch: &mut Dispatch) -> Result<usize, Refusal> {
    let mut reserved = 0;
    for _ in 0..LOOKS {
        if dispatch.room() == 0 {
            break;
        }
        let looked = look(services, dispatch).await?;
        reserved += looked.reserved;
        if !looked.left_room {
            break;
        }
    }
    Ok(reserved)
}

/// Looks at webhooks that are awake, once.
async fn look(services: &Services, dispatch: &mut Dispatch) -> Result<Looked, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let awake = in_turns(unit.deliveries().awake(&dispatch.busy(), LOOKED_AT).await?);
    let (mut rests, mut looks, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    let mut has_waited = false;
    for (webhook, look) in awake.iter().zip(looks_at(services, dispatch, &awake, now)) {
        match look {
            Look::Reserve(target, limit) => {
                looks.push((webhook, limit));
                targets.push(target);
            }
            Look::Rest(until) => rests.push((webhook, until)),
            Look::Wait => {
                has_waited = true;
                // Others may wait behind it that there is room for.
                if awake.len() == LOOKED_AT as usize {
                    rests.push((webhook, Some(now)));
                }
            }
        }
    }
    if looks.is_empty() && rests.is_empty() {
        return Ok(Looked { reserved: 0, left_room: false });
    }
    let kept: usize = looks.iter().map(|(_, limit)| *limit as usize).sum();
    let due = unit.deliveries().due(&looks).await?;
    let (mut writes, mut reserved) = (Vec::new(), Vec::new());
    for ((target, (webhook, _)), due) in targets.into_iter().zip(looks).zip(due) {
        let (deliveries, until) = reserve(unit.as_mut(), webhook, due, now).await?;
        rests.push((webhook, until));
        reserved.push((target, deliveries.iter().map(|(delivery, _)| delivery.clone()).collect::<Vec<_>>()));
        writes.extend(deliveries);
    }
    unit.deliveries().rest(&rests).await?;
    let overtaken = unit.deliveries().write(&writes).await?;
    if overtaken > 0 {
        return Err(Refusal::Stale);
    }
    unit.commit().await?;
    for (target, deliveries) in reserved.into_iter().filter(|(_, deliveries)| !deliveries.is_empty()) {
        dispatch.hold(*target, deliveries, now);
    }
    Ok(Looked { reserved: writes.len(), left_room: has_waited && writes.len() < kept })
}

/// What becomes of each of these webhooks.
fn looks_at(services: &Services, dispatch: &Dispatch, awake: &[Webhook], now: Timestamp) -> Vec<Look> {
    let mut planned = Vec::new();
    let look = |webhook: &Webhook| {
        let resting = match (webhook.status.value, webhook.circuit.blocked_until(now)) {
            // Activating it wakes it.
            (WebhookStatus::Disabled, _) => Some(None),
            (_, Some(probe_at)) => Some(Some(probe_at)),
            (_, None) => None,
        };
        if let Some(until) = resting {
            return Look::Rest(until);
        }
        let among = awake.iter().filter(|other| other.account_id == webhook.account_id).count();
        let room = dispatch.room_for(webhook, &planned, among);
        let count = if is_probe(webhook) { room.min(1) } else { room };
        if count == 0 {
            return Look::Wait;
        }
        match Target::new(&services.keyring, webhook.clone(), now) {
            Ok(target) => {
                planned.push(Planned { account: webhook.account_id, host: host(webhook), count });
                Look::Reserve(Box::new(target), u32::try_from(count).unwrap_or(u32::MAX))
            }
            Err(refusal) => {
                tracing::error!(webhook = %webhook.id, %refusal, "the secrets of a webhook cannot be opened");
                Look::Rest(Some(now.plus(UNREADABLE)))
            }
        }
    };
    awake.iter().map(look).collect()
}

/// The next attempt tells whether the circuit closes.
const fn is_probe(webhook: &Webhook) -> bool {
    webhook.circuit.open.is_some()
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

/// Reserves what is due of a webhook, each delivery with its version before, and says when to look at it again.
async fn reserve(
    unit: &mut dyn UnitOfWork,
    webhook: &Webhook,
    Due { deliveries, next }: Due,
    now: Timestamp,
) -> Result<(Vec<(Delivery, Timestamp)>, Option<Timestamp>), Refusal> {
    let timeout = webhook.details.retry.timeout();
    let reserved: Vec<(Delivery, Timestamp)> =
        deliveries.into_iter().map(|delivery| (delivery.clone().leased(timeout, now), delivery.updated_at)).collect();
    let lease_ends = reserved.iter().filter_map(|(delivery, _)| delivery.due_at()).min();
    let probe = reserved.first().filter(|_| is_probe(webhook)).and_then(|(probe, _)| probe.leased_until);
    if let Some(until) = probe {
        let probing = Webhook { circuit: webhook.circuit.probing(until), ..webhook.clone() };
        unit.webhooks().set_circuit(&probing).await?.required()?;
        return Ok((reserved, lease_ends));
    }
    let until = next.map(|next| next.max(now)).into_iter().chain(lease_ends).min();
    Ok((reserved, until))
}
