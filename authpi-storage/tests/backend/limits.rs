//! How long a database works on a question.

use std::time::Duration;

use authpi_core::error::StoreErrorKind;
use authpi_core::event::catalogue;
use authpi_core::event::model::{Event, Subject};
use authpi_core::event::repository::{Aggregation, EventFilter, Group, Interval, UniqueId};
use authpi_core::id::AccountId;
use authpi_core::store::Store;
use authpi_core::store::contract::event::event;
use authpi_core::store::contract::{START, mint};
use authpi_storage::{ConnectOptions, DatabaseStore};
use tokio::runtime::Runtime;

const EVENTS: usize = 20_000;

/// Many events of one account, each of a session of its own; the last of them.
async fn fill(url: &str, account: AccountId) -> Event {
    let store = authpi_storage::connect(url).await.unwrap();
    let one = |subject: Subject| Event { subject, ..event(account, catalogue::SESSION_CREATED, START) };
    let mut last = None;
    for _ in 0..EVENTS / 1_000 {
        let events: Vec<Event> = (0..1_000).map(|_| one(Subject::account(account).session(mint()))).collect();
        let mut unit = store.begin(START).await.unwrap();
        unit.events().append(&events).await.unwrap();
        unit.commit().await.unwrap();
        last = events.into_iter().last();
    }
    last.unwrap()
}

/// A store that gives statements little time. A machine that is busy may need more for any.
async fn hasty(url: &str, options: ConnectOptions) -> DatabaseStore {
    let mut store = authpi_storage::connect_with(url, options).await;
    for _ in 0..100 {
        if store.is_ok() {
            break;
        }
        store = authpi_storage::connect_with(url, options).await;
    }
    store.unwrap()
}

fn a_count_that_takes_too_long_is_given_up_and_holds_no_connection(url: &str) {
    let by = Aggregation {
        interval: Some(Interval::Minute),
        group_by: Some(Group::Type),
        count_unique: Some(UniqueId::Session),
    };
    Runtime::new().unwrap().block_on(async {
        let account = mint();
        let last = fill(url, account).await;
        let mut options = ConnectOptions::default();
        (options.statement_timeout, options.max_connections) = (Duration::from_millis(2), 1);
        let hasty = hasty(url, options).await;
        for _ in 0..4 {
            let failed = hasty.reads().events().aggregate(account, &EventFilter::default(), by).await.unwrap_err();
            assert_eq!(failed.kind, StoreErrorKind::OutOfTime, "{failed}");
        }
        let mut found = None;
        for _ in 0..100 {
            found = hasty.reads().events().find(account, last.id).await.ok().flatten();
            if found.is_some() {
                break;
            }
        }
        assert_eq!(found.map(|event| event.id), Some(last.id));
    });
}

#[test]
fn on_sqlite_a_count_that_takes_too_long_is_given_up_and_holds_no_connection() {
    super::at_sqlite_file(a_count_that_takes_too_long_is_given_up_and_holds_no_connection);
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgresql_a_count_that_takes_too_long_is_given_up_and_holds_no_connection() {
    super::on_postgres_database(|url| a_count_that_takes_too_long_is_given_up_and_holds_no_connection(url.as_str()));
}

#[cfg(feature = "mysql")]
#[test]
fn on_mariadb_a_count_that_takes_too_long_is_given_up_and_holds_no_connection() {
    super::on_mysql_database(|url| a_count_that_takes_too_long_is_given_up_and_holds_no_connection(url.as_str()));
}
