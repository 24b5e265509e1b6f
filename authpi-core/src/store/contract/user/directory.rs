//! Lists, and what becomes of the deleted.

use std::collections::BTreeSet;

use super::{delete, find, insert, listed, named, user};
use crate::id::{IssuerId, UserId};
use crate::outcome::InsertOutcome;
use crate::page::{Limit, PageRequest};
use crate::status::Status;
use crate::store::contract::{Ground, begin, later, mint};
use crate::user::model::{DirectoryStatus, User, UserStatus};
use crate::user::repository::{DeletedUser, UserFilter};

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

pub async fn those_who_wait_are_listed_oldest_first(ground: Ground) {
    let issuer: IssuerId = mint();
    let waiting = |issuer| User { status: Status::initial(UserStatus::PendingApproval), ..user(issuer) };
    let mut expected = Vec::new();
    for _ in 0..5 {
        let one = waiting(issuer);
        insert(&ground, &one).await;
        insert(&ground, &user(issuer)).await;
        expected.push(one.id);
    }
    insert(&ground, &waiting(mint())).await;
    let gone = waiting(issuer);
    insert(&ground, &gone).await;
    delete(&ground, &gone, later(1)).await;
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after: seen.last().copied() };
        let found = ground.store().reads().users().pending(issuer, &page).await.unwrap();
        seen.extend(found.items.iter().map(|entry| entry.user_id));
        if !found.has_more {
            break;
        }
    }
    assert_eq!(seen, expected);
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
