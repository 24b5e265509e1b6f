//! Reading events at scale: lists and counts over the events of thirty days, on a database that holds nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::event::catalogue::{self, EventType};
use authpi_core::event::model::{EventDraft, Subject};
use authpi_core::id::{AccountId, ClientId, Id, IssuerId, OrganizationId, SessionId, UserId};
use authpi_core::store::Change;
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{Clock, ManualClock};
use http::Method;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::measure::Report;
use crate::platform::Platform;
use crate::{Scale, baseline};

/// Events of one unit of work.
const TOGETHER: usize = 1_000;

/// The time over which the events spread: that which is counted when nobody says.
const SPAN: Duration = Duration::from_hours(30 * 24);

/// Users, clients and organizations that events are about.
const USERS: usize = 20_000;
const CLIENTS: usize = 20;
const ORGANIZATIONS: usize = 2_000;

const KINDS: [EventType; 8] = [
    catalogue::SESSION_CREATED,
    catalogue::SESSION_CREATED,
    catalogue::SESSION_CREATED,
    catalogue::SESSION_TERMINATED,
    catalogue::USER_UPDATED,
    catalogue::USER_CREATED,
    catalogue::ORGANIZATION_UPDATED,
    catalogue::CLIENT_UPDATED,
];

/// Fills the database at `url`, and reads.
pub(crate) async fn run(url: &str, scale: Scale, report: &mut Report) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let platform = Platform::start_at(url, Arc::<ManualClock>::clone(&clock)).await;
    fill(&platform, &clock, scale.history).await;
    bare_count(url, report).await;
    lists(&platform, &clock, scale, report).await;
    counts(&platform, scale, report).await;
    retention(&platform, scale, report).await;
}

/// An id that is the same for the same number.
fn id<T: Id>(number: usize) -> T {
    T::from_uuid(Uuid::from_u128((7 << 76) | (0b10 << 62) | (number as u128 + 1)))
}

#[allow(clippy::disallowed_methods, reason = "a bench measures the time of the machine")]
async fn fill(platform: &Platform, clock: &ManualClock, events: usize) {
    let begin = std::time::Instant::now();
    let step = SPAN * u32::try_from(TOGETHER).unwrap() / u32::try_from(events).unwrap();
    for from in (0..events).step_by(TOGETHER) {
        clock.advance(step);
        let history =
            History { account: platform.account, issuer: platform.issuer, from, to: events.min(from + TOGETHER) };
        platform.authpi.run(&history).await.unwrap();
    }
    println!("{events} events made in {:.0?}", begin.elapsed());
}

struct History {
    account: AccountId,
    issuer: IssuerId,
    from: usize,
    to: usize,
}

#[async_trait]
impl Work for History {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        for number in self.from..self.to {
            // Large odd factors, so that neighbours are about different things.
            let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let subject = Subject::issuer(self.account, self.issuer)
                .user(id::<UserId>(scattered % USERS))
                .client(id::<ClientId>(scattered / USERS % CLIENTS))
                .organization(id::<OrganizationId>(scattered % ORGANIZATIONS))
                .session(id::<SessionId>(number / 4));
            change.emit(EventDraft::new(KINDS[number % KINDS.len()], subject))?;
        }
        Ok(())
    }
}

/// What the database needs to count all of its events.
async fn bare_count(url: &str, report: &mut Report) {
    let database = Arc::new(baseline::connect(url, 1).await);
    report
        .measure(COUNT, None, (1, 10), move |_| {
            let database = Arc::clone(&database);
            async move {
                let count = "SELECT COUNT(*) AS n FROM authpi_event";
                let statement = Statement::from_string(database.get_database_backend(), count);
                assert!(database.query_one_raw(statement).await.unwrap().is_some());
            }
        })
        .await;
}

const COUNT: &str = "bare count of all events";

/// The first page, one far down, and one from long ago, of all events and of some.
async fn lists(platform: &Platform, clock: &ManualClock, scale: Scale, report: &mut Report) {
    let (user, client) = (id::<UserId>(17), id::<ClientId>(17));
    let long_ago = clock.now().minus(SPAN / 2).as_millis();
    let lists = [
        ("events", String::new()),
        ("events of long ago", format!("&before={long_ago}")),
        ("events of a user", format!("&user_id={user}")),
        ("events of a client", format!("&client_id={client}")),
        ("events of a user at a client", format!("&user_id={user}&client_id={client}")),
        ("events of two types", "&event_types=user.created,client.updated".to_owned()),
        ("events of a type that never was", "&event_types=webhook.deleted".to_owned()),
    ];
    for (name, filter) in lists {
        let path = platform.path(&format!("/events?limit=50{filter}"));
        let shared = platform.clone();
        report
            .measure(name, Some("bare page of 50 rows"), (8, scale.operations / 5), move |_| {
                let (shared, path) = (shared.clone(), path.clone());
                async move { drop(shared.call(Method::GET, &path, None).await) }
            })
            .await;
    }
}

/// Counts: those of the default ranges, of which the longest covers all that there is.
async fn counts(platform: &Platform, scale: Scale, report: &mut Report) {
    let counts = [
        ("count by minute, 1 h", "interval=minute".to_owned()),
        ("count by hour, 24 h", "interval=hour".to_owned()),
        ("count by day, 30 d", "interval=day".to_owned()),
        ("count, 30 d", String::new()),
        ("count by type, 30 d", "group_by=type".to_owned()),
        ("count by type and day, 30 d", "group_by=type&interval=day".to_owned()),
        ("count by client, 30 d", "group_by=client_id".to_owned()),
        ("count by organization, 24 h", "group_by=org_id&interval=hour".to_owned()),
        ("different users, 30 d", "count_unique=user_id".to_owned()),
        ("different users by hour, 24 h", "count_unique=user_id&interval=hour".to_owned()),
        ("different sessions by day, 30 d", "count_unique=session_id&interval=day".to_owned()),
        ("count of a client by day, 30 d", format!("interval=day&client_id={}", id::<ClientId>(17))),
        ("count of a user by day, 30 d", format!("interval=day&user_id={}", id::<UserId>(17))),
    ];
    for (name, query) in counts {
        let path = platform.path(&format!("/events/aggregate?{query}"));
        if !platform.answers(&path).await {
            println!("{name}: refused, as there are too many events");
            continue;
        }
        let shared = platform.clone();
        report
            .measure(name, Some(COUNT), (1, scale.operations.min(5)), move |_| {
                let (shared, path) = (shared.clone(), path.clone());
                async move { drop(shared.call(Method::GET, &path, None).await) }
            })
            .await;
    }
}

/// What is kept no longer goes as fast as it came, in units of work as workers take them.
async fn retention(platform: &Platform, scale: Scale, report: &mut Report) {
    let (shared, count) = (platform.clone(), scale.operations.min(100));
    report
        .measure(MADE, None, (1, count), move |number| {
            let shared = shared.clone();
            async move {
                let (from, to) = (number * KEPT_TOGETHER, (number + 1) * KEPT_TOGETHER);
                let history = History { account: shared.account, issuer: shared.issuer, from, to };
                shared.authpi.run(&history).await.unwrap();
            }
        })
        .await;
    let shared = platform.clone();
    report
        .measure("500 events removed", Some(MADE), (1, count), move |_| {
            let services = Arc::clone(shared.authpi.services());
            async move {
                let mut unit = services.store.begin(services.now()).await.unwrap();
                let limit = u32::try_from(KEPT_TOGETHER).unwrap();
                let removed = unit.events().purge(services.now(), services.now(), limit).await.unwrap();
                assert_eq!(removed, u64::from(limit));
                unit.commit().await.unwrap();
            }
        })
        .await;
}

const MADE: &str = "500 events made";

/// Events of a unit of work.
const KEPT_TOGETHER: usize = 500;
