//! Steps that come back by the clock: what is buffered is written, what has expired is removed.

use std::sync::Arc;
use std::time::Duration;

use super::round::{PARENTS, Round};
use super::schedule::Next;
use super::unattended;
use crate::credential::model::ApiKey;
use crate::credential::operations::announce_expired;
use crate::error::Refusal;
use crate::event::repository::Consumer;
use crate::membership::model::REMOVAL_REMEMBERED;
use crate::store::UnitOfWork;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::figures::{self, came_to};
use crate::webhook::model::{DeliveryStatus, HORIZON};

/// Rows of one unit of work: few enough to keep no other writer waiting.
const BATCH: u32 = 500;

/// Rows of one unit of work that are changed one by one, or named one by one by keys of two columns: SQLite bounds the
/// depth of a condition.
const SMALL_BATCH: u32 = 100;

/// How often the buffer is looked at: an event is committed at the latest 200 ms after it was buffered (architecture
/// §4), and half of that is left for the commit.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// How often expired rows are looked for. Nothing depends on when they go: a claim and a list ignore them.
pub(super) const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often keys that have expired are looked for.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_hours(24);

/// Days that per-request types are kept at most (events-webhooks §5).
const PER_REQUEST_DAYS: u32 = 30;

/// How much longer an event is kept that waits for somebody: its number in the chain, its webhooks, mail,
/// metering or the host.
const WAITS: Duration = Duration::from_hours(7 * 24);

/// Days that deliveries are kept, and deleted webhooks listed (events-webhooks §6, core-api section 10).
const DELIVERY_DAYS: u32 = 30;

/// Writes the events of requests that changed nothing else.
pub(super) async fn buffered_events(services: &Arc<Services>) -> Result<Next, Refusal> {
    services.buffer.flush(services.store.as_ref()).await?;
    Ok(Next::In(FLUSH_EVERY))
}

/// Says that an API key has expired (events-webhooks §3): once, at most [`ANNOUNCE_EVERY`] late.
pub(super) async fn expired_api_keys(services: &Arc<Services>) -> Result<Next, Refusal> {
    let (mut round, mut without) = (Round::of("expired-api-keys"), Vec::new());
    for _ in 0..PARENTS {
        let found = services.store.reads().api_keys().expired_unannounced(services.now(), &without, 1).await?.pop();
        let Some(key) = found else { break };
        if let Some(next) = round.outcome(key.issuer_id, announce(services, &key).await)? {
            return Ok(next);
        }
        without.push(key.issuer_id);
    }
    Ok(round.rest(ANNOUNCE_EVERY))
}

async fn announce(services: &Arc<Services>, key: &ApiKey) -> Result<Option<Next>, Refusal> {
    let context = unattended::context(services, key.account_id, Some(key.issuer_id)).await?;
    let mut change = unattended::begin(services, &context).await?;
    announce_expired(&mut change, key).await?;
    change.into_unit().await?.commit().await?;
    Ok(Some(Next::Now))
}

/// Removes logins that nobody came back to, what was mailed for them and what failed long ago.
pub(super) async fn expired_logins(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.logins().sweep(SMALL_BATCH).await?;
    committed(unit, removed).await
}

/// Removes the records of idempotent requests that are older than a day (conventions §10).
pub(super) async fn idempotency_records(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.idempotency().purge(BATCH).await?;
    committed(unit, removed).await
}

/// Removes temporary passwords, and second factors that were not finished, when their time is over.
pub(super) async fn expired_verifiers(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.verifiers().sweep(BATCH).await?;
    committed(unit, removed).await
}

/// Forgets devices that are neither trusted nor known any more (idp §18.4).
pub(super) async fn forgotten_devices(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.devices().sweep(BATCH).await?;
    committed(unit, removed).await
}

/// Forgets codes, revoked tokens and used assertions whose time is over, and answers that are not given again.
pub(super) async fn grants(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.grants().sweep(BATCH).await?;
    committed(unit, removed).await
}

/// Forgets who was removed from an organization a year ago (core-api section 20).
pub(super) async fn old_removals(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let forgotten = unit.memberships().purge_removals(now.minus(REMOVAL_REMEMBERED), SMALL_BATCH).await?;
    committed(unit, forgotten).await
}

/// Erases what is personal in invitations that ended long enough ago (core-api section 19).
pub(super) async fn invitation_erasure(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let due = services.store.reads().invitations().erasable(now, SMALL_BATCH).await?;
    if due.is_empty() {
        return Ok(Next::In(SWEEP_EVERY));
    }
    let mut unit = services.store.begin(now).await?;
    for invitation in due {
        // One that was changed meanwhile is looked at again.
        let _ = unit.invitations().erase(&invitation).await?;
    }
    unit.commit().await?;
    Ok(Next::Now)
}

/// Removes events, and their contexts, that have been kept long enough (events-webhooks §5), then what the chain has of them:
/// only from its start.
pub(super) async fn old_events(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let days = services.options.event_retention_days;
    let (per_request, others) = (now.minus(DAY * days.min(PER_REQUEST_DAYS)), now.minus(DAY * days));
    // What waits for somebody is kept until it does no longer, but not for ever.
    let (reads, mut waiting) = (services.store.reads(), None);
    for consumer in Consumer::ALL {
        waiting = reads.events().waiting_since(consumer).await?.into_iter().chain(waiting).min();
    }
    let kept = |before: Timestamp| waiting.map_or(before, |since| before.min(since).max(before.minus(WAITS)));
    let mut unit = services.store.begin(now).await?;
    let mut removed = unit.events().purge(kept(per_request), kept(others), BATCH).await?;
    if removed == 0 {
        removed = unit.events().purge_links(others, BATCH).await?;
    }
    committed(unit, removed).await
}

/// Cancels what waits to be delivered to deleted webhooks.
pub(super) async fn orphaned_deliveries(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let cancelled = unit.webhooks().cancel_orphans(BATCH).await?;
    let next = committed(unit, u64::from(cancelled.is_some())).await?;
    came_to(DeliveryStatus::Cancelled, cancelled.unwrap_or_default());
    Ok(next)
}

/// Makes the rest of the deliveries due that wait for a webhook which somebody has activated.
pub(super) async fn hastened_deliveries(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let hastened = unit.webhooks().hasten_on(BATCH).await?;
    committed(unit, hastened).await
}

/// Erases signing secrets that sign no longer (events-webhooks §7).
pub(super) async fn previous_secrets(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let erased = unit.webhooks().erase_previous_secrets(SMALL_BATCH).await?;
    committed(unit, erased).await
}

/// Gives up deliveries whose horizon passed while their webhook was disabled or failing.
pub(super) async fn overdue_deliveries(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let expired = unit.deliveries().expire(None, now.minus(HORIZON), BATCH).await?;
    let next = committed(unit, expired).await?;
    figures::gave_up(expired);
    Ok(next)
}

/// Removes deliveries that have been kept long enough.
pub(super) async fn old_deliveries(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.webhooks().purge_deliveries(now.minus(DAY * DELIVERY_DAYS), BATCH).await?;
    committed(unit, removed).await
}

/// Removes webhooks that were deleted long enough ago.
pub(super) async fn deleted_webhooks(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.webhooks().purge_deleted(now.minus(DAY * DELIVERY_DAYS), BATCH).await?;
    committed(unit, removed).await
}

/// Forgets token buckets that are full again.
#[allow(clippy::unused_async, reason = "a step is asynchronous")]
pub(super) async fn rate_limits(services: &Arc<Services>) -> Result<Next, Refusal> {
    services.limits.sweep();
    services.key_uses.sweep(services.now());
    Ok(Next::In(SWEEP_EVERY))
}

/// Removes what was counted in windows that are over.
pub(super) async fn key_uses(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.api_keys().purge_uses(BATCH).await?;
    committed(unit, removed).await
}

/// Commits what concerned so many rows, and looks for more at once; without any, after a while.
pub(super) async fn committed(unit: Box<dyn UnitOfWork>, rows: u64) -> Result<Next, Refusal> {
    if rows == 0 {
        return Ok(Next::In(SWEEP_EVERY));
    }
    unit.commit().await?;
    Ok(Next::Now)
}
