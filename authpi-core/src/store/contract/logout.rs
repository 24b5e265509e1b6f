//! Clients that wait to be told of ended sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ground, START, begin, later, mint, race};
use crate::id::IssuerId;
use crate::lease::Lease;
use crate::logout::model::{LEASE, LogoutNotice};
use crate::outcome::WriteOutcome;
use crate::timestamp::Timestamp;

fn notice(issuer: IssuerId) -> LogoutNotice {
    LogoutNotice::new(issuer, mint(), (mint(), mint()), START)
}

async fn enqueue(ground: &Ground, notice: &LogoutNotice) {
    let mut unit = begin(ground, START).await;
    unit.logouts().enqueue(notice).await.unwrap();
    unit.commit().await.unwrap();
}

async fn due(ground: &Ground, now: Timestamp) -> Vec<LogoutNotice> {
    ground.store().reads().logouts().due(now, 100, &[]).await.unwrap()
}

async fn update(ground: &Ground, after: &LogoutNotice, before: &LogoutNotice) -> WriteOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.logouts().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn remove(ground: &Ground, notice: &LogoutNotice) -> WriteOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.logouts().remove(notice).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = LogoutNotice {
        lease: Lease { attempts: 2, taken: 5, due_at: later(3) },
        created_at: later(2),
        ..notice(mint())
    };
    enqueue(&ground, &full).await;
    assert!(due(&ground, later(2)).await.is_empty());
    assert_eq!(due(&ground, later(3)).await, std::slice::from_ref(&full));
    let after = LogoutNotice { lease: Lease { attempts: 1, taken: 0, due_at: later(9) }, ..full.clone() };
    assert_eq!(update(&ground, &after, &full).await, WriteOutcome::Done);
    assert_eq!(due(&ground, later(9)).await, std::slice::from_ref(&after));
    assert_eq!(remove(&ground, &after).await, WriteOutcome::Done);
    assert!(due(&ground, later(99)).await.is_empty());
}

pub async fn notices_are_due_by_time_longest_first_and_in_batches(ground: Ground) {
    for minutes in [3, 1, 2] {
        enqueue(&ground, &LogoutNotice { lease: Lease::due(later(minutes)), ..notice(mint()) }).await;
    }
    let times = |notices: Vec<LogoutNotice>| notices.iter().map(|notice| notice.lease.due_at).collect::<Vec<_>>();
    assert_eq!(times(due(&ground, later(2)).await), [later(1), later(2)]);
    let first = ground.store().reads().logouts().due(later(9), 1, &[]).await.unwrap();
    assert_eq!(times(first), [later(1)]);
}

pub async fn what_waits_for_busy_clients_hides_nothing(ground: Ground) {
    let busy = mint();
    for minutes in 0..3 {
        let notice = LogoutNotice { lease: Lease::due(later(minutes)), client_id: busy, ..notice(mint()) };
        enqueue(&ground, &notice).await;
    }
    let other = LogoutNotice { lease: Lease::due(later(5)), ..notice(mint()) };
    enqueue(&ground, &other).await;
    let found = ground.store().reads().logouts().due(later(9), 2, &[busy, mint()]).await.unwrap();
    assert_eq!(found, [other]);
}

pub async fn of_parallel_leases_of_one_notice_one_wins(ground: Ground) {
    let one = notice(mint());
    enqueue(&ground, &one).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, one) = (Arc::clone(&ground), Arc::clone(&wins), one.clone());
        async move {
            if update(&ground, &one.clone().leased(START), &one).await == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert!(due(&ground, START).await.is_empty(), "whoever holds it holds it alone");
    assert_eq!(due(&ground, START.plus(LEASE)).await.len(), 1, "until the lease has run out");
}

pub async fn a_lost_lease_changes_and_removes_nothing(ground: Ground) {
    let one = notice(mint());
    enqueue(&ground, &one).await;
    let leased = one.clone().leased(START);
    assert_eq!(update(&ground, &leased, &one).await, WriteOutcome::Done);
    // The lease ran out, and somebody else took it.
    let taken_over = leased.clone().leased(later(6));
    assert_eq!(update(&ground, &taken_over, &leased).await, WriteOutcome::Done);
    assert_eq!(remove(&ground, &leased).await, WriteOutcome::Stale);
    assert_eq!(update(&ground, &one, &leased).await, WriteOutcome::Stale);
    assert_eq!(due(&ground, later(99)).await, [taken_over]);
}

pub async fn another_issuer_changes_and_removes_nothing(ground: Ground) {
    let ours = notice(mint());
    enqueue(&ground, &ours).await;
    let stranger = LogoutNotice { issuer_id: mint(), ..ours.clone() };
    assert_eq!(remove(&ground, &stranger).await, WriteOutcome::Stale);
    assert_eq!(update(&ground, &stranger, &stranger).await, WriteOutcome::Stale);
    assert_eq!(due(&ground, START).await, [ours]);
}

pub async fn a_dropped_unit_queues_nothing(ground: Ground) {
    let mut unit = begin(&ground, START).await;
    unit.logouts().enqueue(&notice(mint())).await.unwrap();
    drop(unit);
    assert!(due(&ground, later(9)).await.is_empty());
}

pub async fn old_notices_are_purged_in_batches_whoever_holds_them(ground: Ground) {
    for minutes in 0..4 {
        let made = LogoutNotice { created_at: later(minutes), ..notice(mint()) };
        enqueue(&ground, &if minutes == 0 { made.leased(later(50)) } else { made }).await;
    }
    let mut removed = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(9)).await;
        removed.push(unit.logouts().purge(later(3), 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(removed, [2, 1, 0]);
    assert_eq!(due(&ground, later(99)).await.len(), 1);
}
