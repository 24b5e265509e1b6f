//! Mail that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::id::IssuerId;
use crate::lease::Lease;
use crate::mail::model::{Mail, Tally, Template};
use crate::mail::repository::TallyKey;
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// A mail of an account of its own, due at once; nobody can open it.
pub fn mail(issuer: IssuerId) -> Mail {
    Mail {
        id: mint(),
        account_id: mint(),
        issuer_id: issuer,
        user_id: None,
        org_id: None,
        invitation_id: None,
        template: Template::Invitation,
        cause: None,
        recipient_hash: [7; 32],
        sealed: Sealed::from_bytes(vec![1; 60]),
        lease: Lease::due(START),
        created_at: START,
    }
}

async fn enqueue(ground: &Ground, mail: &Mail) {
    let mut unit = begin(ground, START).await;
    unit.mails().enqueue(mail).await.unwrap();
    unit.commit().await.unwrap();
}

async fn due(ground: &Ground, now: Timestamp) -> Vec<Mail> {
    ground.store().reads().mails().due(now, 100, &[]).await.unwrap()
}

async fn update(ground: &Ground, after: &Mail, before: &Mail) -> WriteOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.mails().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn remove(ground: &Ground, mail: &Mail) -> WriteOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.mails().remove(mail).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

/// Everything that is compared: what is sealed has no equality of its own.
fn shape(mail: &Mail) -> String {
    format!("{mail:?} {:?}", mail.sealed.as_bytes())
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = Mail {
        user_id: Some(mint()),
        org_id: Some(mint()),
        invitation_id: Some(mint()),
        template: Template::PersonalTokenNewIp,
        cause: Some(mint()),
        recipient_hash: std::array::from_fn(|at| u8::try_from(at * 8).unwrap()),
        sealed: Sealed::from_bytes(vec![0xff; 60_000]),
        lease: Lease { attempts: 4, taken: 5, due_at: later(3) },
        created_at: later(2),
        ..mail(mint())
    };
    enqueue(&ground, &full).await;
    assert_eq!(due(&ground, later(3)).await.iter().map(shape).collect::<Vec<_>>(), [shape(&full)]);
    let after = Mail { lease: Lease { attempts: 1, taken: 0, due_at: later(9) }, ..full.clone() };
    assert_eq!(update(&ground, &after, &full).await, WriteOutcome::Done);
    assert_eq!(due(&ground, later(9)).await.iter().map(shape).collect::<Vec<_>>(), [shape(&after)]);
    assert_eq!(remove(&ground, &after).await, WriteOutcome::Done);
    assert!(due(&ground, later(99)).await.is_empty());
}

pub async fn mail_is_due_by_time_longest_first_and_in_batches(ground: Ground) {
    for (minutes, made) in [(3, 1), (1, 3), (2, 2)] {
        enqueue(&ground, &Mail { lease: Lease::due(later(minutes)), created_at: later(made), ..mail(mint()) }).await;
    }
    let times = |mails: Vec<Mail>| mails.iter().map(|mail| mail.lease.due_at).collect::<Vec<_>>();
    assert_eq!(times(due(&ground, later(2)).await), [later(1), later(2)]);
    let first = ground.store().reads().mails().due(later(9), 1, &[]).await.unwrap();
    assert_eq!(times(first), [later(1)]);
    let old = ground.store().reads().mails().made_before(later(3), 10).await.unwrap();
    assert_eq!(times(old), [later(3), later(2)]);
}

pub async fn what_waits_for_busy_accounts_hides_nothing(ground: Ground) {
    let busy = mint();
    for minutes in 0..3 {
        enqueue(&ground, &Mail { lease: Lease::due(later(minutes)), account_id: busy, ..mail(mint()) }).await;
    }
    let other = Mail { lease: Lease::due(later(5)), ..mail(mint()) };
    enqueue(&ground, &other).await;
    let found = ground.store().reads().mails().due(later(9), 2, &[busy, mint()]).await.unwrap();
    assert_eq!(found.iter().map(shape).collect::<Vec<_>>(), [shape(&other)]);
}

pub async fn of_parallel_leases_of_one_mail_one_wins(ground: Ground) {
    let one = mail(mint());
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
    assert!(due(&ground, later(2)).await.is_empty(), "whoever holds it holds it alone");
    assert_eq!(due(&ground, later(3)).await.len(), 1, "until the lease has run out");
}

pub async fn a_lost_lease_changes_and_removes_nothing(ground: Ground) {
    let one = mail(mint());
    enqueue(&ground, &one).await;
    let leased = one.clone().leased(START);
    assert_eq!(update(&ground, &leased, &one).await, WriteOutcome::Done);
    // The lease ran out, and somebody else took it.
    let taken_over = leased.clone().leased(later(3));
    assert_eq!(update(&ground, &taken_over, &leased).await, WriteOutcome::Done);
    assert_eq!(remove(&ground, &leased).await, WriteOutcome::Stale);
    assert_eq!(update(&ground, &one, &leased).await, WriteOutcome::Stale);
    assert_eq!(due(&ground, later(6)).await.iter().map(shape).collect::<Vec<_>>(), [shape(&taken_over)]);
}

pub async fn another_issuer_removes_nothing(ground: Ground) {
    let ours = Mail { invitation_id: Some(mint()), ..mail(mint()) };
    let other = Mail { invitation_id: Some(mint()), ..mail(ours.issuer_id) };
    for one in [&ours, &other] {
        enqueue(&ground, one).await;
    }
    let stranger = Mail { issuer_id: mint(), ..ours.clone() };
    assert_eq!(remove(&ground, &stranger).await, WriteOutcome::Stale);
    assert_eq!(update(&ground, &stranger, &stranger).await, WriteOutcome::Stale);
    let invitation = ours.invitation_id.unwrap();
    for (issuer, left) in [(stranger.issuer_id, 2), (ours.issuer_id, 1)] {
        let mut unit = begin(&ground, START).await;
        unit.mails().remove_of_invitation(issuer, invitation).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(due(&ground, START).await.len(), left);
    }
}

pub async fn a_dropped_unit_queues_nothing(ground: Ground) {
    let mut unit = begin(&ground, START).await;
    unit.mails().enqueue(&mail(mint())).await.unwrap();
    drop(unit);
    assert!(due(&ground, later(9)).await.is_empty());
}

pub async fn a_tally_is_counted_by_one_at_a_time(ground: Ground) {
    let key = TallyKey { issuer_id: mint(), template: Template::ApiKeyRateLimit, about: uuid::Uuid::from_u128(1) };
    let told = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, told) = (Arc::clone(&ground), Arc::clone(&told));
        async move {
            let mut unit = begin(&ground, START).await;
            let (tally, speaks_of) = unit.mails().lock_tally(&key).await.unwrap().counted(START, 3);
            unit.mails().write_tally(&key, tally).await.unwrap();
            unit.commit().await.unwrap();
            told.fetch_add(usize::from(speaks_of.is_some()), Ordering::SeqCst);
        }
    })
    .await;
    assert_eq!(told.load(Ordering::SeqCst), 3);
    let mut unit = begin(&ground, START).await;
    let tally = unit.mails().lock_tally(&key).await.unwrap();
    assert_eq!(tally, Tally { started_at: START, sent: 3, folded: u32::try_from(RACERS - 3).unwrap() });
    let others = [
        TallyKey { issuer_id: mint(), ..key },
        TallyKey { template: Template::PersonalTokenNewIp, ..key },
        TallyKey { about: uuid::Uuid::from_u128(2), ..key },
    ];
    for other in others {
        assert_eq!(unit.mails().lock_tally(&other).await.unwrap().sent, 0);
    }
}

pub async fn old_tallies_are_purged_in_batches(ground: Ground) {
    let key = |about| TallyKey {
        issuer_id: mint(),
        template: Template::ApiKeyRateLimit,
        about: uuid::Uuid::from_u128(about),
    };
    let mut unit = begin(&ground, START).await;
    for about in 0..4_u64 {
        let key = key(u128::from(about));
        unit.mails().lock_tally(&key).await.unwrap();
        let started_at = START.plus(Duration::from_secs(60 * about));
        unit.mails().write_tally(&key, Tally { started_at, sent: 1, folded: 0 }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut removed = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(9)).await;
        removed.push(unit.mails().purge_tallies(later(3), 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(removed, [2, 1, 0]);
}
