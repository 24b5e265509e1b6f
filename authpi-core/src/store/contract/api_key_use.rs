//! What is taken of the windows of limited keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Ground, START, begin, later, mint, race};
use crate::credential::model::{RateLimit, TakenUses, UseWindow};
use crate::error::StoreErrorKind;
use crate::id::{AccountId, ApiKeyId};
use crate::timestamp::Timestamp;

fn limit(limit: u32) -> RateLimit {
    RateLimit { limit, window_seconds: 60, alert_at: 0.5 }
}

async fn take(ground: &Ground, account: AccountId, key: ApiKeyId, window: &UseWindow, alert_use: u32) -> TakenUses {
    loop {
        let mut unit = begin(ground, START).await;
        match unit.api_keys().take_uses(account, key, window, alert_use).await {
            Ok(taken) => {
                unit.commit().await.unwrap();
                return taken;
            }
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Retryable, "{error}"),
        }
    }
}

pub async fn of_parallel_takers_each_use_is_given_once(ground: Ground) {
    let (account, key) = (mint(), mint());
    let limit = limit(30);
    let window = limit.window(START);
    let [granted, warned, told] = [0; 3].map(|_| Arc::new(AtomicU32::new(0)));
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        let (granted, warned, told) = (Arc::clone(&granted), Arc::clone(&warned), Arc::clone(&told));
        async move {
            loop {
                let got = take(&ground, account, key, &window, limit.alert_use()).await;
                granted.fetch_add(got.granted, Ordering::SeqCst);
                warned.fetch_add(got.warns.into(), Ordering::SeqCst);
                told.fetch_add(got.tells_excess.into(), Ordering::SeqCst);
                if got.granted == 0 {
                    break;
                }
            }
        }
    })
    .await;
    assert_eq!([granted, warned, told].map(|count| count.load(Ordering::SeqCst)), [30, 1, 1]);
}

pub async fn slices_are_what_is_left_and_never_more(ground: Ground) {
    let (account, key) = (mint(), mint());
    let limit = RateLimit { limit: 1_000, window_seconds: 60, alert_at: 1.0 };
    let window = limit.window(START);
    let mut taken = 0;
    for expected in [100, 90, 81] {
        let got = take(&ground, account, key, &window, limit.alert_use()).await;
        taken += expected;
        assert_eq!((got.granted, got.taken), (expected, taken));
    }
}

pub async fn accounts_keys_and_windows_are_counted_apart(ground: Ground) {
    let (account, key) = (mint(), mint());
    let limit = limit(10);
    let window = limit.window(START);
    let taken = async |account, key, window: UseWindow| take(&ground, account, key, &window, 5).await.taken;
    assert_eq!(taken(account, key, window).await, 1);
    assert_eq!(taken(mint(), key, window).await, 1);
    assert_eq!(taken(account, mint(), window).await, 1);
    assert_eq!(taken(account, key, UseWindow { limit: 11, ..window }).await, 1);
    assert_eq!(taken(account, key, UseWindow { seconds: 30, ..window }).await, 1);
    assert_eq!(taken(account, key, limit.window(window.ends_at())).await, 1);
    assert_eq!(taken(account, key, window).await, 2);
}

pub async fn a_dropped_unit_takes_nothing(ground: Ground) {
    let (account, key) = (mint(), mint());
    let window = limit(10).window(START);
    let mut dropped = begin(&ground, START).await;
    assert_eq!(dropped.api_keys().take_uses(account, key, &window, 5).await.unwrap().taken, 1);
    drop(dropped);
    assert_eq!(take(&ground, account, key, &window, 5).await.taken, 1);
}

pub async fn purging_removes_windows_that_are_over(ground: Ground) {
    let (account, key) = (mint(), mint());
    let limit = limit(10);
    let (over, open) = (limit.window(START), limit.window(later(5)));
    for window in [over, open] {
        assert_eq!(take(&ground, account, key, &window, 5).await.granted, 1);
    }
    let purge = async |now: Timestamp| {
        let mut unit = begin(&ground, now).await;
        let removed = unit.api_keys().purge_uses(10).await.unwrap();
        unit.commit().await.unwrap();
        removed
    };
    assert_eq!(purge(START).await, 0);
    assert_eq!(purge(over.ends_at()).await, 1);
    assert_eq!(purge(over.ends_at()).await, 0);
    assert_eq!(take(&ground, account, key, &open, 5).await.taken, 2);
}
