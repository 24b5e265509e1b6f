//! The event trail.

mod append;
mod list;
mod record;

pub use append::{
    an_append_that_is_cut_off_harms_nobody, an_append_that_is_refused_harms_no_other,
    appending_an_event_again_changes_nothing, parallel_appends_are_visible_when_they_return,
};
pub use list::{
    a_user_is_found_as_subject_and_as_actor_once, another_account_sees_nothing,
    events_of_one_millisecond_are_listed_by_id_newest_first, filters_hold_together,
    pages_neither_repeat_nor_skip_while_newer_events_arrive,
};
pub use record::{
    all_types_can_be_written_and_asked_for, an_erased_context_leaves_the_event_and_its_hash,
    events_of_a_dropped_unit_are_never_seen, every_field_comes_back_as_it_was_written,
    purging_goes_by_age_class_and_limit, the_contexts_of_a_user_are_erased_in_batches,
};

use std::collections::BTreeSet;

use serde_json::Map;

use super::{Ground, START, begin, mint};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{Actor, ContextRecord, Event, Subject, Trigger};
use crate::event::repository::EventFilter;
use crate::id::{AccountId, EventId};
use crate::page::{Limit, Page, PageRequest, TimeAndId};
use crate::timestamp::Timestamp;

/// An event of `account` at `timestamp`.
pub fn event(account: AccountId, kind: EventType, timestamp: Timestamp) -> Event {
    Event {
        id: mint(),
        kind,
        source: "com.authpi/v1".to_owned(),
        trigger: Trigger::Api,
        trace: None,
        actor: Actor::System,
        subject: Subject::account(account),
        timestamp,
        data: Map::new(),
        context: ContextRecord::NONE,
    }
}

fn created(account: AccountId) -> Event {
    event(account, catalogue::ORGANIZATION_CREATED, START)
}

async fn write(ground: &Ground, events: &[Event]) {
    let mut unit = begin(ground, START).await;
    unit.events().append(events).await.unwrap();
    unit.commit().await.unwrap();
}

type Cursor = Option<TimeAndId<EventId>>;

async fn page(ground: &Ground, account: AccountId, filter: &EventFilter, limit: u32, after: Cursor) -> Page<Event> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    ground.store().reads().events().list(account, filter, &page).await.unwrap()
}

async fn ids(ground: &Ground, account: AccountId, filter: &EventFilter) -> Vec<EventId> {
    page(ground, account, filter, 100, None).await.items.iter().map(|event| event.id).collect()
}

async fn set(ground: &Ground, account: AccountId, filter: &EventFilter) -> BTreeSet<EventId> {
    ids(ground, account, filter).await.into_iter().collect()
}

/// An event has no equality of its own: nothing but a test compares two.
fn assert_same(found: &Event, expected: &Event) {
    let sealed =
        |event: &Event| event.context.sealed.as_ref().map(|context| (context.root, context.sealed.as_bytes().to_vec()));
    let plain = |event: &Event| {
        let Event { id, kind, source, trigger, trace, actor, subject, timestamp, data, context } = event.clone();
        ((id, kind, source, trigger, trace), (actor, subject, timestamp, data, context.hash))
    };
    assert_eq!(plain(found), plain(expected));
    assert_eq!(sealed(found), sealed(expected));
}
