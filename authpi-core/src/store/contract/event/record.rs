//! What is known of one event, and for how long.

use serde_json::json;

use super::{assert_same, created, event, ids, page, set, write};
use crate::event::catalogue::{self};
use crate::event::model::{Actor, ContextRecord, Event, SealedContext, Subject, Trigger};
use crate::event::repository::EventFilter;
use crate::id::MemberId;
use crate::seal::Sealed;
use crate::store::contract::{Ground, START, begin, later, mint};
use crate::timestamp::Timestamp;

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
        with(Actor::user(user), about.clone()),
        with(Actor::PersonalToken { token_id: mint(), user_id: user }, Subject::account(elsewhere)),
        with(Actor::Anonymous, about.clone()),
        with(Actor::Client { client_id: mint() }, about.clone()),
    ];
    let others = [
        with(Actor::ApiKey { key_id: mint() }, about.clone()),
        with(Actor::user(mint()), about),
        with(Actor::Anonymous, Subject::issuer(account, issuer).user(mint())),
        with(Actor::Client { client_id: mint() }, Subject::issuer(account, issuer).user(mint())),
    ];
    write(&ground, &[theirs.as_slice(), others.as_slice()].concat()).await;
    let mut unit = begin(&ground, START).await;
    let mut erased = Vec::new();
    for _ in 0..5 {
        erased.push(unit.events().erase_contexts_of(issuer, user, 1).await.unwrap());
    }
    unit.commit().await.unwrap();
    assert_eq!(erased, [1, 1, 1, 1, 0]);
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
