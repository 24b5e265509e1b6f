//! Counts of events.

use super::event::event;
use super::{Ground, START, begin, later, mint};
use crate::event::catalogue;
use crate::event::model::{Actor, Event, Subject};
use crate::event::repository::{Aggregation, EventCount, EventFilter, Group, Interval, LARGEST_GROUPS, UniqueId};
use crate::id::{AccountId, ClientId, IssuerId, OrganizationId, UserId};
use crate::timestamp::Timestamp;

async fn write(ground: &Ground, events: &[Event]) {
    let mut unit = begin(ground, START).await;
    unit.events().append(events).await.unwrap();
    unit.commit().await.unwrap();
}

async fn counted(ground: &Ground, account: AccountId, filter: &EventFilter, by: Aggregation) -> Vec<EventCount> {
    ground.store().reads().events().aggregate(account, filter, by).await.unwrap()
}

fn total(count: u64) -> EventCount {
    EventCount { at: None, key: None, count, unique: None }
}

fn grouped(key: &(impl ToString + ?Sized), count: u64) -> EventCount {
    EventCount { key: Some(key.to_string()), ..total(count) }
}

fn about(account: AccountId, subject: impl FnOnce(Subject) -> Subject, at: Timestamp) -> Event {
    let plain = event(account, catalogue::USER_UPDATED, at);
    Event { subject: subject(plain.subject.clone()), ..plain }
}

pub async fn filters_of_the_list_are_those_of_the_count(ground: Ground) {
    let account = mint();
    let issuer: IssuerId = mint();
    let (user, client): (UserId, ClientId) = (mint(), mint());
    let plain = event(account, catalogue::ISSUER_CREATED, later(1));
    let below = Event { subject: Subject::issuer(account, issuer).user(user).client(client), ..plain.clone() };
    let both = Event { id: mint(), actor: Actor::user(user), ..below.clone() };
    let done = Event { id: mint(), actor: Actor::user(user), ..plain.clone() };
    let by_client = Event { id: mint(), actor: Actor::Client { client_id: client }, ..plain.clone() };
    let late = Event { id: mint(), ..event(account, catalogue::ISSUER_DELETED, later(9)) };
    let plain = Event { id: mint(), ..plain };
    write(&ground, &[plain, below, both, done, by_client, late, event(mint(), catalogue::ISSUER_CREATED, later(1))])
        .await;
    let any = EventFilter::default;
    for (filter, expected) in [
        (any(), 6),
        (EventFilter { issuer_id: Some(issuer), ..any() }, 2),
        (EventFilter { user_id: Some(user), ..any() }, 3),
        (EventFilter { client_id: Some(client), ..any() }, 3),
        (EventFilter { client_id: Some(client), user_id: Some(user), ..any() }, 2),
        (EventFilter { kinds: vec![catalogue::ISSUER_DELETED], ..any() }, 1),
        (EventFilter { after: Some(later(1)), ..any() }, 1),
        (EventFilter { before: Some(later(9)), ..any() }, 5),
        (EventFilter { after: Some(START), before: Some(later(1)), ..any() }, 0),
    ] {
        assert_eq!(counted(&ground, account, &filter, Aggregation::default()).await, [total(expected)], "{filter:?}");
        let page = crate::page::PageRequest { limit: crate::page::Limit::default(), after: None };
        let listed = ground.store().reads().events().list(account, &filter, &page).await.unwrap();
        assert_eq!(listed.items.len() as u64, expected, "{filter:?}");
    }
}

pub async fn intervals_begin_on_the_minute_the_hour_and_the_day(ground: Ground) {
    let account = mint();
    let day = 1_800_000_000_000 / 86_400_000 * 86_400_000;
    let at = |millis: i64| event(account, catalogue::ISSUER_CREATED, Timestamp::from_millis(day + millis));
    write(&ground, &[at(0), at(59_999), at(60_000), at(3_600_000), at(86_399_999), at(86_400_000)]).await;
    for (interval, expected) in [
        (Interval::Minute, vec![(0, 2), (60_000, 1), (3_600_000, 1), (86_340_000, 1), (86_400_000, 1)]),
        (Interval::Hour, vec![(0, 3), (3_600_000, 1), (82_800_000, 1), (86_400_000, 1)]),
        (Interval::Day, vec![(0, 5), (86_400_000, 1)]),
    ] {
        let by = Aggregation { interval: Some(interval), ..Aggregation::default() };
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(millis, count)| EventCount { at: Some(Timestamp::from_millis(day + millis)), ..total(count) })
            .collect();
        assert_eq!(counted(&ground, account, &EventFilter::default(), by).await, expected, "{interval:?}");
    }
}

pub async fn groups_are_told_by_their_value_and_the_largest_come_first(ground: Ground) {
    let account = mint();
    let (organization, other): (OrganizationId, OrganizationId) = (mint(), mint());
    let user: UserId = mint();
    let client: ClientId = mint();
    let issuer: IssuerId = mint();
    let events = [
        about(account, |_| Subject::issuer(account, issuer).organization(organization), later(1)),
        about(account, |subject| subject.organization(organization).user(user), later(2)),
        about(account, |subject| subject.organization(other).client(client), later(3)),
        event(account, catalogue::ISSUER_CREATED, later(1)),
    ];
    write(&ground, &events).await;
    let any = EventFilter::default();
    for (group, expected) in [
        (Group::Type, vec![grouped("user.updated", 3), grouped("issuer.created", 1)]),
        (Group::OrgId, vec![grouped(&organization, 2), grouped(&other, 1)]),
        (Group::UserId, vec![grouped(&user, 1)]),
        (Group::ClientId, vec![grouped(&client, 1)]),
        (Group::IssuerId, vec![grouped(&issuer, 1)]),
    ] {
        let by = Aggregation { group_by: Some(group), ..Aggregation::default() };
        assert_eq!(counted(&ground, account, &any, by).await, expected, "{group:?}");
    }
    let by = Aggregation { interval: Some(Interval::Minute), group_by: Some(Group::OrgId), count_unique: None };
    let at = |minutes, key, count| EventCount { at: Some(later(minutes)), ..grouped(key, count) };
    let expected = [at(1, &organization, 1), at(2, &organization, 1), at(3, &other, 1)];
    assert_eq!(counted(&ground, account, &any, by).await, expected);
    let filter = EventFilter { user_id: Some(user), ..EventFilter::default() };
    assert_eq!(counted(&ground, account, &filter, by).await, [at(2, &organization, 1)]);
}

pub async fn different_ids_are_counted_once(ground: Ground) {
    let account = mint();
    let (ann, bob): (UserId, UserId) = (mint(), mint());
    let (session, agent) = (mint(), mint());
    let events = [
        about(account, |subject| subject.user(ann).session(session), later(1)),
        about(account, |subject| subject.user(ann).agent(agent), later(1)),
        about(account, |subject| subject.user(bob), later(2)),
        about(account, |subject| subject, later(2)),
        Event { actor: Actor::user(ann), ..about(account, |subject| subject.user(bob), later(2)) },
    ];
    write(&ground, &events).await;
    let any = EventFilter::default();
    for (unique, expected) in [
        (UniqueId::User, 2),
        (UniqueId::Session, 1),
        (UniqueId::Agent, 1),
        (UniqueId::Client, 0),
        (UniqueId::Organization, 0),
    ] {
        let by = Aggregation { count_unique: Some(unique), ..Aggregation::default() };
        let expected = EventCount { unique: Some(expected), ..total(5) };
        assert_eq!(counted(&ground, account, &any, by).await, [expected], "{unique:?}");
    }
    let by = Aggregation { interval: Some(Interval::Minute), count_unique: Some(UniqueId::User), group_by: None };
    let at = |minutes, count, unique| EventCount { at: Some(later(minutes)), unique: Some(unique), ..total(count) };
    assert_eq!(counted(&ground, account, &any, by).await, [at(1, 2, 1), at(2, 3, 1)]);
    let of_ann = EventFilter { user_id: Some(ann), ..EventFilter::default() };
    assert_eq!(
        counted(&ground, account, &of_ann, by).await,
        [at(1, 2, 1), at(2, 1, 1)],
        "subject and actor, once each"
    );
}

pub async fn of_groups_the_hundred_largest_are_counted(ground: Ground) {
    let account = mint();
    let users: Vec<UserId> = (0..=LARGEST_GROUPS).map(|_| mint()).collect();
    let mut events: Vec<_> = users.iter().map(|user| about(account, |subject| subject.user(*user), later(1))).collect();
    events.extend(users.iter().skip(1).map(|user| about(account, |subject| subject.user(*user), later(2))));
    write(&ground, &events).await;
    let any = EventFilter::default();
    let by = Aggregation { group_by: Some(Group::UserId), ..Aggregation::default() };
    let totals = counted(&ground, account, &any, by).await;
    assert_eq!(totals.len(), LARGEST_GROUPS as usize);
    assert!(totals.iter().all(|group| group.count == 2), "the smallest is left out");
    let by = Aggregation { interval: Some(Interval::Minute), ..by };
    let buckets = counted(&ground, account, &any, by).await;
    assert_eq!(buckets.len(), 2 * LARGEST_GROUPS as usize);
    let smallest = users[0].to_string();
    assert!(buckets.iter().all(|bucket| bucket.key.as_deref() != Some(smallest.as_str())));
}
