//! Lists of events.

use std::collections::BTreeSet;

use super::{created, event, ids, page, set, write};
use crate::event::catalogue::{self};
use crate::event::model::{Actor, Event, Subject};
use crate::event::repository::EventFilter;
use crate::id::{AccountId, ClientId, EventId, IssuerId, UserId};
use crate::page::TimeAndId;
use crate::store::contract::{Ground, START, later, mint};
use crate::timestamp::Timestamp;

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
        actor: Actor::user(user),
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
    let by_user = || Actor::user(user);
    let events = [
        about(user, Actor::System, 1),
        about(other, by_user(), 2),
        about(user, by_user(), 3),
        about(other, Actor::user(other), 4),
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
