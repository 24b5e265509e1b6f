//! Events become counts: once each, in the unit of work that says so to the outbox.

use std::collections::{BTreeMap, BTreeSet};

use crate::billing::model::{ActiveUser, BillingConfig, Dimension, Metered, Period};
use crate::error::Refusal;
use crate::event::model::Event;
use crate::id::{AccountId, IssuerId, UserId};
use crate::store::UnitOfWork;
use crate::timestamp::Timestamp;

/// Counts events. What belongs to an account that is gone counts for nobody; what comes after the statement of its month
/// counts for the first month without one.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn meter(unit: &mut dyn UnitOfWork, config: &BillingConfig, events: &[Event]) -> Result<(), Refusal> {
    // In one order everywhere, so that two workers never wait for each other.
    let mut by_account: BTreeMap<AccountId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_account.entry(event.subject.account_id).or_default().push(event);
    }
    for (account, events) in by_account {
        let Some(found) = unit.reads().accounts().find(account).await? else { continue };
        meter_account(unit, config, (account, found.created_at), &events).await?;
    }
    Ok(())
}

async fn meter_account(
    unit: &mut dyn UnitOfWork,
    config: &BillingConfig,
    (account, opened_at): (AccountId, Timestamp),
    events: &[&Event],
) -> Result<(), Refusal> {
    let first = events.iter().map(|event| Period::of(event.timestamp)).min().unwrap_or_else(|| Period::of(unit.now()));
    let open = unit.billing().lock(account, first).await?.open;
    let mut counts: BTreeMap<(Period, Dimension), (u64, u64)> = BTreeMap::new();
    let people = People::of(events, open);
    let allowed = people.noted(unit, config, account, &mut counts).await?;
    for event in events {
        let Some(dimension) = Dimension::of(event.kind) else { continue };
        let period = Period::of(event.timestamp).max(open);
        let is_allowed = dimension == Dimension::HumanAuthentication
            && person(event).is_some_and(|(issuer, user)| allowed.contains(&(period, issuer, user)));
        let (count, free) = counts.entry((period, dimension)).or_default();
        *count += 1;
        *free += u64::from(is_allowed || config.is_trial(opened_at, event.timestamp));
    }
    for ((period, dimension), (count, free)) in counts {
        unit.billing().add_usage(account, &Metered { period, dimension, count, free }).await?;
    }
    Ok(())
}

fn person(event: &Event) -> Option<(IssuerId, UserId)> {
    Some((event.subject.issuer_id?, event.subject.user_id?))
}

/// Who signed in, by month.
struct People(BTreeMap<Period, BTreeSet<(IssuerId, UserId)>>);

impl People {
    fn of(events: &[&Event], open: Period) -> Self {
        let mut months: BTreeMap<Period, BTreeSet<_>> = BTreeMap::new();
        let sign_ins = events.iter().filter(|event| Dimension::of(event.kind) == Some(Dimension::HumanAuthentication));
        for event in sign_ins {
            months.entry(Period::of(event.timestamp).max(open)).or_default().extend(person(event));
        }
        Self(months)
    }

    /// Notes those who are new in their month, and tells who is below its allowance.
    async fn noted(
        self,
        unit: &mut dyn UnitOfWork,
        config: &BillingConfig,
        account: AccountId,
        counts: &mut BTreeMap<(Period, Dimension), (u64, u64)>,
    ) -> Result<BTreeSet<(Period, IssuerId, UserId)>, Refusal> {
        let mut allowed = BTreeSet::new();
        for (period, people) in self.0 {
            let people: Vec<_> = people.into_iter().collect();
            let known = unit.billing().active_users(account, period, &people).await?;
            let lines = unit.reads().billing().usage(account, Some(period)).await?;
            let line = lines.iter().find(|line| line.dimension == Dimension::MonthlyActiveUsers);
            let so_far = line.map_or(0, |line| line.count);
            let is_new = |(issuer, user): &&(IssuerId, UserId)| {
                !known.iter().any(|known| known.issuer_id == *issuer && known.user_id == *user)
            };
            let news: Vec<_> = people
                .iter()
                .filter(is_new)
                .zip(so_far..)
                .map(|((issuer_id, user_id), before)| ActiveUser {
                    period,
                    issuer_id: *issuer_id,
                    user_id: *user_id,
                    free: before < u64::from(config.free_active_users),
                })
                .collect();
            if !news.is_empty() {
                unit.billing().add_active_users(account, &news).await?;
                let (count, _) = counts.entry((period, Dimension::MonthlyActiveUsers)).or_default();
                *count += news.len() as u64;
            }
            let free = known.iter().chain(&news).filter(|user| user.free);
            allowed.extend(free.map(|user| (period, user.issuer_id, user.user_id)));
        }
        Ok(allowed)
    }
}
