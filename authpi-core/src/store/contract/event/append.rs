//! Events that depend on no earlier state.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{assert_same, created, page, set};
use crate::event::model::{Event, Subject};
use crate::event::repository::EventFilter;
use crate::id::{EventId, OrganizationId};
use crate::page::TimeAndId;
use crate::store::contract::{Ground, RACERS, mint, race};

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
