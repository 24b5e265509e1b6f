//! The event trail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};

use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{Actor, ContextRecord, Event, SealedContext, Subject, Trigger};
use crate::event::repository::EventFilter;
use crate::id::{AccountId, ClientId, EventId, IssuerId, MemberId, OrganizationId, UserId};
use crate::page::{Limit, Page, PageRequest, TimeAndId};
use crate::seal::Sealed;
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

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let account = mint();
    let issuer = mint();
    let full = Event {
        source: "s".repeat(200),
        trigger: Trigger::Schedule,
        trace: Some("f".repeat(32)),
        actor: Actor::ApiKey { key_id: mint() },
        subject: Subject::issuer(account, issuer)
            .organization(mint())
            .user(mint())
            .client(mint())
            .api_key(mint())
            .member(MemberId::Agent(mint())),
        data: json!({
            "changes": ["a", "b"], "reason": null, "big": "ü".repeat(30_000), "number": 9_007_199_254_740_991_i64,
            "nested": { "status": { "from": "active", "to": "suspended" }, "text": "\"\\\n🦀" },
        })
        .as_object()
        .unwrap()
        .clone(),
        context: ContextRecord {
            hash: [7; 32],
            sealed: Some(SealedContext { root: issuer, sealed: Sealed::from_bytes(vec![9; 4_000]) }),
        },
        ..event(account, catalogue::API_KEY_RATE_LIMIT_EXCEEDED, later(1))
    };
    let bare = event(account, catalogue::ACCOUNT_CREATED, Timestamp::EPOCH);
    write(&ground, &[full.clone(), bare.clone()]).await;
    for expected in [&full, &bare] {
        let found = ground.store().reads().events().find(account, expected.id).await.unwrap().unwrap();
        assert_same(&found, expected);
    }
    let listed = page(&ground, account, &EventFilter::default(), 2, None).await;
    assert_same(&listed.items[0], &full);
    assert_same(&listed.items[1], &bare);
    assert!(!listed.has_more);
}

pub async fn all_types_can_be_written_and_asked_for(ground: Ground) {
    let account = mint();
    let all: Vec<Event> = catalogue::ALL.iter().map(|kind| event(account, *kind, START)).collect();
    write(&ground, &all).await;
    for expected in &all {
        let filter = EventFilter { kinds: vec![expected.kind], ..EventFilter::default() };
        assert_eq!(ids(&ground, account, &filter).await, [expected.id]);
    }
}

pub async fn events_of_one_millisecond_are_listed_by_id_newest_first(ground: Ground) {
    let account = mint();
    let events: Vec<Event> = (0..7).map(|_| created(account)).collect();
    let older = event(account, catalogue::ACCOUNT_CREATED, Timestamp::from_millis(START.as_millis() - 1));
    // The id of the older one is the greatest: time goes first.
    write(&ground, &events).await;
    write(&ground, std::slice::from_ref(&older)).await;
    let expected: Vec<EventId> = events.iter().rev().map(|event| event.id).chain([older.id]).collect();
    assert_eq!(ids(&ground, account, &EventFilter::default()).await, expected);
}

pub async fn another_account_sees_nothing(ground: Ground) {
    let (ours, stranger): (AccountId, AccountId) = (mint(), mint());
    let (issuer, user, client): (IssuerId, UserId, ClientId) = (mint(), mint(), mint());
    let one = Event {
        subject: Subject::issuer(ours, issuer).user(user).client(client),
        actor: Actor::User { user_id: user },
        ..created(ours)
    };
    write(&ground, std::slice::from_ref(&one)).await;
    assert!(ground.store().reads().events().find(stranger, one.id).await.unwrap().is_none());
    let filters = [
        EventFilter::default(),
        EventFilter { issuer_id: Some(issuer), ..EventFilter::default() },
        EventFilter { user_id: Some(user), ..EventFilter::default() },
        EventFilter { client_id: Some(client), ..EventFilter::default() },
        EventFilter { kinds: vec![one.kind], ..EventFilter::default() },
    ];
    for filter in &filters {
        assert_eq!(ids(&ground, stranger, filter).await, []);
        assert_eq!(ids(&ground, ours, filter).await, [one.id]);
    }
}

pub async fn filters_hold_together(ground: Ground) {
    let account = mint();
    let (first, second): (IssuerId, IssuerId) = (mint(), mint());
    let client: ClientId = mint();
    let of_account = created(account);
    let of_first = Event { subject: Subject::issuer(account, first), ..created(account) };
    let of_client = Event {
        subject: Subject::issuer(account, first).client(client),
        ..event(account, catalogue::CLIENT_CREATED, later(1))
    };
    let of_second = Event {
        subject: Subject::issuer(account, second).client(client),
        ..event(account, catalogue::CLIENT_UPDATED, later(2))
    };
    write(&ground, &[of_account.clone(), of_first.clone(), of_client.clone(), of_second.clone()]).await;
    let list = async |filter: EventFilter| set(&ground, account, &filter).await;
    let none = EventFilter::default();
    let below_first = EventFilter { issuer_id: Some(first), ..none.clone() };
    assert_eq!(list(below_first.clone()).await, BTreeSet::from([of_first.id, of_client.id]));
    let about_client = EventFilter { client_id: Some(client), ..none.clone() };
    assert_eq!(list(about_client.clone()).await, BTreeSet::from([of_client.id, of_second.id]));
    let both = EventFilter { issuer_id: Some(first), ..about_client.clone() };
    assert_eq!(list(both).await, BTreeSet::from([of_client.id]));
    let types = vec![catalogue::CLIENT_UPDATED, catalogue::ORGANIZATION_CREATED];
    let two_types = EventFilter { kinds: types.clone(), ..none.clone() };
    assert_eq!(list(two_types).await, BTreeSet::from([of_account.id, of_first.id, of_second.id]));
    let typed_client = EventFilter { kinds: types, ..about_client };
    assert_eq!(list(typed_client).await, BTreeSet::from([of_second.id]));
    let between = EventFilter { after: Some(START), before: Some(later(2)), ..none.clone() };
    assert_eq!(list(between).await, BTreeSet::from([of_client.id]), "both ends are exclusive");
    let nowhere = EventFilter { after: Some(later(2)), ..none };
    assert_eq!(list(nowhere).await, BTreeSet::new());
}

pub async fn a_user_is_found_as_subject_and_as_actor_once(ground: Ground) {
    let account = mint();
    let (user, other): (UserId, UserId) = (mint(), mint());
    let issuer: IssuerId = mint();
    let about = |subject: UserId, actor: Actor, at: u64| Event {
        subject: Subject::issuer(account, issuer).user(subject),
        actor,
        ..event(account, catalogue::USER_UPDATED, later(at))
    };
    let by_user = || Actor::User { user_id: user };
    let events = [
        about(user, Actor::System, 1),
        about(other, by_user(), 2),
        about(user, by_user(), 3),
        about(other, Actor::User { user_id: other }, 4),
        about(user, Actor::System, 5),
        about(other, by_user(), 6),
    ];
    write(&ground, &events).await;
    let filter = EventFilter { user_id: Some(user), ..EventFilter::default() };
    let expected: Vec<EventId> = [5, 4, 2, 1, 0].iter().map(|index: &usize| events[*index].id).collect();
    assert_eq!(ids(&ground, account, &filter).await, expected);
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let found = page(&ground, account, &filter, 1, after).await;
        walked.extend(found.items.iter().map(|event| event.id));
        after = found.items.last().map(|event| TimeAndId { at: event.timestamp, id: event.id });
        if !found.has_more {
            break;
        }
    }
    assert_eq!(walked, expected);
}

pub async fn pages_neither_repeat_nor_skip_while_newer_events_arrive(ground: Ground) {
    let account: AccountId = mint();
    // Three of each millisecond: pages end inside one.
    let events: Vec<Event> = (0..12)
        .map(|number| event(account, catalogue::USER_UPDATED, Timestamp::from_millis(START.as_millis() + number / 3)))
        .collect();
    write(&ground, &events).await;
    write(&ground, &[created(mint())]).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let found = page(&ground, account, &EventFilter::default(), 5, after).await;
        seen.extend(found.items.iter().map(|event| event.id));
        after = found.items.last().map(|event| TimeAndId { at: event.timestamp, id: event.id });
        if !found.has_more {
            break;
        }
        write(&ground, &[event(account, catalogue::USER_UPDATED, later(1))]).await;
    }
    let expected: Vec<EventId> = events.iter().rev().map(|event| event.id).collect();
    assert_eq!(seen, expected);
}

pub async fn an_erased_context_leaves_the_event_and_its_hash(ground: Ground) {
    let account = mint();
    let with =
        |sealed: Option<SealedContext>| Event { context: ContextRecord { hash: [3; 32], sealed }, ..created(account) };
    let present = with(Some(SealedContext { root: mint(), sealed: Sealed::from_bytes(vec![1, 2, 3]) }));
    let erased = with(None);
    write(&ground, &[present.clone(), erased.clone()]).await;
    let listed = page(&ground, account, &EventFilter::default(), 10, None).await;
    assert_same(&listed.items[1], &present);
    assert_same(&listed.items[0], &erased);
}

pub async fn the_contexts_of_a_user_are_erased_in_batches(ground: Ground) {
    let (account, elsewhere, issuer, user) = (mint(), mint(), mint(), mint());
    let with = |actor: Actor, subject: Subject| {
        let sealed = Some(SealedContext { root: issuer, sealed: Sealed::from_bytes(vec![1, 2, 3]) });
        Event { actor, subject, context: ContextRecord { hash: [3; 32], sealed }, ..created(account) }
    };
    let about = Subject::issuer(account, issuer).user(user);
    let theirs = [
        with(Actor::User { user_id: user }, about.clone()),
        with(Actor::PersonalToken { token_id: mint(), user_id: user }, Subject::account(elsewhere)),
        with(Actor::Anonymous, about.clone()),
    ];
    let others = [
        with(Actor::ApiKey { key_id: mint() }, about.clone()),
        with(Actor::User { user_id: mint() }, about),
        with(Actor::Anonymous, Subject::issuer(account, issuer).user(mint())),
    ];
    write(&ground, &[theirs.as_slice(), others.as_slice()].concat()).await;
    let mut unit = begin(&ground, START).await;
    let mut erased = Vec::new();
    for _ in 0..4 {
        erased.push(unit.events().erase_contexts_of(issuer, user, 1).await.unwrap());
    }
    unit.commit().await.unwrap();
    assert_eq!(erased, [1, 1, 1, 0]);
    let find = async |event: &Event| {
        ground.store().reads().events().find(event.subject.account_id, event.id).await.unwrap().unwrap()
    };
    for event in theirs {
        let hash = event.context.hash;
        assert_same(&find(&event).await, &Event { context: ContextRecord { hash, sealed: None }, ..event });
    }
    for event in others {
        assert_same(&find(&event).await, &event);
    }
}

pub async fn events_of_a_dropped_unit_are_never_seen(ground: Ground) {
    let one = created(mint());
    let mut unit = begin(&ground, START).await;
    unit.events().append(std::slice::from_ref(&one)).await.unwrap();
    drop(unit);
    assert!(ground.store().reads().events().find(one.subject.account_id, one.id).await.unwrap().is_none());
    write(&ground, &[one]).await;
}

pub async fn purging_goes_by_age_class_and_limit(ground: Ground) {
    let account = mint();
    let with_context = |kind, at| Event {
        context: ContextRecord {
            hash: [1; 32],
            sealed: Some(SealedContext { root: mint(), sealed: Sealed::from_bytes(vec![1]) }),
        },
        ..event(account, kind, later(at))
    };
    let (per_request, other) = (catalogue::API_KEY_VERIFIED, catalogue::API_KEY_CREATED);
    let old: Vec<Event> = (0..3).flat_map(|at| [with_context(per_request, at), with_context(other, at)]).collect();
    let kept = [with_context(per_request, 20), with_context(other, 10), with_context(other, 20)];
    write(&ground, &old).await;
    write(&ground, &kept).await;
    let purge = async |limit: u32| {
        let mut unit = begin(&ground, later(30)).await;
        let removed = unit.events().purge(later(20), later(10), limit).await.unwrap();
        unit.commit().await.unwrap();
        removed
    };
    assert_eq!(purge(4).await, 4);
    assert_eq!(ids(&ground, account, &EventFilter::default()).await.len(), 5);
    assert_eq!(purge(100).await, 2);
    assert_eq!(purge(100).await, 0);
    let left = set(&ground, account, &EventFilter::default()).await;
    assert_eq!(left, kept.iter().map(|event| event.id).collect());
}

pub async fn parallel_appends_are_visible_when_they_return(ground: Ground) {
    let account = mint();
    race(&ground, |_| {
        let inner = Arc::clone(&ground);
        async move {
            for _ in 0..10 {
                let pair = vec![created(account), created(account)];
                let expected: Vec<EventId> = pair.iter().map(|event| event.id).collect();
                inner.store().append(pair).await.unwrap();
                for id in expected {
                    assert!(inner.store().reads().events().find(account, id).await.unwrap().is_some());
                }
            }
        }
    })
    .await;
    let mut counted = 0;
    let mut after = None;
    loop {
        let found = page(&ground, account, &EventFilter::default(), 100, after).await;
        counted += found.items.len();
        after = found.items.last().map(|event| TimeAndId { at: event.timestamp, id: event.id });
        if !found.has_more {
            break;
        }
    }
    assert_eq!(counted, RACERS * 10 * 2);
}

pub async fn appending_an_event_again_changes_nothing(ground: Ground) {
    let account = mint();
    let first = Event { data: json!({ "n": 1 }).as_object().unwrap().clone(), ..created(account) };
    let again = Event { data: json!({ "n": 2 }).as_object().unwrap().clone(), ..first.clone() };
    let new = created(account);
    ground.store().append(vec![first.clone()]).await.unwrap();
    ground.store().append(vec![again, new.clone()]).await.unwrap();
    let found = ground.store().reads().events().find(account, first.id).await.unwrap().unwrap();
    assert_same(&found, &first);
    assert_eq!(set(&ground, account, &EventFilter::default()).await, BTreeSet::from([first.id, new.id]));
}

pub async fn an_append_that_is_refused_harms_no_other(ground: Ground) {
    let account = mint();
    race(&ground, |number| {
        let inner = Arc::clone(&ground);
        let mut one = created(account);
        if number == 7 {
            // PostgreSQL takes no NUL in a text; SQLite does.
            "\0".clone_into(&mut one.source);
        }
        async move {
            let id = one.id;
            let written = inner.store().append(vec![one]).await;
            assert!(number == 7 || written.is_ok());
            let found = inner.store().reads().events().find(account, id).await.unwrap();
            assert_eq!(found.is_some(), written.is_ok());
        }
    })
    .await;
}

pub async fn an_append_that_is_cut_off_harms_nobody(ground: Ground) {
    let account = mint();
    let organization: OrganizationId = mint();
    for microseconds in 0..40_u64 {
        let pair: Vec<Event> = (0..2)
            .map(|_| Event { subject: Subject::account(account).organization(organization), ..created(account) })
            .collect();
        let expected: Vec<EventId> = pair.iter().map(|event| event.id).collect();
        let inner = Arc::clone(&ground);
        let task = Box::pin(async move { inner.store().append(pair).await.unwrap() });
        ground.cut_off(Duration::from_micros(microseconds * 25), task).await;
        // A later one is written, and everything handed over before it.
        let after = created(account);
        let id = after.id;
        ground.store().append(vec![after]).await.unwrap();
        assert!(ground.store().reads().events().find(account, id).await.unwrap().is_some());
        let mut found = 0;
        for id in expected {
            found += usize::from(ground.store().reads().events().find(account, id).await.unwrap().is_some());
        }
        assert!(found != 1, "half an append was committed");
    }
}
