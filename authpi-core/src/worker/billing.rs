//! Steps of billing: events become counts, counts become entries of the ledger, months end (core-api section 25).

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use super::unattended;
use crate::billing::model::{BillingConfig, Period};
use crate::billing::operations::{close, meter, settle};
use crate::billing::repository::AccountPeriod;
use crate::error::Refusal;
use crate::event::repository::Consumer;
use crate::web::services::Services;

/// Events of one unit of work.
const BATCH: u32 = 500;

/// Accounts that one look finds.
const ACCOUNTS: u32 = 20;

/// How often events that count are looked for.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// How often counts go into the ledger: an entry a dimension each time.
const SETTLE_EVERY: Duration = Duration::from_hours(1);

/// How long a month is left open for events that are still on their way.
const GRACE: Duration = Duration::from_hours(1);

/// How often the end of a month is looked for.
const CLOSE_EVERY: Duration = Duration::from_mins(10);

/// Counts events. Without billing nobody waits for them.
pub(super) async fn metering(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let events = unit.events().lock_waiting(Consumer::Metering, None, BATCH).await?;
    if events.is_empty() {
        return Ok(Next::In(COUNT_EVERY));
    }
    if let Some(config) = &services.options.billing {
        meter(unit.as_mut(), config, &events).await?;
    }
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    unit.events().outbox_done(Consumer::Metering, &ids).await?;
    unit.commit().await?;
    Ok(Next::after(events.len(), BATCH, COUNT_EVERY))
}

/// Debits the usage of one account and month. The first usage of a month closes the one before, so it waits as long as
/// that is left open.
pub(super) async fn settlement(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(config) = &services.options.billing else { return Ok(Next::In(SETTLE_EVERY)) };
    let current = Period::of(services.now().minus(GRACE));
    for due in services.store.reads().billing().unsettled(ACCOUNTS).await? {
        if due.period <= current && work(services, config, due, Task::Settle).await? {
            return Ok(Next::Now);
        }
    }
    Ok(Next::In(SETTLE_EVERY))
}

/// Ends a month of one account.
pub(super) async fn month_end(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(config) = &services.options.billing else { return Ok(Next::In(CLOSE_EVERY)) };
    let current = Period::of(services.now().minus(GRACE));
    for due in services.store.reads().billing().unclosed(current, ACCOUNTS).await? {
        if work(services, config, due, Task::Close).await? {
            return Ok(Next::Now);
        }
    }
    Ok(Next::In(CLOSE_EVERY))
}

enum Task {
    Settle,
    Close,
}

/// Does the work, unless the account has ended: then the rows are about to go.
async fn work(services: &Services, config: &BillingConfig, due: AccountPeriod, task: Task) -> Result<bool, Refusal> {
    let context = unattended::context(services, due.account_id, None).await?;
    let mut change = unattended::begin(services, &context).await?;
    if !change.reads().accounts().exists(due.account_id).await? {
        return Ok(false);
    }
    match task {
        Task::Settle => settle(&mut change, config, due.period).await?,
        Task::Close => close(&mut change, config, due.period).await?,
    }
    change.into_unit().await?.commit().await?;
    Ok(true)
}

/// Forgets who was active in months that have long ended: what they cost is in the ledger.
pub(super) async fn active_users(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let before = Period::from_number(Period::of(now).number() - 1);
    let mut unit = services.store.begin(now).await?;
    if unit.billing().purge_active_users(before, BATCH).await? == 0 {
        return Ok(Next::In(SETTLE_EVERY));
    }
    unit.commit().await?;
    Ok(Next::Now)
}
