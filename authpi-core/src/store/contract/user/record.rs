//! What is known of one user.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{delete, find, insert, listed, named, renamed, update, user};
use crate::id::IssuerId;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::status::{Status, StatusNote};
use crate::store::contract::{Ground, START, begin, later, mint, race};
use crate::user::model::{
    Approval, DirectoryEntry, DirectoryStatus, STORE_ID, User, UserDetails, UserStatus, UsernameHash, UsernameType,
    Verdict,
};
use crate::user::repository::UserUpdateOutcome;

fn everything_at_its_limits() -> UserDetails {
    let long = "ß".repeat(200);
    let patch = json!({
        "profile": {
            "first_name": long, "middle_name": long, "last_name": long, "display_name": long, "nickname": "🦀",
            "preferred_username": "p", "picture_url": format!("https://example.com/{}", "a".repeat(2000)),
            "profile_url": "https://example.com", "website": "https://example.com/w", "email": "other@example.com",
            "email_verified": true, "phone": "+4922112345", "phone_verified": true, "birthdate": "0000-02-29",
            "gender": "g", "locale": "de-DE", "timezone": "Europe/Berlin", "address": { "country": "DEU" },
        },
        "scopes": ["a:read", "*:**"],
        "preferences": { "locale": "en", "timezone": "Etc/GMT+1", "theme": "dark" },
        "compliance": { "terms_accepted_at": 1, "privacy_accepted_at": i64::MAX, "jurisdiction": "DE-NW" },
        "custom_fields": { "a": 1.5, "b": "x".repeat(1000), "c": false },
    });
    merged(&UserDetails::default(), patch.as_object().unwrap()).unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let name = format!("{}@{}.example", "l".repeat(64), "d".repeat(181));
    let full = User {
        details: everything_at_its_limits(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        approval: Some(Approval::requested(later(1)).decided(
            Verdict::Rejected,
            later(2),
            StatusNote { reason: Some("ü".repeat(1000)), by: Some("b".repeat(200)) },
        )),
        email_hash: Some(UsernameHash::from_bytes([9; 32])),
        status: Status::changed(
            UserStatus::Suspended,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        ..named(mint(), &name)
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.issuer_id, full.id).await.as_ref(), Some(&full));
    let changed = renamed(&User { id: full.id, ..user(full.issuer_id) }, &"名".repeat(200));
    assert_eq!(update(&ground, &changed, &full).await, UserUpdateOutcome::Done);
    assert_eq!(find(&ground, full.issuer_id, full.id).await, Some(changed.clone()));
    let entry = DirectoryEntry {
        user_id: full.id,
        issuer_id: full.issuer_id,
        username_type: UsernameType::UniqueName,
        username_hash: changed.username_hash,
        status: DirectoryStatus::Active,
        store_id: STORE_ID.to_owned(),
        region: None,
        created_at: START,
        updated_at: later(1),
    };
    assert_eq!(listed(&ground, full.issuer_id, None).await, [entry]);
}

pub async fn a_login_is_noted_and_is_no_change(ground: Ground) {
    let (one, other) = (user(mint()), user(mint()));
    insert(&ground, &one).await;
    insert(&ground, &other).await;
    let mut unit = begin(&ground, later(5)).await;
    unit.users().logged_in(one.issuer_id, one.id).await.unwrap();
    unit.users().logged_in(one.issuer_id, other.id).await.unwrap();
    unit.commit().await.unwrap();
    let found = find(&ground, one.issuer_id, one.id).await.unwrap();
    assert_eq!((found.security.last_login_at, found.updated_at), (Some(later(5)), one.updated_at));
    assert_eq!(find(&ground, other.issuer_id, other.id).await, Some(other), "its issuer is another");
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = user(mint());
    insert(&ground, &ours).await;
    let stranger: IssuerId = mint();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    let store = ground.store();
    let users = store.reads().users();
    assert_eq!(users.find_by_username_hash(stranger, &ours.username_hash).await.unwrap(), None);
    assert!(!users.exists(stranger, ours.id).await.unwrap());
    assert_eq!(listed(&ground, stranger, None).await, []);
    let taken_over = User { issuer_id: stranger, updated_at: later(1), ..ours.clone() };
    assert_eq!(update(&ground, &taken_over, &ours).await, UserUpdateOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    let deleted = unit.users().begin_delete(stranger, ours.id, ours.updated_at).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert!(users.exists(ours.issuer_id, ours.id).await.unwrap());
    assert_eq!(find(&ground, ours.issuer_id, ours.id).await.as_ref(), Some(&ours));
    delete(&ground, &ours, later(2)).await;
    let mut unit = begin(&ground, later(3)).await;
    unit.users().purge(stranger, ours.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(listed(&ground, ours.issuer_id, Some(DirectoryStatus::Deleted)).await.len(), 1);
}

pub async fn an_update_with_a_stale_version_changes_nothing(ground: Ground) {
    let before = user(mint());
    insert(&ground, &before).await;
    let stale = User { updated_at: later(9), ..before.clone() };
    for after in [User { updated_at: later(10), ..before.clone() }, renamed(&before, "other")] {
        assert_eq!(update(&ground, &after, &stale).await, UserUpdateOutcome::Stale);
    }
    assert_eq!(find(&ground, before.issuer_id, before.id).await, Some(before));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = user(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins, before) = (Arc::clone(&ground), Arc::clone(&wins), before.clone());
        let after = renamed(&before, &format!("racer-{number}"));
        async move {
            if update(&ground, &after, &before).await == UserUpdateOutcome::Done {
                wins.fetch_add(1, Ordering::SeqCst);
                assert_eq!(find(&ground, after.issuer_id, after.id).await, Some(after));
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let dropped = user(mint());
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.users().insert(&dropped).await.unwrap(), InsertOutcome::Inserted);
    drop(unit);
    assert_eq!(find(&ground, dropped.issuer_id, dropped.id).await, None);
    insert(&ground, &dropped).await;
    assert_eq!(find(&ground, dropped.issuer_id, dropped.id).await, Some(dropped));
}
