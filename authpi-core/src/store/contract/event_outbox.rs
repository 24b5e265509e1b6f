//! Events that wait for background services.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::event::event;
use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::event::catalogue;
use crate::event::model::Event;
use crate::event::repository::Consumer;
use crate::id::EventId;

/// Events that are metered.
async fn metered(ground: &Ground, count: usize) -> Vec<Event> {
    let account = mint();
    let mut events: Vec<Event> = (0..count).map(|_| event(account, catalogue::API_KEY_VERIFIED, START)).collect();
    events.sort_by_key(|event| event.id);
    let mut unit = begin(ground, START).await;
    unit.events().append(&events).await.unwrap();
    unit.commit().await.unwrap();
    events
}

fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

async fn waiting(ground: &Ground) -> Vec<EventId> {
    let mut unit = begin(ground, START).await;
    let found = ids(&unit.events().lock_waiting(Consumer::Metering, None, 100).await.unwrap());
    // A dropped unit lets go of its rows a moment later, a finished one at once.
    unit.commit().await.unwrap();
    found
}

async fn finish(ground: &Ground, events: &[EventId]) {
    let mut unit = begin(ground, START).await;
    unit.events().outbox_done(Consumer::Metering, events).await.unwrap();
    unit.commit().await.unwrap();
}

pub async fn what_a_consumer_wants_waits_for_it_oldest_first_until_it_is_done(ground: Ground) {
    let events = metered(&ground, 3).await;
    let mut unit = begin(&ground, START).await;
    unit.events().append(&[event(mint(), catalogue::ORGANIZATION_CREATED, START)]).await.unwrap();
    unit.commit().await.unwrap();

    assert_eq!(waiting(&ground).await, ids(&events));
    let mut unit = begin(&ground, START).await;
    assert_eq!(ids(&unit.events().lock_waiting(Consumer::Metering, None, 2).await.unwrap()), ids(&events[..2]));
    let behind = unit.events().lock_waiting(Consumer::Metering, Some(events[0].id), 2).await.unwrap();
    assert_eq!(ids(&behind), ids(&events[1..]));
    assert!(unit.events().lock_waiting(Consumer::Notices, None, 2).await.unwrap().is_empty());
    unit.commit().await.unwrap();
    finish(&ground, &ids(&events[..2])).await;
    assert_eq!(waiting(&ground).await, ids(&events[2..]));
}

pub async fn what_was_taken_and_not_finished_waits_again(ground: Ground) {
    let events = metered(&ground, 2).await;
    let mut unit = begin(&ground, START).await;
    let taken = unit.events().lock_waiting(Consumer::Metering, None, 2).await.unwrap();
    unit.events().outbox_done(Consumer::Metering, &ids(&taken)).await.unwrap();
    drop(unit);
    // The rows of a dropped unit stay locked until its rollback has arrived, and locked rows are passed by.
    let mut again = waiting(&ground).await;
    for _ in 0..1_000 {
        if again.len() == events.len() {
            break;
        }
        again = waiting(&ground).await;
    }
    assert_eq!(again, ids(&events));
}

pub async fn an_event_that_is_appended_again_does_not_wait_again(ground: Ground) {
    let events = metered(&ground, 1).await;
    finish(&ground, &ids(&events)).await;
    ground.store().append(events).await.unwrap();
    assert!(waiting(&ground).await.is_empty());
}

pub async fn of_parallel_workers_each_event_meets_one(ground: Ground) {
    let events = metered(&ground, 2 * RACERS).await;
    let met = Arc::new(Mutex::new(Vec::new()));
    let (seen, shared) = (Arc::clone(&met), Arc::clone(&ground));
    race(&ground, move |_| {
        let (seen, ground) = (Arc::clone(&seen), Arc::clone(&shared));
        async move {
            let mut unit = begin(&ground, START).await;
            let taken = ids(&unit.events().lock_waiting(Consumer::Metering, None, 2).await.unwrap());
            unit.events().outbox_done(Consumer::Metering, &taken).await.unwrap();
            unit.commit().await.unwrap();
            seen.lock().unwrap().extend(taken);
        }
    })
    .await;
    let met = met.lock().unwrap().clone();
    assert_eq!(met.len(), events.len());
    assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), ids(&events).into_iter().collect());
}

pub async fn a_purged_event_waits_for_nobody(ground: Ground) {
    metered(&ground, 1).await;
    let mut unit = begin(&ground, START).await;
    unit.events().purge(later(1), later(1), 10).await.unwrap();
    unit.commit().await.unwrap();
    assert!(waiting(&ground).await.is_empty());
}

pub async fn what_waits_is_seen_without_being_taken_and_taken_by_one(ground: Ground) {
    let store = ground.store();
    let reads = store.reads().events();
    assert_eq!(reads.waiting_since(Consumer::Metering).await.unwrap(), None);
    let events = metered(&ground, 3).await;
    // By the time in its id, which runs ahead a little where many are minted at once.
    let since = reads.waiting_since(Consumer::Metering).await.unwrap().unwrap();
    assert!((START..later(1)).contains(&since), "{since:?}");
    assert_eq!(ids(&reads.waiting(Consumer::Metering, None, 2).await.unwrap()), ids(&events[..2]));
    assert_eq!(ids(&reads.waiting(Consumer::Metering, Some(events[1].id), 2).await.unwrap()), ids(&events[2..]));
    let mut unit = begin(&ground, START).await;
    let taken = unit.events().take(Consumer::Metering, &ids(&events[1..])).await.unwrap();
    assert_eq!(taken, ids(&events[1..]));
    assert!(unit.events().take(Consumer::Notices, &ids(&events)).await.unwrap().is_empty());
    unit.events().outbox_done(Consumer::Metering, &taken).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.events().take(Consumer::Metering, &ids(&events)).await.unwrap(), ids(&events[..1]));
    unit.commit().await.unwrap();
}

pub async fn behind_accounts_with_many_events_those_of_others_are_seen(ground: Ground) {
    let crowd = metered(&ground, 4).await;
    let others = metered(&ground, 3).await;
    let late = metered(&ground, 1).await;
    let store = ground.store();
    let reads = store.reads().events();
    let but = BTreeSet::from([crowd[0].subject.account_id, late[0].subject.account_id]);
    let behind = async |after: EventId, most| {
        let found = reads.waiting_of_others(Consumer::Metering, after, &but, most).await.unwrap();
        (ids(&found.events), found.seen_to)
    };
    assert_eq!(behind(crowd[0].id, (3, 9)).await, (vec![], Some(crowd[3].id)), "as far as it looked");
    assert_eq!(behind(crowd[0].id, (9, 9)).await, (ids(&others), None), "all");
    assert_eq!(behind(crowd[0].id, (9, 2)).await, (ids(&others[..2]), Some(others[1].id)), "no further than it took");
    assert_eq!(behind(others[1].id, (9, 9)).await, (ids(&others[2..]), None));
    assert_eq!(behind(late[0].id, (9, 9)).await, (vec![], None));
    let elsewhere = reads.waiting_of_others(Consumer::Notices, crowd[0].id, &but, (9, 9)).await.unwrap();
    assert!(elsewhere.events.is_empty() && elsewhere.seen_to.is_none());
}

pub async fn the_newest_event_of_an_account_that_waits_is_found_or_a_later_one(ground: Ground) {
    let own = metered(&ground, 2).await;
    let others = metered(&ground, 3).await;
    let store = ground.store();
    let reads = store.reads().events();
    let newest = async |event: &Event, seen| {
        reads.newest_waiting(Consumer::Metering, event.subject.account_id, seen).await.unwrap()
    };
    assert_eq!(newest(&own[0], 9).await, Some(own[1].id));
    assert_eq!(newest(&others[0], 1).await, Some(others[2].id));
    assert_eq!(newest(&own[0], 3).await, Some(others[0].id), "behind what it has seen");
    let elsewhere = reads.newest_waiting(Consumer::Notices, own[0].subject.account_id, 9).await.unwrap();
    let mut unit = begin(&ground, START).await;
    unit.events().outbox_done(Consumer::Metering, &ids(&own)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!((elsewhere, newest(&own[0], 9).await), (None, None));
}

pub async fn consumers_beside_each_other_never_wait_in_a_circle(ground: Ground) {
    const ROUNDS: usize = 12;
    const CONSUMERS: [Consumer; 3] = [Consumer::Chain, Consumer::Metering, Consumer::Webhooks];
    let shared = Arc::clone(&ground);
    race(&ground, move |number| {
        let ground = Arc::clone(&shared);
        let consumer = CONSUMERS[number % CONSUMERS.len()];
        async move {
            for _ in 0..ROUNDS {
                metered(&ground, 4).await;
                let mut unit = begin(&ground, START).await;
                let taken = ids(&unit.events().lock_waiting(consumer, None, 7).await.unwrap());
                unit.events().outbox_done(consumer, &taken).await.unwrap();
                unit.commit().await.unwrap();
            }
        }
    })
    .await;
}
