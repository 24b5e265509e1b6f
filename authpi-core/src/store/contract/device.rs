//! Devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::user::{delete, insert as insert_user, user};
use super::{Ground, START, begin, later, mint, race};
use crate::device::model::{Device, Fingerprint, REMEMBERED, Sightings, Trust};
use crate::id::{IssuerId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::timestamp::Timestamp;
use crate::user::model::User;

fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

fn device(user: &User, number: u8) -> Device {
    Device {
        id: mint(),
        issuer_id: user.issuer_id,
        user_id: user.id,
        fingerprint: fingerprint(number),
        name: None,
        user_agent: None,
        country: None,
        trust: Some(Trust { at: START, expires_at: later(60), last_used_at: None }),
        sightings: None,
        created_at: START,
        updated_at: START,
    }
}

fn at_its_limits(device: &Device) -> Device {
    Device {
        name: Some("🦀".repeat(200)),
        user_agent: Some("ü".repeat(512)),
        country: Some("DE".to_owned()),
        trust: Some(Trust { at: later(1), expires_at: later(2), last_used_at: Some(later(3)) }),
        sightings: Some(Sightings { first_at: later(4), last_at: later(5), logins: u32::MAX }),
        ..device.clone()
    }
}

async fn insert(ground: &Ground, device: &Device) -> InsertOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.devices().insert(device).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn of_user(ground: &Ground, issuer: IssuerId, user: UserId) -> Vec<Device> {
    ground.store().reads().devices().of_user(issuer, user).await.unwrap()
}

async fn owner(ground: &Ground) -> User {
    let owner = user(mint());
    insert_user(ground, &owner).await;
    owner
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let owner = owner(&ground).await;
    let full = at_its_limits(&device(&owner, 1));
    assert_eq!(insert(&ground, &full).await, InsertOutcome::Inserted);
    let store = ground.store();
    let found = store.reads().devices().find(owner.issuer_id, owner.id, full.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&full));
    let bare = Device { trust: None, updated_at: later(9), ..device(&owner, 1) };
    let bare = Device { id: full.id, ..bare };
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.devices().update(&bare, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(of_user(&ground, owner.issuer_id, owner.id).await, [bare]);
}

pub async fn another_user_or_issuer_sees_and_changes_nothing(ground: Ground) {
    let (ours, theirs) = (owner(&ground).await, owner(&ground).await);
    let known = device(&ours, 1);
    let _ = insert(&ground, &known).await;
    for (issuer, user) in [(ours.issuer_id, theirs.id), (theirs.issuer_id, ours.id), (theirs.issuer_id, theirs.id)] {
        assert_eq!(of_user(&ground, issuer, user).await, []);
        let store = ground.store();
        assert_eq!(store.reads().devices().find(issuer, user, known.id).await.unwrap(), None);
        assert_eq!(store.reads().devices().count(issuer, user).await.unwrap(), 0);
        let foreign = Device { issuer_id: issuer, user_id: user, updated_at: later(1), ..known.clone() };
        let mut unit = begin(&ground, later(1)).await;
        assert_eq!(unit.devices().update(&foreign, START).await.unwrap(), WriteOutcome::Stale);
        let unchanged = Device { updated_at: START, ..foreign };
        assert_eq!(unit.devices().remove(&unchanged).await.unwrap(), WriteOutcome::Stale);
        assert_eq!(unit.devices().remove_of_user(issuer, user).await.unwrap(), 0);
        unit.commit().await.unwrap();
    }
    assert_eq!(of_user(&ground, ours.issuer_id, ours.id).await, [known]);
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let owner = owner(&ground).await;
    let known = device(&owner, 1);
    let _ = insert(&ground, &known).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = at_its_limits(&Device { updated_at: later(2), ..known.clone() });
    assert_eq!(unit.devices().update(&after, later(1)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.devices().remove(&after).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(of_user(&ground, owner.issuer_id, owner.id).await, [known]);
}

pub async fn of_parallel_devices_with_one_fingerprint_one_is_made(ground: Ground) {
    let owner = owner(&ground).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, device) = (Arc::clone(&ground), Arc::clone(&wins), device(&owner, 1));
        async move {
            if insert(&ground, &device).await == InsertOutcome::Inserted {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(of_user(&ground, owner.issuer_id, owner.id).await.len(), 1);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.devices().insert(&device(&owner, 1)).await.unwrap(), InsertOutcome::Taken);
    assert_eq!(unit.devices().insert(&device(&owner, 2)).await.unwrap(), InsertOutcome::Inserted, "it stays usable");
    unit.commit().await.unwrap();
    assert_eq!(of_user(&ground, owner.issuer_id, owner.id).await.len(), 2);
}

pub async fn devices_go_with_their_user(ground: Ground) {
    let (one, other) = (owner(&ground).await, owner(&ground).await);
    for (owner, number) in [(&one, 1), (&one, 2), (&other, 1)] {
        let _ = insert(&ground, &device(owner, number)).await;
    }
    assert_eq!(ground.store().reads().devices().count(one.issuer_id, one.id).await.unwrap(), 2);
    delete(&ground, &one, later(1)).await;
    assert_eq!(of_user(&ground, one.issuer_id, one.id).await, []);
    assert_eq!(of_user(&ground, other.issuer_id, other.id).await.len(), 1);
}

pub async fn a_sweep_removes_what_is_neither_trusted_nor_known(ground: Ground) {
    let owner = owner(&ground).await;
    let seen = |at: Timestamp| Some(Sightings { first_at: at, last_at: at, logins: 1 });
    let trusted = device(&owner, 1);
    let known = Device { sightings: seen(START), ..device(&owner, 2) };
    let both = Device { trust: None, sightings: seen(START), ..device(&owner, 3) };
    for device in [&trusted, &known, &both] {
        let _ = insert(&ground, device).await;
    }
    let sweep = async |now: Timestamp| {
        let mut unit = begin(&ground, now).await;
        let removed = unit.devices().sweep(1).await.unwrap();
        unit.commit().await.unwrap();
        removed
    };
    assert_eq!(sweep(later(60).minus(Duration::from_millis(1))).await, 0);
    assert_eq!(sweep(later(60)).await, 1);
    assert_eq!(sweep(later(61)).await, 0);
    let left = of_user(&ground, owner.issuer_id, owner.id).await;
    assert_eq!(left.iter().map(|device| device.id).collect::<Vec<_>>(), [both.id, known.id]);
    let forgotten = START.plus(REMEMBERED);
    assert_eq!((sweep(forgotten).await, sweep(forgotten).await, sweep(forgotten).await), (1, 1, 0), "one at a time");
}
