//! Users: directory and records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ground, START, begin, later, mint, race};
use crate::id::{IssuerId, UserId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::seal::RootKey;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::user::model::{
    DirectoryEntry, DirectoryStatus, PasswordHash, PasswordVerifier, STORE_ID, User, UserDetails, UserStatus, Username,
    UsernameHash, UsernameType,
};
use crate::user::repository::{DeletedUser, UserFilter, UserUpdateOutcome};

/// The user `name` of `issuer`.
pub fn named(issuer: IssuerId, name: &str) -> User {
    User {
        id: mint(),
        issuer_id: issuer,
        status: Status::initial(UserStatus::Active),
        username: Username::new(None, name).unwrap(),
        username_hash: hash(name),
        details: UserDetails::default(),
        metadata: Metadata::default(),
        password_changed_at: None,
        created_at: START,
        updated_at: START,
    }
}

/// A user of `issuer` under a name that no other has.
pub fn user(issuer: IssuerId) -> User {
    let name = mint::<UserId>().to_string();
    named(issuer, &name)
}

fn hash(name: &str) -> UsernameHash {
    UsernameHash::of(&RootKey::new([7; 32]), name)
}

fn renamed(before: &User, name: &str) -> User {
    User {
        username: Username::new(None, name).unwrap(),
        username_hash: hash(name),
        updated_at: later(1),
        ..before.clone()
    }
}

fn password(user: &User) -> PasswordVerifier {
    PasswordVerifier {
        id: mint(),
        issuer_id: user.issuer_id,
        user_id: user.id,
        hash: PasswordHash::from_phc(format!("$argon2id${}", "x".repeat(502))),
        created_at: START,
        updated_at: later(3),
    }
}

/// Adds a user and commits.
pub async fn insert(ground: &Ground, user: &User) {
    let mut unit = begin(ground, START).await;
    assert_eq!(unit.users().insert(user).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, issuer: IssuerId, id: UserId) -> Option<User> {
    ground.store().reads().users().find(issuer, id).await.unwrap()
}

async fn update(ground: &Ground, after: &User, before: &User) -> UserUpdateOutcome {
    let mut unit = begin(ground, later(1)).await;
    let outcome = unit.users().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn delete(ground: &Ground, user: &User, now: Timestamp) {
    let mut unit = begin(ground, now).await;
    let deleted = unit.users().begin_delete(user.issuer_id, user.id, user.updated_at).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
}

async fn listed(ground: &Ground, issuer: IssuerId, status: Option<DirectoryStatus>) -> Vec<DirectoryEntry> {
    let page = PageRequest { limit: Limit::default(), after: None };
    ground.store().reads().users().list(issuer, UserFilter { status }, &page).await.unwrap().items
}

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
        "custom_fields": { "a": 1.5, "b": "x".repeat(1000), "c": false },
    });
    merged(&UserDetails::default(), patch.as_object().unwrap()).unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let name = format!("{}@{}.example", "l".repeat(64), "d".repeat(181));
    let full = User {
        details: everything_at_its_limits(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
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

pub async fn a_password_belongs_to_its_user(ground: Ground) {
    let (one, other) = (user(mint()), user(mint()));
    let password = password(&one);
    let mut unit = begin(&ground, START).await;
    for user in [&one, &other] {
        assert_eq!(unit.users().insert(user).await.unwrap(), InsertOutcome::Inserted);
    }
    unit.users().insert_password(&password).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let users = store.reads().users();
    assert_eq!(users.password(one.issuer_id, one.id).await.unwrap(), Some(password.clone()));
    assert_eq!(users.password(other.issuer_id, one.id).await.unwrap(), None);
    assert_eq!(users.count_verifiers(one.issuer_id, one.id).await.unwrap(), 1);
    assert_eq!(users.count_verifiers(other.issuer_id, one.id).await.unwrap(), 0);
    let found = find(&ground, one.issuer_id, one.id).await.unwrap();
    assert_eq!(found.password_changed_at, Some(password.updated_at));
    assert_eq!(find(&ground, other.issuer_id, other.id).await, Some(other));
    delete(&ground, &one, later(1)).await;
    assert_eq!(users.password(one.issuer_id, one.id).await.unwrap(), None);
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

pub async fn of_parallel_users_of_one_name_one_is_made(ground: Ground) {
    let issuer: IssuerId = mint();
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        async move {
            let spelling = if number % 2 == 0 { "Ada@Example.com" } else { "ada@example.COM" };
            let mut unit = begin(&ground, START).await;
            if unit.users().insert(&named(issuer, spelling)).await.unwrap() == InsertOutcome::Inserted {
                wins.fetch_add(1, Ordering::SeqCst);
            }
            unit.commit().await.unwrap();
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(listed(&ground, issuer, None).await.len(), 1);
    insert(&ground, &named(mint(), "ada@example.com")).await;
}

pub async fn of_parallel_renames_to_one_name_one_wins(ground: Ground) {
    let issuer: IssuerId = mint();
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        async move {
            let before = user(issuer);
            insert(&ground, &before).await;
            match update(&ground, &renamed(&before, "wanted"), &before).await {
                UserUpdateOutcome::Done => drop(wins.fetch_add(1, Ordering::SeqCst)),
                outcome => assert_eq!(outcome, UserUpdateOutcome::UsernameTaken),
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_taken_name_leaves_the_unit_usable(ground: Ground) {
    let issuer: IssuerId = mint();
    let (first, second) = (named(issuer, "first"), named(issuer, "second"));
    insert(&ground, &first).await;
    insert(&ground, &second).await;
    let mut unit = begin(&ground, later(1)).await;
    let users = unit.users();
    assert_eq!(users.update(&renamed(&second, "FIRST"), &second).await.unwrap(), UserUpdateOutcome::UsernameTaken);
    assert_eq!(users.insert(&named(issuer, "First")).await.unwrap(), InsertOutcome::Taken);
    let other = renamed(&second, "third");
    assert_eq!(users.update(&other, &second).await.unwrap(), UserUpdateOutcome::Done);
    assert_eq!(users.insert(&named(issuer, "second")).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
    let store = ground.store();
    let users = store.reads().users();
    assert_eq!(users.find_by_username_hash(issuer, &hash("first")).await.unwrap(), Some(first));
    assert_eq!(users.find_by_username_hash(issuer, &hash("third")).await.unwrap(), Some(other));
    assert_eq!(listed(&ground, issuer, None).await.len(), 3);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let dropped = user(mint());
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.users().insert(&dropped).await.unwrap(), InsertOutcome::Inserted);
    unit.users().insert_password(&password(&dropped)).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, dropped.issuer_id, dropped.id).await, None);
    insert(&ground, &dropped).await;
    assert_eq!(find(&ground, dropped.issuer_id, dropped.id).await, Some(dropped));
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let issuer: IssuerId = mint();
    let mut expected = BTreeSet::new();
    for _ in 0..9 {
        let one = user(issuer);
        insert(&ground, &one).await;
        expected.insert(one.id);
    }
    insert(&ground, &user(mint())).await;
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after: seen.last().copied() };
        let found = ground.store().reads().users().list(issuer, UserFilter::default(), &page).await.unwrap();
        seen.extend(found.items.iter().map(|entry| entry.user_id));
        if !found.has_more {
            break;
        }
        // A writer inserts, and the last row shown is deleted: neither disturbs the walk.
        insert(&ground, &user(issuer)).await;
        delete(&ground, &User { id: *seen.last().unwrap(), ..user(issuer) }, later(1)).await;
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn a_status_filter_shows_that_status_and_none_shows_all_but_the_deleted(ground: Ground) {
    let issuer: IssuerId = mint();
    let statuses = [
        UserStatus::Active,
        UserStatus::Suspended,
        UserStatus::Blocked,
        UserStatus::Disabled,
        UserStatus::PendingApproval,
    ];
    let mut all = Vec::new();
    for value in statuses {
        let one = User { status: Status::initial(value), ..user(issuer) };
        insert(&ground, &one).await;
        all.insert(0, one.id);
        let found = listed(&ground, issuer, Some(value.into())).await;
        assert_eq!(found.iter().map(|entry| entry.user_id).collect::<Vec<_>>(), [one.id]);
    }
    let gone = user(issuer);
    insert(&ground, &gone).await;
    delete(&ground, &gone, later(1)).await;
    assert_eq!(listed(&ground, issuer, None).await.iter().map(|entry| entry.user_id).collect::<Vec<_>>(), all);
    let deleted = listed(&ground, issuer, Some(DirectoryStatus::Deleted)).await;
    assert_eq!(
        deleted.iter().map(|entry| (entry.user_id, entry.status)).collect::<Vec<_>>(),
        [(gone.id, DirectoryStatus::Deleted)]
    );
    assert_eq!(deleted[0].updated_at, later(1));
}

pub async fn a_deleted_user_keeps_its_name_until_the_purge(ground: Ground) {
    let issuer: IssuerId = mint();
    let gone = named(issuer, "gone");
    insert(&ground, &gone).await;
    delete(&ground, &gone, later(5)).await;
    let store = ground.store();
    let users = store.reads().users();
    assert_eq!(find(&ground, issuer, gone.id).await, None);
    assert_eq!(users.find_by_username_hash(issuer, &gone.username_hash).await.unwrap(), None);
    assert!(!users.exists(issuer, gone.id).await.unwrap());
    assert_eq!(users.deleted_before(later(5), 100).await.unwrap(), []);
    let work = DeletedUser { issuer_id: issuer, id: gone.id };
    assert_eq!(users.deleted_before(later(6), 100).await.unwrap(), [work]);
    let mut unit = begin(&ground, later(7)).await;
    assert_eq!(unit.users().insert(&named(issuer, "gone")).await.unwrap(), InsertOutcome::Taken);
    unit.users().purge(issuer, gone.id).await.unwrap();
    unit.users().purge(issuer, gone.id).await.unwrap();
    let heir = named(issuer, "gone");
    assert_eq!(unit.users().insert(&heir).await.unwrap(), InsertOutcome::Inserted);
    unit.users().purge(issuer, heir.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(users.deleted_before(later(9), 100).await.unwrap(), []);
    assert_eq!(listed(&ground, issuer, Some(DirectoryStatus::Deleted)).await, []);
    assert_eq!(find(&ground, issuer, heir.id).await, Some(heir));
    // The record is gone, too: its key can be taken again.
    insert(&ground, &User { id: gone.id, ..named(issuer, "again") }).await;
}

pub async fn the_longest_deleted_are_purged_first(ground: Ground) {
    let mut expected = Vec::new();
    for minute in [3, 1, 2] {
        let one = user(mint());
        insert(&ground, &one).await;
        delete(&ground, &one, later(minute)).await;
        expected.push((minute, DeletedUser { issuer_id: one.issuer_id, id: one.id }));
    }
    expected.sort_by_key(|(minute, _)| *minute);
    let store = ground.store();
    let work = store.reads().users().deleted_before(later(9), 2).await.unwrap();
    assert_eq!(work, expected.iter().take(2).map(|(_, deleted)| *deleted).collect::<Vec<_>>());
}
