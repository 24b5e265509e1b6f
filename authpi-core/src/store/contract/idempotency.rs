//! Records of idempotent requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::id::AccountId;
use crate::seal::Sealed;
use crate::store::{Claim, IdempotencyRecord};

const KEY: [u8; 32] = [7; 32];

fn record() -> IdempotencyRecord {
    IdempotencyRecord { fingerprint: [9; 32], answer: Sealed::from_bytes(vec![1; 700_000]) }
}

async fn complete(ground: &Ground, account: AccountId) {
    let mut unit = begin(ground, START).await;
    assert!(matches!(unit.idempotency().claim(account, &KEY, later(60)).await.unwrap(), Claim::Fresh));
    unit.idempotency().complete(account, &KEY, &record()).await.unwrap();
    unit.commit().await.unwrap();
}

pub async fn a_claim_is_seen_only_when_it_was_committed(ground: Ground) {
    let account = mint();
    let mut dropped = begin(&ground, START).await;
    assert!(matches!(dropped.idempotency().claim(account, &KEY, later(60)).await.unwrap(), Claim::Fresh));
    drop(dropped);
    complete(&ground, account).await;
}

pub async fn a_completed_key_gives_its_record_until_it_expires(ground: Ground) {
    let account = mint();
    complete(&ground, account).await;
    let mut unit = begin(&ground, later(59)).await;
    match unit.idempotency().claim(account, &KEY, later(120)).await.unwrap() {
        Claim::Completed(found) => {
            assert_eq!(found.fingerprint, record().fingerprint);
            assert_eq!(found.answer.as_bytes(), record().answer.as_bytes());
        }
        other => panic!("a completed key gave {other:?}"),
    }
    let other_account = unit.idempotency().claim(mint(), &KEY, later(120)).await.unwrap();
    assert!(matches!(other_account, Claim::Fresh));
    drop(unit);
    let mut unit = begin(&ground, later(60)).await;
    assert!(matches!(unit.idempotency().claim(account, &KEY, later(120)).await.unwrap(), Claim::Fresh));
}

pub async fn a_reader_finds_what_was_completed_until_it_expires(ground: Ground) {
    let account = mint();
    let store = ground.store();
    let found = async |account, at| store.reads().idempotency().find(account, &KEY, at).await.unwrap();
    let mut running = begin(&ground, START).await;
    assert!(matches!(running.idempotency().claim(account, &KEY, later(60)).await.unwrap(), Claim::Fresh));
    let claimed = running.reads().idempotency().find(account, &KEY, START).await.unwrap();
    assert!(claimed.is_none(), "a claim alone is nothing");
    drop(running);
    assert!(found(account, START).await.is_none());
    complete(&ground, account).await;
    let known = found(account, later(59)).await.unwrap();
    assert_eq!((known.fingerprint, known.answer.as_bytes()), (record().fingerprint, record().answer.as_bytes()));
    assert!(found(account, later(60)).await.is_none());
    assert!(found(mint(), START).await.is_none());
}

pub async fn of_parallel_claims_one_is_fresh(ground: Ground) {
    let account = mint();
    let fresh = Arc::new(AtomicUsize::new(0));
    let completed = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, fresh, completed) = (Arc::clone(&ground), Arc::clone(&fresh), Arc::clone(&completed));
        async move {
            let mut unit = begin(&ground, START).await;
            match unit.idempotency().claim(account, &KEY, later(60)).await.unwrap() {
                Claim::Fresh => {
                    unit.idempotency().complete(account, &KEY, &record()).await.unwrap();
                    unit.commit().await.unwrap();
                    fresh.fetch_add(1, Ordering::SeqCst);
                }
                Claim::Completed(_) => {
                    completed.fetch_add(1, Ordering::SeqCst);
                }
                Claim::Running => {}
            }
        }
    })
    .await;
    assert_eq!(fresh.load(Ordering::SeqCst), 1);
    assert_eq!(completed.load(Ordering::SeqCst), RACERS - 1);
}

pub async fn a_released_claim_leaves_the_key_free(ground: Ground) {
    let account = mint();
    let mut unit = begin(&ground, START).await;
    assert!(matches!(unit.idempotency().claim(account, &KEY, later(60)).await.unwrap(), Claim::Fresh));
    unit.idempotency().release(account, &KEY).await.unwrap();
    unit.commit().await.unwrap();
    complete(&ground, account).await;
}

pub async fn purging_removes_expired_records_only(ground: Ground) {
    let account = mint();
    complete(&ground, account).await;
    let mut unit = begin(&ground, later(59)).await;
    assert_eq!(unit.idempotency().purge(100).await.unwrap(), 0);
    drop(unit);
    let mut unit = begin(&ground, later(60)).await;
    assert_eq!(unit.idempotency().purge(100).await.unwrap(), 1);
}
