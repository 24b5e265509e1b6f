//! The hash chain over the events of an account.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::account::{account, insert};
use super::event::event;
use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::event::catalogue;
use crate::event::model::{ContextRecord, Event, Head, Link, SealedContext, content};
use crate::event::operations::link;
use crate::event::repository::{Chained, EventFilter, SequenceRange, Unchained};
use crate::id::{AccountId, EventId};
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

const ALL: SequenceRange = SequenceRange { after: 0, through: 1_000 };

/// An account that is there.
async fn opened(ground: &Ground) -> AccountId {
    let account = account();
    insert(ground, &account).await;
    account.id
}

fn created(account: AccountId) -> Event {
    event(account, catalogue::ORGANIZATION_CREATED, START)
}

async fn write(ground: &Ground, events: &[Event]) {
    let mut unit = begin(ground, START).await;
    unit.events().append(events).await.unwrap();
    unit.commit().await.unwrap();
}

async fn waiting(ground: &Ground) -> Vec<Unchained> {
    ground.store().reads().events().unchained(None, 500).await.unwrap()
}

async fn chain_at(ground: &Ground, now: Timestamp, waiting: &[Unchained]) -> u64 {
    let mut unit = begin(ground, now).await;
    let made = link(unit.as_mut(), waiting).await.unwrap();
    unit.commit().await.unwrap();
    made
}

async fn chain(ground: &Ground) -> u64 {
    chain_at(ground, START, &waiting(ground).await).await
}

async fn chained(ground: &Ground, account: AccountId, filter: &EventFilter) -> Vec<Chained> {
    ground.store().reads().events().chained(account, filter, ALL, 1_000).await.unwrap()
}

async fn links(ground: &Ground, account: AccountId) -> Vec<Link> {
    chained(ground, account, &EventFilter::default()).await.into_iter().map(|chained| chained.link).collect()
}

async fn head(ground: &Ground, account: AccountId) -> Option<Head> {
    ground.store().reads().events().head(account).await.unwrap()
}

fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

fn ids_of(links: &[Link]) -> Vec<EventId> {
    links.iter().map(|link| link.event_id).collect()
}

/// Whether links are numbered without holes and each follows the one before it, up to the head.
async fn assert_whole(ground: &Ground, account: AccountId) -> Vec<Link> {
    let links = links(ground, account).await;
    let mut before = Head::beginning(account, START).hash;
    for (link, number) in links.iter().zip(1..) {
        assert_eq!((link.sequence, link.previous), (number, before));
        before = link.hash();
    }
    let head = head(ground, account).await.unwrap();
    assert_eq!((head.sequence, head.hash), (links.len() as u64, before));
    assert_eq!((head.event_id, head.first_sequence), (links.last().map(|link| link.event_id), 1));
    links
}

pub async fn events_are_numbered_in_the_order_of_their_ids_and_late_ones_behind(ground: Ground) {
    let account = opened(&ground).await;
    let mut events: Vec<Event> = (0..4).map(|_| created(account)).collect();
    let late = events.remove(1);
    assert_eq!(head(&ground, account).await, None);
    write(&ground, &[events[2].clone(), events[0].clone(), events[1].clone()]).await;
    assert_eq!(chain(&ground).await, 3);
    write(&ground, std::slice::from_ref(&late)).await;
    assert_eq!(chain(&ground).await, 1);
    assert_eq!(chain(&ground).await, 0);
    events.push(late);
    assert_eq!(ids_of(&assert_whole(&ground, account).await), ids(&events));
    assert!(waiting(&ground).await.is_empty());
}

pub async fn a_link_comes_back_as_it_was_made(ground: Ground) {
    let account = opened(&ground).await;
    let context = ContextRecord {
        hash: [0xfe; 32],
        sealed: Some(SealedContext { root: mint(), sealed: Sealed::from_bytes(vec![1, 2, 3]) }),
    };
    // What databases might write in another way.
    let data = json!({ "b": 1e300, "a": [-0.0, 0.1, 1.0, i64::MIN, u64::MAX], "é\u{1f600}": "\\ \"" });
    let event = Event { context, data: data.as_object().unwrap().clone(), ..created(account) };
    write(&ground, std::slice::from_ref(&event)).await;
    assert_eq!(chain_at(&ground, later(1), &waiting(&ground).await).await, 1);
    let expected = Link {
        account_id: account,
        sequence: 1,
        event_id: event.id,
        previous: Head::beginning(account, START).hash,
        content: content(&event).unwrap(),
        context: [0xfe; 32],
        linked_at: later(1),
    };
    let found = chained(&ground, account, &EventFilter::default()).await.pop().unwrap();
    assert_eq!(found.link, expected);
    let kept = found.event.unwrap();
    assert_eq!((content(&kept).unwrap(), kept.context.hash), (expected.content, expected.context));
    assert_eq!(kept.context.sealed.unwrap().sealed.as_bytes(), [1, 2, 3]);
    assert_eq!(ground.store().reads().events().link_of(account, event.id).await.unwrap(), Some(expected.clone()));
    let expected = Head {
        account_id: account,
        sequence: 1,
        hash: expected.hash(),
        event_id: Some(event.id),
        first_sequence: 1,
        first_at: Some(later(1)),
        updated_at: later(1),
    };
    assert_eq!(head(&ground, account).await, Some(expected));
}

pub async fn another_account_has_a_chain_of_its_own_and_sees_no_other(ground: Ground) {
    let (account, other) = (opened(&ground).await, opened(&ground).await);
    let events: Vec<Event> = (0..6).map(|number| created(if number % 2 == 0 { account } else { other })).collect();
    write(&ground, &events).await;
    assert_eq!(chain(&ground).await, 6);
    for (account, number) in [(account, 0), (other, 1)] {
        let own: Vec<_> = events.iter().skip(number).step_by(2).map(|event| event.id).collect();
        assert_eq!(ids_of(&assert_whole(&ground, account).await), own);
        let foreign = events[1 - number].id;
        assert_eq!(ground.store().reads().events().link_of(account, foreign).await.unwrap(), None);
    }
    assert_eq!(head(&ground, mint()).await, None);
}

pub async fn of_parallel_workers_each_event_meets_one(ground: Ground) {
    let accounts = [opened(&ground).await, opened(&ground).await];
    let shared = Arc::clone(&ground);
    // Chains that begin, grow and are read at the same time.
    race(&ground, move |number| {
        let ground = Arc::clone(&shared);
        async move {
            for round in 0..3 {
                write(&ground, &[created(accounts[(number + round) % 2])]).await;
                let found = waiting(&ground).await;
                loop {
                    let mut unit = begin(&ground, START).await;
                    let made = link(unit.as_mut(), &found).await;
                    // A deadlock, or a wait that took too long: whoever loses comes again.
                    if made.is_ok() && unit.commit().await.is_ok() {
                        break;
                    }
                }
            }
        }
    })
    .await;
    chain(&ground).await;
    let mut numbered = BTreeSet::new();
    for account in accounts {
        numbered.extend(ids_of(&assert_whole(&ground, account).await));
    }
    assert_eq!(numbered.len(), 3 * RACERS);
    assert!(waiting(&ground).await.is_empty());
}

pub async fn what_others_have_numbered_is_not_numbered_again(ground: Ground) {
    let account = opened(&ground).await;
    write(&ground, &[created(account), created(account)]).await;
    let seen = waiting(&ground).await;
    assert_eq!(chain_at(&ground, START, &seen[..1]).await, 1);
    assert_eq!(chain_at(&ground, START, &seen).await, 1);
    assert_eq!(chain_at(&ground, START, &seen).await, 0);
    assert_eq!(assert_whole(&ground, account).await.len(), 2);
}

pub async fn a_dropped_unit_numbers_nothing(ground: Ground) {
    let account = opened(&ground).await;
    write(&ground, &[created(account)]).await;
    let seen = waiting(&ground).await;
    let mut unit = begin(&ground, START).await;
    assert_eq!(link(unit.as_mut(), &seen).await.unwrap(), 1);
    drop(unit);
    assert_eq!(chain(&ground).await, 1);
    assert_eq!(assert_whole(&ground, account).await.len(), 1);
}

pub async fn a_unit_cut_off_anywhere_leaves_no_hole(ground: Ground) {
    let account = opened(&ground).await;
    for attempt in 0..20 {
        write(&ground, &[created(account), created(account)]).await;
        let working = Arc::clone(&ground);
        let task = async move {
            let seen = waiting(&working).await;
            let mut unit = begin(&working, START).await;
            if link(unit.as_mut(), &seen).await.is_ok() {
                let _ = unit.commit().await;
            }
        };
        ground.cut_off(Duration::from_micros(attempt * 200), Box::pin(task)).await;
    }
    // The rows of a unit that was dropped stay locked, and its connection away, until its rollback has arrived.
    for attempt in 0.. {
        assert!(attempt < 50, "the units that were dropped have not ended");
        let (Ok(seen), Ok(mut unit)) =
            (ground.store().reads().events().unchained(None, 500).await, ground.store().begin(START).await)
        else {
            continue;
        };
        if link(unit.as_mut(), &seen).await.is_ok() && unit.commit().await.is_ok() {
            break;
        }
    }
    assert_eq!(assert_whole(&ground, account).await.len(), 40);
}

pub async fn pages_of_a_chain_go_by_number_and_filters_leave_links_alone(ground: Ground) {
    let (account, user) = (opened(&ground).await, mint());
    let mut events: Vec<Event> = (0..5).map(|_| created(account)).collect();
    for number in [1, 3] {
        events[number].subject.user_id = Some(user);
    }
    write(&ground, &events).await;
    chain(&ground).await;
    let reads = ground.store();
    let page = async |after: u64, through: u64, limit: u32| {
        let range = SequenceRange { after, through };
        let found = reads.reads().events().chained(account, &EventFilter::default(), range, limit).await.unwrap();
        found.iter().map(|chained| chained.link.sequence).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 5, 2).await, [1, 2]);
    assert_eq!(page(2, 5, 2).await, [3, 4]);
    assert_eq!(page(2, 3, 2).await, [3]);
    assert!(page(5, 5, 2).await.is_empty());
    let about = EventFilter { user_id: Some(user), ..EventFilter::default() };
    let found = chained(&ground, account, &about).await;
    let shown: Vec<_> = found.iter().map(|chained| chained.event.as_ref().map(|event| event.id)).collect();
    assert_eq!(shown, [None, Some(events[1].id), None, Some(events[3].id), None]);
}

pub async fn what_waits_is_found_page_by_page_and_so_is_its_end(ground: Ground) {
    let account = opened(&ground).await;
    let events: Vec<Event> = (0..5).map(|_| created(account)).collect();
    assert_eq!(ground.store().reads().events().last_unchained().await.unwrap(), None);
    write(&ground, &events).await;
    let store = ground.store();
    let reads = store.reads().events();
    assert_eq!(reads.last_unchained().await.unwrap(), Some(events[4].id));
    let page = |after: Option<EventId>| reads.unchained(after, 3);
    let (first, second) = (page(None).await.unwrap(), page(Some(events[2].id)).await.unwrap());
    let found: Vec<_> = first.iter().chain(&second).map(|one| one.event_id).collect();
    assert_eq!((first.len(), found), (3, ids(&events)));
    assert!(first.iter().all(|one| (one.account_id, one.timestamp) == (account, START)));
    let other = opened(&ground).await;
    let theirs = [created(other), created(other)];
    write(&ground, &theirs).await;
    let of = async |account: AccountId, after: Option<EventId>, through: EventId, limit: u32| {
        let found = reads.unchained_of(account, (after, through), limit).await.unwrap();
        found.into_iter().map(|one| one.event_id).collect::<Vec<_>>()
    };
    assert_eq!(of(other, None, theirs[1].id, 10).await, ids(&theirs));
    assert_eq!(of(other, None, theirs[0].id, 10).await, ids(&theirs[..1]), "none that comes later");
    assert_eq!(of(account, Some(events[0].id), theirs[1].id, 2).await, ids(&events[1..3]));
}

pub async fn a_purged_event_leaves_its_link(ground: Ground) {
    let account = opened(&ground).await;
    let events = [event(account, catalogue::API_KEY_VERIFIED, START), created(account)];
    write(&ground, &events).await;
    chain(&ground).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.events().purge(later(1), START, 10).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert_eq!(ids_of(&assert_whole(&ground, account).await), ids(&events));
    let left = chained(&ground, account, &EventFilter::default()).await;
    assert_eq!(left.iter().map(|chained| chained.event.is_some()).collect::<Vec<_>>(), [false, true]);
}

pub async fn links_go_from_the_start_alone_by_age_and_limit(ground: Ground) {
    let (account, other) = (opened(&ground).await, opened(&ground).await);
    for minute in [0, 1, 2, 30] {
        write(&ground, &[created(account)]).await;
        chain_at(&ground, later(minute), &waiting(&ground).await).await;
    }
    write(&ground, &[created(other)]).await;
    chain_at(&ground, later(1), &waiting(&ground).await).await;
    let before = head(&ground, account).await.unwrap();
    let purge = async |limit: u32| {
        let mut unit = begin(&ground, later(60)).await;
        let removed = unit.events().purge_links(later(10), limit).await.unwrap();
        unit.commit().await.unwrap();
        removed
    };
    assert_eq!(purge(2).await, 2);
    let cut = head(&ground, account).await.unwrap();
    assert_eq!((cut.first_sequence, cut.first_at), (3, Some(later(2))));
    assert_eq!(purge(10).await, 2, "the third of one, and all of the other");
    assert_eq!(purge(10).await, 0);
    let after = head(&ground, account).await.unwrap();
    assert_eq!(after, Head { first_sequence: 4, first_at: Some(later(30)), ..before });
    assert_eq!(links(&ground, account).await.iter().map(|link| link.sequence).collect::<Vec<_>>(), [4]);
    let empty = head(&ground, other).await.unwrap();
    assert_eq!((empty.sequence, empty.first_sequence, empty.first_at), (1, 2, None));
    write(&ground, &[created(other)]).await;
    chain_at(&ground, later(60), &waiting(&ground).await).await;
    let again = head(&ground, other).await.unwrap();
    assert_eq!((again.sequence, again.first_sequence, again.first_at), (2, 2, Some(later(60))));
    assert_eq!(links(&ground, other).await[0].previous, empty.hash);
}

pub async fn an_ended_account_loses_its_chain_and_gets_no_further_numbers(ground: Ground) {
    let account = account();
    insert(&ground, &account).await;
    write(&ground, &[created(account.id)]).await;
    chain(&ground).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.accounts().begin_delete(account.id, account.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.events().append(&[created(account.id)]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(chain(&ground).await, 0);
    assert!(waiting(&ground).await.is_empty());
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.accounts().remove_children(account.id, 100).await.unwrap(), 2);
    unit.commit().await.unwrap();
    assert_eq!(head(&ground, account.id).await, None);
    assert!(links(&ground, account.id).await.is_empty());
}
