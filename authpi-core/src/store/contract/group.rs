//! Groups.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::membership::{stats, tenant};
use super::{Ground, START, begin, later, mint, race};
use crate::group::model::{Group, GroupDetails};
use crate::metadata::Metadata;
use crate::organization::model::Organization;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::scope::{Scope, Scopes};

/// A plain group of `organization`.
pub fn group(organization: &Organization, name: &str, scopes: &[&str]) -> Group {
    let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
    Group {
        id: mint(),
        org_id: organization.id,
        issuer_id: organization.issuer_id,
        details: GroupDetails { name: name.to_owned(), description: None, scopes },
        role: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

/// Adds a group as operations do, and commits.
pub async fn insert(ground: &Ground, group: &Group) -> InsertOutcome {
    let mut unit = begin(ground, START).await;
    unit.organizations().lock(group.issuer_id, group.org_id).await.unwrap();
    let outcome = unit.groups().insert(group).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

/// Accepts the deletion of a group, and commits.
pub async fn delete(ground: &Ground, group: &Group) {
    let mut unit = begin(ground, later(1)).await;
    assert_eq!(unit.groups().begin_delete(group, group.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, sought: &Group) -> Option<Group> {
    let store = ground.store();
    store.reads().groups().find(sought.issuer_id, sought.org_id, sought.id).await.unwrap()
}

async fn named(ground: &Ground, organization: &Organization, name: &str) -> Option<Group> {
    let store = ground.store();
    store.reads().groups().find_by_name(organization.issuer_id, organization.id, name).await.unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let organization = tenant(&ground).await;
    let longest = |number: usize| format!("{number:0>121}:action").parse::<Scope>().unwrap();
    let full = Group {
        details: GroupDetails {
            name: "İ".repeat(200),
            description: Some("🦀".repeat(5000)),
            scopes: (0..256).map(longest).collect(),
        },
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        updated_at: later(1),
        ..group(&organization, "", &[])
    };
    assert_eq!(insert(&ground, &full).await, InsertOutcome::Inserted);
    assert_eq!(find(&ground, &full).await.as_ref(), Some(&full));
    assert_eq!(named(&ground, &organization, &full.details.name).await.as_ref(), Some(&full));
    let role = Some("r".repeat(50));
    let changed = Group { id: full.id, role, updated_at: later(2), ..group(&organization, "plain", &[]) };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.groups().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &full).await, Some(changed));
    assert_eq!(named(&ground, &organization, &full.details.name).await, None);
}

pub async fn another_tenant_sees_and_changes_nothing(ground: Ground) {
    let (ours, theirs) = (tenant(&ground).await, tenant(&ground).await);
    let known = Group { role: Some("member".to_owned()), ..group(&ours, "member", &[]) };
    let _ = insert(&ground, &known).await;
    let elsewhere = [
        Group { issuer_id: theirs.issuer_id, ..known.clone() },
        Group { org_id: theirs.id, ..known.clone() },
        Group { issuer_id: theirs.issuer_id, org_id: theirs.id, ..known.clone() },
    ];
    for foreign in &elsewhere {
        assert_eq!(find(&ground, foreign).await, None);
        let mut unit = begin(&ground, later(1)).await;
        let changed = Group { updated_at: later(1), ..foreign.clone() };
        assert_eq!(unit.groups().update(&changed, START).await.unwrap(), WriteOutcome::Stale);
        assert_eq!(unit.groups().begin_delete(foreign, START).await.unwrap(), WriteOutcome::Stale);
        unit.commit().await.unwrap();
        let store = ground.store();
        let groups = store.reads().groups();
        let (issuer, org) = (foreign.issuer_id, foreign.org_id);
        assert_eq!(groups.find_by_name(issuer, org, "member").await.unwrap(), None);
        assert_eq!(groups.find_by_role(issuer, org, "member").await.unwrap(), None);
        assert!(groups.of_organization(issuer, org).await.unwrap().is_empty());
        let page = PageRequest { limit: Limit::default(), after: None };
        assert!(groups.list(issuer, org, &page).await.unwrap().items.is_empty());
    }
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.groups().detach_role(theirs.issuer_id, "member", &Scopes::default(), 100).await.unwrap(), 0);
    assert_eq!(unit.groups().remove_of_organization(theirs.id, 100).await.unwrap(), 0);
    unit.groups().remove(ours.issuer_id, known.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &known).await, Some(known), "only what was deleted is removed");
    assert_eq!(stats(&ground, &ours).await.n_groups, 1);
}

pub async fn a_stale_version_changes_and_deletes_nothing(ground: Ground) {
    let organization = tenant(&ground).await;
    let before = group(&organization, "a", &["a:read"]);
    let _ = insert(&ground, &before).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = Group { updated_at: later(1), ..before.clone() };
    assert_eq!(unit.groups().update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.groups().begin_delete(&before, later(9)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &before).await, Some(before));
    assert_eq!(stats(&ground, &organization).await.n_groups, 1);
}

pub async fn of_parallel_inserts_of_one_name_one_wins(ground: Ground) {
    let organization = tenant(&ground).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let racer = group(&organization, if number % 2 == 0 { "Editors" } else { "eDITORS" }, &[]);
        async move {
            // Without the lock: the key of the row decides.
            let mut unit = begin(&ground, START).await;
            if unit.groups().insert(&racer).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(stats(&ground, &organization).await.n_groups, 1);
}

pub async fn a_name_is_free_once_the_deletion_was_accepted(ground: Ground) {
    let organization = tenant(&ground).await;
    for round in 0..3 {
        let one = group(&organization, "Editors", &["a:read"]);
        assert_eq!(insert(&ground, &one).await, InsertOutcome::Inserted, "round {round}");
        assert_eq!(insert(&ground, &group(&organization, "editors", &[])).await, InsertOutcome::Taken);
        assert_eq!(named(&ground, &organization, "EDITORS").await.as_ref(), Some(&one));
        delete(&ground, &one).await;
        assert_eq!(find(&ground, &one).await, None);
        assert_eq!(named(&ground, &organization, "editors").await, None);
    }
    assert_eq!(stats(&ground, &organization).await.n_groups, 0);
    let store = ground.store();
    let deleting = store.reads().groups().deleting(100).await.unwrap();
    let ours: Vec<_> = deleting.iter().filter(|gone| gone.org_id == organization.id).collect();
    assert_eq!(ours.len(), 3);
    let mut unit = begin(&ground, later(2)).await;
    for gone in ours {
        unit.groups().remove(gone.issuer_id, gone.id).await.unwrap();
        unit.groups().remove(gone.issuer_id, gone.id).await.unwrap();
    }
    unit.commit().await.unwrap();
    let left = store.reads().groups().deleting(100).await.unwrap();
    assert!(left.iter().all(|gone| gone.org_id != organization.id));
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let organization = tenant(&ground).await;
    let mut expected = BTreeSet::new();
    for number in 0..9 {
        let one = group(&organization, &format!("group {number}"), &[]);
        let _ = insert(&ground, &one).await;
        expected.insert(one.id);
    }
    let mut seen = Vec::new();
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after: seen.last().copied() };
        let store = ground.store();
        let found = store.reads().groups().list(organization.issuer_id, organization.id, &page).await.unwrap();
        seen.extend(found.items.iter().map(|group| group.id));
        if !found.has_more {
            break;
        }
        // A writer inserts, and the last row shown is deleted: neither disturbs the walk.
        let newcomer = group(&organization, &format!("newcomer {}", seen.len()), &[]);
        let _ = insert(&ground, &newcomer).await;
        delete(&ground, found.items.last().unwrap()).await;
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn a_detached_role_leaves_groups_of_their_own_with_its_last_scopes(ground: Ground) {
    let first = tenant(&ground).await;
    let second = super::organization::organization(first.issuer_id);
    super::organization::insert(&ground, &second).await;
    let carrying = |organization: &Organization, role: &str| Group {
        role: Some(role.to_owned()),
        updated_at: later(5),
        ..group(organization, role, &[])
    };
    let (one, two, other) = (carrying(&first, "editor"), carrying(&second, "editor"), carrying(&first, "viewer"));
    for group in [&one, &two, &other] {
        let _ = insert(&ground, group).await;
    }
    let store = ground.store();
    let groups = store.reads().groups();
    assert_eq!(groups.find_by_role(first.issuer_id, first.id, "editor").await.unwrap().as_ref(), Some(&one));
    assert!(groups.role_is_carried_outside(first.issuer_id, "editor", Some(first.id)).await.unwrap());
    assert!(!groups.role_is_carried_outside(first.issuer_id, "viewer", Some(first.id)).await.unwrap());
    assert!(groups.role_is_carried_outside(first.issuer_id, "viewer", None).await.unwrap());
    let last: Scopes = ["a:read".parse().unwrap()].into_iter().collect();
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        let mut unit = begin(&ground, later(2)).await;
        batches.push(unit.groups().detach_role(first.issuer_id, "editor", &last, 1).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [1, 1, 0]);
    for before in [one, two] {
        let after = find(&ground, &before).await.unwrap();
        assert_eq!((after.role.as_ref(), &after.details.scopes), (None, &last));
        assert!(after.updated_at > before.updated_at, "versions move on, whatever the clock says");
    }
    assert_eq!(find(&ground, &other).await, Some(other));
}

pub async fn groups_go_with_their_organization(ground: Ground) {
    let (gone, stays) = (tenant(&ground).await, tenant(&ground).await);
    for number in 0..3 {
        let _ = insert(&ground, &group(&gone, &format!("{number}"), &[])).await;
    }
    let kept = group(&stays, "kept", &[]);
    let _ = insert(&ground, &kept).await;
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        let mut unit = begin(&ground, later(1)).await;
        batches.push(unit.groups().remove_of_organization(gone.id, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert_eq!(find(&ground, &kept).await, Some(kept));
}
