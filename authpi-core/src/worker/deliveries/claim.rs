//! Reserving deliveries that are due. One webhook with much to do, or one that answers slowly, leaves room for the others:
//! accounts take turns, then their webhooks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::Planned;
use super::lane::{Target, opened};
use super::{Dispatch, Promise, record};
use crate::error::Refusal;
use crate::id::{AccountId, WebhookId};
use crate::retries::Retries;
use crate::store::UnitOfWork;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::figures;
use crate::webhook::model::{Delivery, HORIZON, Webhook, WebhookStatus};
use crate::webhook::repository::Due;

/// How long a webhook is left alone whose secrets cannot be opened.
const UNREADABLE: Duration = Duration::from_mins(5);

/// How long one is left alone that could not be given up.
const GIVE_UP_PAUSE: Duration = Duration::from_mins(1);

/// Deliveries to such webhooks that are given up together.
const EXPIRED_TOGETHER: u32 = 500;

/// Looks that follow each other at most.
const LOOKS: u32 = 8;

/// Webhooks of one look: they are kept from others until it ends.
const LOOKED_AT: u32 = 32;

/// What becomes of webhooks that are awake.
#[derive(Default)]
struct Plan<'w> {
    /// Deliveries to these are reserved, so many at most.
    wanted: Vec<(&'w Webhook, u32)>,
    /// The same webhooks, as attempts see them.
    targets: Vec<Target>,
    /// These are left alone until then.
    rests: Vec<(&'w Webhook, Option<Timestamp>)>,
    /// The secrets of these cannot be opened.
    unreadable: Vec<WebhookId>,
    /// There was no room for so many.
    waited: usize,
}

/// What a look has brought.
struct Looked {
    reserved: usize,
    /// There was no room for some webhooks.
    is_full: bool,
    /// Room was kept for webhooks that had no use for it.
    left_room: bool,
    /// More is due than was reserved.
    left: bool,
}

/// What was reserved.
pub(super) struct Claimed {
    pub(super) reserved: usize,
    /// There may be more, which waits for room.
    pub(super) left: bool,
}

/// Reserves as much as there is room for.
pub(super) async fn claim(services: &Services, dispatch: &Arc<Dispatch>) -> Result<Claimed, Refusal> {
    let mut reserved = 0;
    let mut left = dispatch.book().has_slow();
    left |= dispatch.book().recall();
    for _ in 0..LOOKS {
        if dispatch.book().load().room() == 0 {
            left = true;
            break;
        }
        let mut retries = Retries::new();
        let looked = loop {
            if let Some(ended) = retries.ended(look(services, dispatch).await) {
                break ended?;
            }
        };
        reserved += looked.reserved;
        left |= looked.left || looked.is_full;
        if !looked.is_full {
            break;
        }
        // Others may wait behind those without room, unless these have some now.
        if looked.left_room {
            dispatch.book().recall();
        }
    }
    Ok(Claimed { reserved, left })
}

/// Looks once at webhooks that are awake, and that there may be room for.
async fn look(services: &Services, dispatch: &Arc<Dispatch>) -> Result<Looked, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let busy = dispatch.book().busy();
    let awake = in_turns(unit.deliveries().awake(&busy, LOOKED_AT).await?);
    let mut promise = Promise::nothing(dispatch);
    let Plan { wanted, targets, mut rests, unreadable, waited } = plan(services, dispatch, &mut promise, &awake, now);
    let is_full = waited > 0;
    if wanted.is_empty() && rests.is_empty() {
        return Ok(Looked { reserved: 0, is_full, left_room: false, left: false });
    }
    let kept: usize = wanted.iter().map(|(_, limit)| *limit as usize).sum();
    let due = unit.deliveries().due(&wanted).await?;
    let (mut writes, mut counts, mut behind) = (Vec::new(), Vec::new(), Vec::new());
    let mut silent = Vec::new();
    for ((webhook, _), due) in wanted.into_iter().zip(due) {
        let is_idle = due.deliveries.is_empty() && due.next.is_none();
        if is_idle && webhook.circuit.given_up_at().is_some_and(|at| at <= now) {
            silent.push(webhook);
            rests.push((webhook, Some(now.plus(GIVE_UP_PAUSE))));
            counts.push(0);
            continue;
        }
        behind.push((webhook.id, due.next.is_some_and(|next| next <= now)));
        let (deliveries, until) = reserve(unit.as_mut(), webhook, due, now).await?;
        rests.push((webhook, until));
        counts.push(deliveries.len());
        writes.extend(deliveries);
    }
    unit.deliveries().rest(&rests).await?;
    let expired = expired(unit.as_mut(), &unreadable).await?;
    let overtaken = unit.deliveries().write(&writes).await?;
    if overtaken > 0 {
        return Err(Refusal::Stale);
    }
    unit.commit().await?;
    figures::gave_up(expired);
    let reserved = writes.len();
    drop(promise);
    let mut deliveries = writes.into_iter().map(|(delivery, _)| delivery);
    let left = behind.iter().any(|(_, is_behind)| *is_behind);
    {
        let mut book = dispatch.book();
        for (target, count) in targets.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            book.hold(target, deliveries.by_ref().take(count).collect(), now);
        }
        for (webhook, is_behind) in behind {
            book.set_behind(webhook, is_behind);
        }
    }
    for webhook in silent {
        record::give_up(services, webhook).await?;
    }
    Ok(Looked { reserved, is_full, left_room: reserved < kept, left })
}

fn plan<'w>(
    services: &Services,
    dispatch: &Dispatch,
    promise: &mut Promise,
    awake: &'w [Webhook],
    now: Timestamp,
) -> Plan<'w> {
    let mut plan = Plan::default();
    let mut able = Vec::new();
    for webhook in awake {
        let resting = match (webhook.status.value, webhook.circuit.blocked_until(now)) {
            // Activating it wakes it.
            (WebhookStatus::Disabled, _) => Some(None),
            (_, blocked_until) => blocked_until.map(Some),
        };
        if let Some(until) = resting {
            dispatch.book().rests(webhook.id);
            plan.rests.push((webhook, until));
            continue;
        }
        if let Some(target) = opened(services, webhook.clone(), now) {
            able.push((webhook, target));
        } else {
            plan.rests.push((webhook, Some(now.plus(UNREADABLE))));
            plan.unreadable.push(webhook.id);
        }
    }
    let mut book = dispatch.book();
    let mut load = book.load();
    let mut quotas: HashMap<AccountId, usize> = HashMap::new();
    for (webhook, target) in able {
        let quota = *quotas.entry(webhook.account_id).or_insert_with(|| {
            let among = awake.iter().filter(|other| other.account_id == webhook.account_id).count();
            load.quota(webhook.account_id, among)
        });
        let (limit, place) = (if target.is_probe() { quota.min(1) } else { quota }, target.place());
        let count = book.room_for(&load, webhook.id, &place, limit);
        if count == 0 {
            book.pass_by(webhook.id, place);
            plan.waited += 1;
            continue;
        }
        promise.keep(&mut book, &mut load, Planned { webhook: webhook.id, place, count });
        plan.wanted.push((webhook, u32::try_from(count).unwrap_or(u32::MAX)));
        plan.targets.push(target);
    }
    plan
}

/// Gives up what waits too long for secrets that cannot be opened; how much that is.
async fn expired(unit: &mut dyn UnitOfWork, unreadable: &[WebhookId]) -> Result<u64, Refusal> {
    if unreadable.is_empty() {
        return Ok(0);
    }
    let horizon = unit.now().minus(HORIZON);
    Ok(unit.deliveries().expire(Some(unreadable), horizon, EXPIRED_TOGETHER).await?)
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
    let leased = |delivery: Delivery| {
        let before = delivery.updated_at;
        (delivery.leased(timeout, now), before)
    };
    let reserved: Vec<_> = deliveries.into_iter().map(leased).collect();
    let lease_ends = reserved.iter().filter_map(|(delivery, _)| delivery.due_at()).min();
    if let Some(until) = lease_ends.filter(|_| webhook.circuit.open.is_some()) {
        let probing = Webhook { circuit: webhook.circuit.probing(until), ..webhook.clone() };
        unit.webhooks().set_circuit(&probing).await?.required()?;
        // Nothing else is attempted before the probe has ended.
        return Ok((reserved, lease_ends));
    }
    // What is overdue does not come before webhooks that have waited longer.
    let until = next.map(|next| next.max(now)).into_iter().chain(lease_ends).min();
    Ok((reserved, until.or(webhook.circuit.given_up_at())))
}

#[cfg(test)]
mod tests {
    use super::super::lane::tests::webhook;
    use super::*;

    #[test]
    fn accounts_take_turns_then_their_webhooks_in_the_order_in_which_they_have_waited() {
        let waiting = [(1, 10), (2, 10), (3, 10), (4, 20), (5, 30), (6, 20)];
        let turns = in_turns(waiting.map(|(id, account)| webhook(id, account)).to_vec());
        let ids: Vec<u128> = turns.iter().map(|webhook| crate::id::Id::uuid(webhook.id).as_u128()).collect();
        assert_eq!(ids, [1, 4, 5, 2, 6, 3]);
    }
}
