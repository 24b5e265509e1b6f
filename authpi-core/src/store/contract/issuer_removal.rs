//! Deletion of issuers: accepted at once, removed in batches.

use super::issuer::{ROOT_KEY, delete, find, inserted, issuer};
use super::{Ground, START, begin, client, later, membership, mint, organization};
use crate::event::catalogue;
use crate::event::model::{Actor, ContextRecord, Event, SealedContext, Subject, Trigger};
use crate::event::repository::EventReads;
use crate::id::{EventId, IssuerId, MemberId};
use crate::issuer::model::Issuer;
use crate::issuer::repository::IssuerChildren;
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;

pub async fn the_platform_issuer_cannot_be_deleted(ground: Ground) {
    let (plain, methods) = issuer(mint());
    let platform = Issuer { platform: true, ..plain };
    let mut added = begin(&ground, START).await;
    added.issuers().insert(&platform, &ROOT_KEY, &methods).await.unwrap();
    added.commit().await.unwrap();
    let mut unit = begin(&ground, later(1)).await;
    let refused = unit.issuers().begin_delete(platform.account_id, platform.id, START).await.unwrap();
    assert_eq!(refused, WriteOutcome::Stale);
}

fn event_with_context(issuer: &Issuer) -> Event {
    let id: EventId = mint();
    Event {
        id,
        kind: catalogue::ISSUER_UPDATED,
        source: "test".to_owned(),
        trigger: Trigger::System,
        trace: None,
        actor: Actor::System,
        subject: Subject::issuer(issuer.account_id, issuer.id),
        timestamp: START,
        data: serde_json::Map::new(),
        context: ContextRecord {
            hash: [5; 32],
            sealed: Some(SealedContext { root: issuer.id, sealed: Sealed::from_bytes(vec![1; 40]) }),
        },
    }
}

pub async fn a_deleted_issuer_is_gone_at_once_and_removed_in_batches(ground: Ground) {
    let (gone, other) = (inserted(&ground, mint()).await, inserted(&ground, mint()).await);
    let (event, kept) = (event_with_context(&gone), event_with_context(&other));
    let mut with_member = Vec::new();
    for one in [&gone, &other] {
        for _ in 0..2 {
            organization::insert(&ground, &organization::organization(one.id)).await;
        }
        let organization = organization::organization(one.id);
        organization::insert(&ground, &organization).await;
        let owner = membership::membership(&organization, MemberId::User(mint()), &["owner"]);
        let _ = membership::insert(&ground, &owner).await;
        client::insert(&ground, &client::client(one.id)).await;
        with_member.push(organization.id);
    }
    ground.store().append(vec![event.clone(), kept.clone()]).await.unwrap();
    let store = ground.store();
    let issuers = store.reads().issuers();
    let children = issuers.children(gone.id, START).await.unwrap();
    let expected =
        IssuerChildren { organizations: 3, memberships: 1, clients: 1, auth_methods: 2, ..IssuerChildren::default() };
    assert_eq!(children, expected);

    let mut early = begin(&ground, later(1)).await;
    assert_eq!(early.issuers().remove_children(gone.id, 100).await.unwrap(), 0);
    early.issuers().remove(gone.id).await.unwrap();
    early.commit().await.unwrap();
    assert!(find(&ground, gone.account_id, gone.id).await.is_some(), "only what was deleted is removed");

    delete(&ground, &gone).await;
    assert_eq!(find(&ground, gone.account_id, gone.id).await, None);
    assert_eq!(issuers.head(gone.account_id, gone.id).await.unwrap(), None);
    let work = issuers.deleting(100).await.unwrap();
    let work = work.iter().find(|deleting| deleting.id == gone.id).unwrap();
    assert_eq!((work.account_id, work.accepted_at), (gone.account_id, later(1)));

    assert_eq!(removed_in_batches(&ground, gone.id).await, [2, 2, 2, 2, 0]);
    let mut unit = begin(&ground, later(2)).await;
    unit.issuers().remove(gone.id).await.unwrap();
    unit.issuers().remove(gone.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(issuers.root_key(gone.id).await.unwrap(), None);
    assert!(issuers.deleting(100).await.unwrap().iter().all(|deleting| deleting.id != gone.id));

    let events = store.reads().events();
    assert!(sealed_context(events, &gone, event.id).await.is_none(), "the context went with its key");
    assert!(sealed_context(events, &other, kept.id).await.is_some());
    assert_eq!(issuers.children(gone.id, START).await.unwrap(), IssuerChildren::default());
    assert_eq!(issuers.children(other.id, START).await.unwrap(), expected);
    let stranger = MemberId::User(mint());
    let memberships = store.reads().memberships();
    let mut has_owner = Vec::new();
    for organization in with_member {
        has_owner.push(memberships.has_other_owner(organization, stranger).await.unwrap());
    }
    assert_eq!(has_owner, [false, true], "the scopes went with the membership");
}

async fn removed_in_batches(ground: &Ground, issuer: IssuerId) -> Vec<u64> {
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        let mut unit = begin(ground, later(2)).await;
        batches.push(unit.issuers().remove_children(issuer, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    batches
}

async fn sealed_context(events: &dyn EventReads, issuer: &Issuer, id: EventId) -> Option<SealedContext> {
    events.find(issuer.account_id, id).await.unwrap().unwrap().context.sealed
}
