//! A username exists once in an issuer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{delete, hash, insert, listed, named, renamed, update, user};
use crate::id::IssuerId;
use crate::outcome::InsertOutcome;
use crate::store::contract::{Ground, START, begin, later, mint, race};
use crate::user::model::User;
use crate::user::repository::UserUpdateOutcome;

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

pub async fn an_address_finds_who_has_proven_it_and_then_who_is_called_so(ground: Ground) {
    let (issuer, stranger): (IssuerId, IssuerId) = (mint(), mint());
    let address = hash("ada@example.com");
    let called = named(issuer, "ada@example.com");
    insert(&ground, &called).await;
    let proven = |issuer| User { email_hash: Some(address), ..user(issuer) };
    let (first, second, gone) = (proven(issuer), proven(issuer), proven(issuer));
    for one in [&first, &second, &gone, &proven(stranger), &user(issuer)] {
        insert(&ground, one).await;
    }
    delete(&ground, &gone, later(1)).await;
    let store = ground.store();
    let found = async || store.reads().users().with_address(issuer, &address).await.unwrap();
    assert_eq!(found().await, [first.id, second.id, called.id]);
    let taken = User { email_hash: None, updated_at: later(2), ..first.clone() };
    assert_eq!(update(&ground, &taken, &first).await, UserUpdateOutcome::Done);
    let both = User { email_hash: Some(address), updated_at: later(2), ..called.clone() };
    assert_eq!(update(&ground, &both, &called).await, UserUpdateOutcome::Done);
    assert_eq!(found().await, [called.id, second.id], "each once");
    assert_eq!(store.reads().users().with_address(issuer, &hash("nobody")).await.unwrap(), []);
}
