//! Counts of events: totals, breakdowns, sparklines (core-api section 9.1, events-webhooks §5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::{FILTERS, READ, filter};
use super::repository::{Aggregation, EventCount, EventFilter, Group, Interval, UniqueId};
use crate::error::{FieldCode, Refusal, StoreError, StoreErrorKind};
use crate::id::AccountId;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::permits::Permits;
use crate::web::query::Parameter;
use crate::web::route::Route;
use crate::web::services::Services;

/// Intervals of one answer at most.
const MOST_INTERVALS: i64 = 1_000;

/// Counts that run at the same time: each keeps a core of the database busy, and a connection.
const MAX_RUNNING: usize = 4;

/// Of those, for one account.
const MAX_RUNNING_PER_ACCOUNT: usize = 2;

/// How long a count waits for others: with the time that the databases give a statement, less than a request has
/// (docs/decisions/0008).
const PATIENCE: Duration = Duration::from_secs(4);

/// How long the answer of a database is waited for: it gives the count up before, unless it cannot be reached.
const LONGEST: Duration = Duration::from_secs(75);

const HOUR: Duration = Duration::from_hours(1);

/// Counts on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventsAggregateResponse {
    interval: Option<Interval>,
    group_by: Option<Group>,
    buckets: Vec<EventBucket>,
}

/// Counted events on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct EventBucket {
    /// When the interval began; `null` without intervals.
    timestamp: Option<Timestamp>,
    /// Value that the events have in common; `null` without grouping.
    key: Option<String>,
    count: u64,
    /// How many different ids; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unique: Option<u64>,
}

impl From<EventCount> for EventBucket {
    fn from(counted: EventCount) -> Self {
        Self { timestamp: counted.at, key: counted.key, count: counted.count, unique: counted.unique }
    }
}

/// How long a time is counted when nobody says.
const fn default_range(interval: Option<Interval>) -> Duration {
    match interval {
        Some(Interval::Minute) => HOUR,
        Some(Interval::Hour) => Duration::from_hours(24),
        Some(Interval::Day) | None => Duration::from_hours(30 * 24),
    }
}

/// The time that is counted, both ends exclusive.
fn range(filter: &EventFilter, interval: Option<Interval>, now: Timestamp) -> (Timestamp, Timestamp) {
    let before = filter.before.unwrap_or_else(|| now.plus(Duration::from_millis(1)));
    let after = filter.after.unwrap_or_else(|| before.minus(default_range(interval)));
    (after, before)
}

/// The beginnings of the intervals between `after` and `before`.
///
/// # Errors
/// [`Refusal::Fields`] when there are too many.
fn starts(interval: Interval, after: Timestamp, before: Timestamp) -> Result<Vec<Timestamp>, Refusal> {
    let (first, last) = (after.as_millis().saturating_add(1), before.as_millis().saturating_sub(1));
    if first > last {
        return Ok(Vec::new());
    }
    let start = |at| interval.start(Timestamp::from_millis(at)).as_millis();
    let (first, last) = (start(first), start(last));
    if last.saturating_sub(first) / interval.millis() >= MOST_INTERVALS {
        let message = "there are more than 1,000 such intervals between after and before";
        return Err(Refusal::field("interval", FieldCode::TooMany, message));
    }
    let mut starts = Vec::new();
    let mut at = first;
    while at <= last {
        starts.push(Timestamp::from_millis(at));
        at += interval.millis();
    }
    Ok(starts)
}

/// A bucket for each interval, whether or not anything happened in it.
fn filled(starts: &[Timestamp], counted: Vec<EventCount>, by: Aggregation) -> Vec<EventBucket> {
    let mut known: HashMap<_, _> = counted.into_iter().map(|counted| (counted.at, counted)).collect();
    let bucket = |at: &Timestamp| known.remove(&Some(*at)).map_or_else(|| empty(*at, by), EventBucket::from);
    starts.iter().map(bucket).collect()
}

fn empty(at: Timestamp, by: Aggregation) -> EventBucket {
    EventBucket { timestamp: Some(at), key: None, count: 0, unique: by.count_unique.map(|_| 0) }
}

/// The permits of counts.
pub(crate) fn permits() -> Permits {
    Permits::new("counts of events", MAX_RUNNING, MAX_RUNNING_PER_ACCOUNT)
}

/// Counts as a task of its own. Who hangs up stops no database: the permit is held until that is done.
async fn counted(
    services: &Arc<Services>,
    account: AccountId,
    filter: EventFilter,
    by: Aggregation,
) -> Result<Vec<EventCount>, Refusal> {
    let executor = &services.transport.executor;
    let permit = services.counts.acquire(account, PATIENCE, executor.as_ref()).await?;
    let (sender, receiver) = oneshot::channel();
    let own = Arc::clone(services);
    executor.spawn(Box::pin(async move {
        let counting = own.store.reads().events().aggregate(account, &filter, by);
        let counted = match select(counting, own.transport.executor.sleep(LONGEST)).await {
            Either::Left((counted, _)) => counted.map_err(told_to_ask_for_less),
            Either::Right(_) => Err(Refusal::Overloaded("no answer in time")),
        };
        drop(permit);
        // Nobody may wait any more.
        let _ = sender.send(counted);
    }));
    receiver.await.map_err(|_| Refusal::internal("a count of events died"))?
}

/// To try a count again that takes too long would change nothing.
fn told_to_ask_for_less(error: StoreError) -> Refusal {
    match error.kind {
        StoreErrorKind::OutOfTime => {
            let message = "there are too many events to count them in time: ask for a shorter time or for fewer";
            Refusal::field("after", FieldCode::TooSmall, message)
        }
        _ => Refusal::Store(error),
    }
}

/// `aggregateEvents`
pub(super) struct Aggregate;

#[async_trait]
impl Read for Aggregate {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/events/aggregate")
            .named("aggregateEvents", "Count events, by time and by what they have in common")
            .about("events", "event")
            .scope(READ)
            .query(FILTERS)
            .query([
                Parameter::one_of("interval", Interval::WORDS, "A bucket for each of these, in UTC; at most 1,000."),
                Parameter::one_of("group_by", Group::WORDS, "A bucket for each value; the 100 largest."),
                Parameter::one_of("count_unique", UniqueId::WORDS, "Count the different values of this, too."),
            ])
            .answers::<EventsAggregateResponse>(200)
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let by = Aggregation {
            interval: query.parsed("interval")?,
            group_by: query.parsed("group_by")?,
            count_unique: query.parsed("count_unique")?,
        };
        let mut filter = filter(&query)?;
        let (after, before) = range(&filter, by.interval, call.now());
        let starts = by.interval.map(|interval| starts(interval, after, before)).transpose()?;
        (filter.after, filter.before) = (Some(after), Some(before));
        let services = call.services();
        // Who verified a key a moment ago finds it here.
        services.buffer.flush(services.store.as_ref()).await?;
        let counted = counted(services, call.account()?, filter, by).await?;
        let buckets = match (starts, by.group_by) {
            (Some(starts), None) => filled(&starts, counted, by),
            _ => counted.into_iter().map(EventBucket::from).collect(),
        };
        Ok(Answer::of(EventsAggregateResponse { interval: by.interval, group_by: by.group_by, buckets }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_ends_of_the_range_are_exclusive() {
        let minutes = |after, before| {
            let starts = starts(Interval::Minute, at(after), at(before)).unwrap();
            starts.iter().map(|start| start.as_millis() / MINUTE).collect::<Vec<_>>()
        };
        assert_eq!(minutes(0, 2 * MINUTE), [0, 1]);
        assert_eq!(minutes(MINUTE - 1, MINUTE + 1), [1]);
        assert_eq!(minutes(MINUTE - 2, MINUTE + 1), [0, 1]);
        assert_eq!(minutes(5, 6), [0_i64; 0]);
        assert_eq!(minutes(6, 5), [0_i64; 0]);
    }

    #[test]
    fn a_thousand_intervals_are_the_most() {
        assert_eq!(starts(Interval::Hour, at(-1), at(1_000 * 3_600_000)).unwrap().len(), 1_000);
        assert!(starts(Interval::Hour, at(-1), at(1_000 * 3_600_000 + 1)).is_err());
        assert!(starts(Interval::Minute, at(0), at(i64::MAX)).is_err());
    }

    #[test]
    fn a_range_begins_an_hour_a_day_or_30_days_ago() {
        let now = at(1_800_000_000_000);
        let hours = |interval| {
            let (after, before) = range(&EventFilter::default(), interval, now);
            assert_eq!(before.as_millis(), now.as_millis() + 1, "what happens now is counted");
            (before.as_millis() - after.as_millis()) / 3_600_000
        };
        let ranges = [Some(Interval::Minute), Some(Interval::Hour), Some(Interval::Day), None].map(hours);
        assert_eq!(ranges, [1, 24, 720, 720]);
    }
}
