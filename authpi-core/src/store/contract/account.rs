//! Accounts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ground, START, begin, issuer, later, mint, organization, race};
use crate::account::model::Account;
use crate::account::repository::ClosedAccount;
use crate::billing::model::{ActiveUser, Dimension, Metered, Period};
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::store::Platform;

const DIMENSION: Dimension = Dimension::MachineAuthentication;

/// A plain account.
pub fn account() -> Account {
    Account { id: mint(), owner_user_id: None, metadata: Metadata::default(), created_at: START, updated_at: START }
}

/// Adds an account and commits.
pub async fn insert(ground: &Ground, account: &Account) {
    let mut unit = begin(ground, START).await;
    unit.accounts().insert(account).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, id: AccountId) -> Option<Account> {
    ground.store().reads().accounts().find(id).await.unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = Account {
        owner_user_id: Some(mint()),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        ..account()
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.id).await.as_ref(), Some(&full));
    assert!(ground.store().reads().accounts().exists(full.id).await.unwrap());
    let changed = Account { updated_at: later(1), ..Account { id: full.id, ..account() } };
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.accounts().update(&changed, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, full.id).await, Some(changed));
}

pub async fn an_unknown_account_is_none(ground: Ground) {
    insert(&ground, &account()).await;
    let stranger = account();
    assert_eq!(find(&ground, stranger.id).await, None);
    assert!(!ground.store().reads().accounts().exists(stranger.id).await.unwrap());
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.accounts().update(&stranger, START).await.unwrap(), WriteOutcome::Stale);
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = account();
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let after = Account { owner_user_id: Some(mint()), updated_at: later(1), ..before.clone() };
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.accounts().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn an_account_follows_its_organization_to_a_later_version(ground: Ground) {
    let before = account();
    let other = account();
    insert(&ground, &before).await;
    insert(&ground, &other).await;
    let mut version = START;
    for at in [later(1), later(1), START, later(2)] {
        let mut unit = begin(&ground, at).await;
        unit.accounts().follow(before.organization_id(), at).await.unwrap();
        unit.commit().await.unwrap();
        version = version.next_version(at);
        assert_eq!(find(&ground, before.id).await, Some(Account { updated_at: version, ..before.clone() }));
    }
    assert_eq!(find(&ground, other.id).await.as_ref(), Some(&other));
    let mut unit = begin(&ground, later(3)).await;
    unit.accounts().follow(mint::<OrganizationId>(), later(3)).await.unwrap();
    unit.commit().await.unwrap();
}

pub async fn a_list_shows_only_the_accounts_asked_for_newest_first(ground: Ground) {
    let accounts: Vec<_> = (0..5).map(|_| account()).collect();
    for account in &accounts {
        insert(&ground, account).await;
    }
    insert(&ground, &account()).await;
    let mut among: Vec<_> = accounts.iter().map(|account| account.id).collect();
    among.push(mint());
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after };
        let found = ground.store().reads().accounts().list(&among, &page).await.unwrap();
        seen.extend(found.items.iter().map(|account| account.id));
        after = seen.last().copied();
        if !found.has_more {
            break;
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    among.pop();
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), among.into_iter().collect());
    let page = PageRequest { limit: Limit::default(), after: None };
    assert!(ground.store().reads().accounts().list(&[], &page).await.unwrap().items.is_empty());
}

pub async fn organizations_of_accounts_are_found_together_in_their_issuer_only(ground: Ground) {
    let issuer: IssuerId = mint();
    let (first, second) = (organization::organization(issuer), organization::organization(issuer));
    let foreign = organization::organization(mint());
    for one in [&first, &second, &foreign] {
        organization::insert(&ground, one).await;
    }
    let ids = [first.id, second.id, foreign.id, mint()];
    let found = ground.store().reads().organizations().find_all(issuer, &ids).await.unwrap();
    let found: BTreeSet<_> = found.iter().map(|one| one.id).collect();
    assert_eq!(found, BTreeSet::from([first.id, second.id]));
}

pub async fn a_platform_is_founded_once_for_all_time(ground: Ground) {
    let platform = || Platform { issuer_id: mint(), account_id: mint() };
    let mut dropped = begin(&ground, START).await;
    assert_eq!(dropped.instance().found_platform(platform()).await.unwrap(), InsertOutcome::Inserted);
    drop(dropped);
    assert_eq!(ground.store().reads().instance().platform().await.unwrap(), None);
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        async move {
            let mut unit = begin(&ground, START).await;
            if unit.instance().found_platform(platform()).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert!(ground.store().reads().instance().platform().await.unwrap().is_some());
}

pub async fn a_closed_account_is_gone_at_once_and_removed_in_batches(ground: Ground) {
    let (closed, other) = (account(), account());
    insert(&ground, &closed).await;
    insert(&ground, &other).await;
    let mut unit = begin(&ground, START).await;
    for id in [closed.id, other.id] {
        unit.billing().lock(id, Period::of(START)).await.unwrap();
        for number in 0..3 {
            let line = Metered { period: Period::from_number(number), dimension: DIMENSION, count: 1, free: 0 };
            unit.billing().add_usage(id, &line).await.unwrap();
        }
        let user = ActiveUser { period: Period::of(START), issuer_id: mint(), user_id: mint(), free: true };
        unit.billing().add_active_users(id, &[user]).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut early = begin(&ground, later(1)).await;
    assert_eq!(early.accounts().remove_children(closed.id, 10).await.unwrap(), 0, "not accepted");
    early.accounts().remove(closed.id).await.unwrap();
    assert_eq!(early.accounts().begin_delete(closed.id, later(7)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(early.accounts().begin_delete(closed.id, START).await.unwrap(), WriteOutcome::Done);
    assert!(!early.accounts().lock(closed.id).await.unwrap());
    early.commit().await.unwrap();

    let store = ground.store();
    let reads = store.reads().accounts();
    assert_eq!(find(&ground, closed.id).await, None);
    assert!(!reads.exists(closed.id).await.unwrap());
    let page = PageRequest { limit: Limit::default(), after: None };
    let listed = reads.list(&[closed.id, other.id], &page).await.unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&other));
    let waiting = ClosedAccount { id: closed.id, accepted_at: later(1) };
    assert_eq!(reads.deleting(10).await.unwrap(), [waiting]);
    let mut batches = 0;
    loop {
        let mut unit = begin(&ground, later(2)).await;
        let removed = unit.accounts().remove_children(closed.id, 1).await.unwrap();
        unit.commit().await.unwrap();
        if removed == 0 {
            break;
        }
        batches += 1;
    }
    assert!(batches > 1);
    let mut unit = begin(&ground, later(3)).await;
    unit.accounts().remove(closed.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(reads.deleting(10).await.unwrap(), []);
    assert_eq!(store.reads().billing().usage(closed.id, None).await.unwrap(), []);
    assert_eq!(store.reads().billing().credit(&[closed.id]).await.unwrap(), []);
    assert_eq!(store.reads().billing().usage(other.id, None).await.unwrap().len(), 3);
    assert_eq!(find(&ground, other.id).await, Some(other));
}

pub async fn owned_accounts_are_counted_while_they_are_open(ground: Ground) {
    let owner = mint();
    let owned = Account { owner_user_id: Some(owner), ..account() };
    insert(&ground, &owned).await;
    insert(&ground, &Account { owner_user_id: Some(owner), ..account() }).await;
    insert(&ground, &Account { owner_user_id: Some(mint()), ..account() }).await;
    let count = async || ground.store().reads().accounts().count_owned(owner).await.unwrap();
    assert_eq!(count().await, 2);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.accounts().begin_delete(owned.id, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(count().await, 1);
}

pub async fn an_account_ends_while_nobody_holds_it(ground: Ground) {
    let contested = account();
    insert(&ground, &contested).await;
    let made = Arc::new(AtomicUsize::new(0));
    let closed = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, made, closed) = (Arc::clone(&ground), Arc::clone(&made), Arc::clone(&closed));
        let id = contested.id;
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if !unit.accounts().lock(id).await.unwrap() {
                return;
            }
            if number % 2 == 0 {
                let (issuer, _) = issuer::issuer(id);
                unit.issuers().insert(&issuer, b"wrapped", &[]).await.unwrap();
                unit.commit().await.unwrap();
                made.fetch_add(1, Ordering::SeqCst);
            } else if !unit.reads().accounts().has_issuer(id).await.unwrap()
                && unit.accounts().begin_delete(id, START).await.unwrap() == WriteOutcome::Done
            {
                unit.commit().await.unwrap();
                closed.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let [made, closed] = [made, closed].map(|count| count.load(Ordering::SeqCst));
    assert!(closed <= 1 && (made == 0) == (closed == 1), "{made} made, {closed} closed");
}
