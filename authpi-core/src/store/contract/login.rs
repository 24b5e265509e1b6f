//! Logins under way, what was mailed for them, and what was presented in vain.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Ground, START, begin, later, mint, race};
use crate::id::{IssuerId, UserId};
use crate::login::model::{BrowserMark, MailProof, ProofPurpose, SealedFlow, Tries, TriesKey};
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;
use crate::secret::{KeyTag, Pepper, Peppers, SecretHash};
use crate::timestamp::Timestamp;

fn hash(byte: u8) -> SecretHash {
    Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), Vec::new()).hash("test", &[byte])
}

fn flow(issuer: IssuerId) -> SealedFlow {
    SealedFlow {
        id: mint(),
        account_id: mint(),
        issuer_id: issuer,
        client_id: None,
        browser: BrowserMark::from_bytes([1; 32]),
        sealed: Sealed::from_bytes(vec![1; 64]),
        expires_at: later(15),
        created_at: START,
        updated_at: START,
    }
}

fn proof(issuer: IssuerId, user: Option<UserId>) -> MailProof {
    MailProof {
        id: mint(),
        issuer_id: issuer,
        flow_id: None,
        user_id: user,
        purpose: ProofPurpose::LoginLink,
        browser: BrowserMark::from_bytes([1; 32]),
        token: hash(1),
        code: hash(2),
        failed: 0,
        sealed: Sealed::from_bytes(vec![2; 64]),
        expires_at: later(15),
        created_at: START,
    }
}

/// Everything about a flow, to be compared.
fn told(flow: &SealedFlow) -> String {
    format!("{flow:?} {:?}", flow.sealed.as_bytes())
}

fn told_proof(proof: &MailProof) -> String {
    format!("{proof:?} {:?} {:?} {:?}", proof.sealed.as_bytes(), proof.token.to_bytes(), proof.code.to_bytes())
}

async fn insert(ground: &Ground, flow: &SealedFlow) {
    let mut unit = begin(ground, START).await;
    unit.logins().insert_flow(flow).await.unwrap();
    unit.commit().await.unwrap();
}

async fn insert_proof(ground: &Ground, proof: &MailProof) {
    let mut unit = begin(ground, START).await;
    unit.logins().insert_proof(proof).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, sought: &SealedFlow) -> Option<String> {
    ground.store().reads().logins().flow(sought.issuer_id, sought.id).await.unwrap().as_ref().map(told)
}

async fn find_proof(ground: &Ground, sought: &MailProof) -> Option<MailProof> {
    ground.store().reads().logins().proof(sought.issuer_id, sought.id).await.unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let plain = flow(mint());
    let full = SealedFlow { client_id: Some(mint()), sealed: Sealed::from_bytes(vec![7; 60_000]), ..flow(mint()) };
    for flow in [&plain, &full] {
        insert(&ground, flow).await;
        assert_eq!(find(&ground, flow).await, Some(told(flow)));
    }
    let after = SealedFlow {
        sealed: Sealed::from_bytes(vec![8; 9]),
        expires_at: later(30),
        updated_at: later(1),
        ..full.clone()
    };
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.logins().update_flow(&after, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &after).await, Some(told(&after)));

    let purposes = [
        ProofPurpose::LoginLink,
        ProofPurpose::LoginCode,
        ProofPurpose::VerifyEmail,
        ProofPurpose::PasswordReset,
        ProofPurpose::EmailChange,
    ];
    for purpose in purposes {
        let full = MailProof { flow_id: Some(mint()), purpose, failed: 4, ..proof(mint(), Some(mint())) };
        insert_proof(&ground, &full).await;
        assert_eq!(find_proof(&ground, &full).await.as_ref().map(told_proof), Some(told_proof(&full)));
    }
}

pub async fn what_was_mailed_last_to_a_user_for_a_purpose_is_found(ground: Ground) {
    let (issuer, user) = (mint(), mint());
    let of = |purpose, user| MailProof { purpose, ..proof(issuer, user) };
    let (first, last) = (of(ProofPurpose::EmailChange, Some(user)), of(ProofPurpose::EmailChange, Some(user)));
    let others = [
        of(ProofPurpose::LoginLink, Some(user)),
        of(ProofPurpose::EmailChange, Some(mint())),
        MailProof { issuer_id: mint(), ..of(ProofPurpose::EmailChange, Some(user)) },
    ];
    for proof in [&first, &last].into_iter().chain(&others) {
        insert_proof(&ground, proof).await;
    }
    let store = ground.store();
    let found = async |purpose| store.reads().logins().proof_of_user(issuer, user, purpose).await.unwrap();
    assert_eq!(found(ProofPurpose::EmailChange).await.map(|proof| proof.id), Some(last.id));
    assert_eq!(found(ProofPurpose::LoginLink).await.map(|proof| proof.id), Some(others[0].id));
    assert!(found(ProofPurpose::PasswordReset).await.is_none());
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let (flow, proof, other) = (flow(mint()), proof(mint(), Some(mint())), mint());
    insert(&ground, &flow).await;
    insert_proof(&ground, &proof).await;
    let reads = ground.store();
    let reads = reads.reads().logins();
    assert!(reads.flow(other, flow.id).await.unwrap().is_none());
    assert!(reads.proof(other, proof.id).await.unwrap().is_none());
    let foreign = SealedFlow { issuer_id: other, updated_at: later(1), ..flow.clone() };
    let mut unit = begin(&ground, later(1)).await;
    let logins = unit.logins();
    assert_eq!(logins.update_flow(&foreign, flow.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(logins.remove_flow(other, flow.id, flow.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(logins.spend_proof(other, proof.id).await.unwrap(), WriteOutcome::Stale);
    let foreign = MailProof { issuer_id: other, ..proof.clone() };
    assert_eq!(logins.fail_proof(&foreign).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(logins.remove_proofs_of_user(other, proof.user_id.unwrap()).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &flow).await, Some(told(&flow)));
    assert_eq!(find_proof(&ground, &proof).await.as_ref().map(told_proof), Some(told_proof(&proof)));
}

pub async fn of_parallel_attempts_at_one_step_one_makes_it(ground: Ground) {
    let flow = flow(mint());
    insert(&ground, &flow).await;
    let winners = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, flow, winners) = (Arc::clone(&ground), flow.clone(), Arc::clone(&winners));
        async move {
            let after = SealedFlow {
                sealed: Sealed::from_bytes(vec![u8::try_from(number).unwrap(); 8]),
                updated_at: later(1),
                ..flow.clone()
            };
            let mut unit = begin(&ground, later(1)).await;
            if unit.logins().update_flow(&after, flow.updated_at).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                winners.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(winners.load(Ordering::SeqCst), 1);
}

pub async fn of_parallel_ends_of_one_login_one_ends_it(ground: Ground) {
    let flow = flow(mint());
    insert(&ground, &flow).await;
    let winners = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, flow, winners) = (Arc::clone(&ground), flow.clone(), Arc::clone(&winners));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            let outcome = unit.logins().remove_flow(flow.issuer_id, flow.id, flow.updated_at).await.unwrap();
            if outcome == WriteOutcome::Done {
                unit.commit().await.unwrap();
                winners.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!((winners.load(Ordering::SeqCst), find(&ground, &flow).await), (1, None));
}

pub async fn of_parallel_uses_of_one_mail_one_spends_it(ground: Ground) {
    let proof = proof(mint(), None);
    insert_proof(&ground, &proof).await;
    let winners = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, proof, winners) = (Arc::clone(&ground), proof.clone(), Arc::clone(&winners));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.logins().spend_proof(proof.issuer_id, proof.id).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                winners.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!((winners.load(Ordering::SeqCst), find_proof(&ground, &proof).await.is_none()), (1, true));
}

pub async fn what_was_used_is_told_from_what_never_was(ground: Ground) {
    let (issuer, user) = (mint(), mint());
    let [used, replaced, live] = [(); 3].map(|()| MailProof { expires_at: later(5), ..proof(issuer, Some(user)) });
    for proof in [&used, &replaced, &live] {
        insert_proof(&ground, proof).await;
    }
    let spent = async |issuer, sought: &MailProof| {
        ground.store().reads().logins().spent_proof(issuer, sought.id).await.unwrap()
    };
    let mut unit = begin(&ground, later(1)).await;
    let logins = unit.logins();
    assert_eq!(logins.spend_proof(issuer, used.id).await.unwrap(), WriteOutcome::Done);
    assert_eq!(logins.replace_proof(mint(), replaced.id).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(logins.replace_proof(issuer, replaced.id).await.unwrap(), WriteOutcome::Done);
    for again in [&used, &replaced] {
        assert_eq!(logins.spend_proof(issuer, again.id).await.unwrap(), WriteOutcome::Stale);
        assert_eq!(logins.replace_proof(issuer, again.id).await.unwrap(), WriteOutcome::Stale);
        assert_eq!(logins.fail_proof(again).await.unwrap(), WriteOutcome::Stale);
    }
    assert_eq!(logins.remove_proofs_of_user(issuer, user).await.unwrap(), 1, "the one that can be used");
    unit.commit().await.unwrap();
    assert!(find_proof(&ground, &used).await.is_none());
    let found = ground.store().reads().logins().proof_of_user(issuer, user, used.purpose).await.unwrap();
    assert!(found.is_none());
    let left = MailProof { sealed: Sealed::from_bytes(Vec::new()), ..used.clone() };
    assert_eq!(spent(issuer, &used).await.as_ref().map(told_proof), Some(told_proof(&left)));
    assert!(spent(mint(), &used).await.is_none());
    assert!(spent(issuer, &replaced).await.is_none() && spent(issuer, &live).await.is_none());
    let mut unit = begin(&ground, later(5)).await;
    assert!(unit.logins().sweep(100).await.unwrap() >= 1);
    unit.commit().await.unwrap();
    assert!(spent(issuer, &used).await.is_none(), "its time is over");
}

pub async fn a_dropped_unit_spends_nothing(ground: Ground) {
    let proof = proof(mint(), None);
    insert_proof(&ground, &proof).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.logins().spend_proof(proof.issuer_id, proof.id).await.unwrap(), WriteOutcome::Done);
    drop(unit);
    assert!(find_proof(&ground, &proof).await.is_some());
}

pub async fn each_wrong_code_is_counted(ground: Ground) {
    let proof = proof(mint(), None);
    insert_proof(&ground, &proof).await;
    race(&ground, |_| {
        let (ground, proof) = (Arc::clone(&ground), proof.clone());
        async move {
            loop {
                let current = find_proof(&ground, &proof).await.unwrap();
                let mut unit = begin(&ground, later(1)).await;
                if unit.logins().fail_proof(&current).await.unwrap() == WriteOutcome::Done {
                    unit.commit().await.unwrap();
                    return;
                }
            }
        }
    })
    .await;
    assert_eq!(find_proof(&ground, &proof).await.unwrap().failed, 16);
}

pub async fn what_was_mailed_to_a_user_goes_together(ground: Ground) {
    let (issuer, user, other) = (mint(), mint(), mint());
    let proofs =
        [proof(issuer, Some(user)), proof(issuer, Some(user)), proof(issuer, Some(other)), proof(issuer, None)];
    for proof in &proofs {
        insert_proof(&ground, proof).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.logins().remove_proofs_of_user(issuer, user).await.unwrap(), 2);
    unit.commit().await.unwrap();
    let mut left = Vec::new();
    for proof in &proofs {
        left.push(find_proof(&ground, proof).await.is_some());
    }
    assert_eq!(left, [false, false, true, true]);
}

async fn fail(ground: &Ground, issuer: IssuerId, key: TriesKey) -> Tries {
    let mut unit = begin(ground, later(1)).await;
    let failed = unit.logins().lock_tries(issuer, key).await.unwrap().failed_at(later(1), 99, Duration::from_mins(1));
    unit.logins().write_tries(issuer, key, failed, later(60)).await.unwrap();
    unit.commit().await.unwrap();
    failed
}

/// What is counted under a key; nothing is kept of the look.
async fn tries(ground: &Ground, issuer: IssuerId, key: TriesKey) -> Tries {
    begin(ground, later(1)).await.logins().lock_tries(issuer, key).await.unwrap()
}

pub async fn parallel_failures_are_all_counted(ground: Ground) {
    let (issuer, key) = (mint(), TriesKey::from_bytes([3; 32]));
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        async move {
            fail(&ground, issuer, key).await;
        }
    })
    .await;
    assert_eq!(tries(&ground, issuer, key).await, Tries { failed: 16, in_a_row: 16, locked_until: None });
    assert_eq!(tries(&ground, mint(), key).await, Tries::default(), "each issuer counts for itself");
    assert_eq!(tries(&ground, issuer, TriesKey::from_bytes([4; 32])).await, Tries::default());
    let locked = Tries { failed: u32::MAX, in_a_row: u32::MAX, locked_until: Some(later(9)) };
    let mut unit = begin(&ground, later(1)).await;
    unit.logins().lock_tries(issuer, key).await.unwrap();
    unit.logins().write_tries(issuer, key, locked, later(60)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(tries(&ground, issuer, key).await, locked);
}

pub async fn what_failed_in_a_row_is_found_among_keys(ground: Ground) {
    let (issuer, [failed, forgiven, untouched]) = (mint(), [6, 7, 8].map(|byte| TriesKey::from_bytes([byte; 32])));
    fail(&ground, issuer, failed).await;
    let before = fail(&ground, issuer, forgiven).await;
    let mut unit = begin(&ground, later(2)).await;
    let after = Tries { in_a_row: 0, ..before };
    unit.logins().write_tries(issuer, forgiven, after, later(60)).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let logins = store.reads().logins();
    assert_eq!(logins.failed_in_a_row(issuer, &[untouched, forgiven, failed]).await.unwrap(), [failed]);
    assert_eq!(logins.failed_in_a_row(mint(), &[failed]).await.unwrap(), [], "each issuer counts for itself");
    assert_eq!(logins.failed_in_a_row(issuer, &[]).await.unwrap(), []);
}

pub async fn a_sweep_removes_what_has_expired(ground: Ground) {
    let issuer = mint();
    let old = MailProof { expires_at: later(1), ..proof(issuer, None) };
    let live = proof(issuer, None);
    for proof in [&old, &live] {
        insert_proof(&ground, proof).await;
    }
    let key = TriesKey::from_bytes([5; 32]);
    fail(&ground, issuer, key).await;
    let swept = async |now: Timestamp| {
        let mut unit = begin(&ground, now).await;
        let swept = unit.logins().sweep(1).await.unwrap();
        unit.commit().await.unwrap();
        swept
    };
    assert_eq!((swept(START).await, swept(later(1)).await, swept(later(1)).await), (0, 1, 0));
    assert!(find_proof(&ground, &old).await.is_none() && find_proof(&ground, &live).await.is_some());
    assert_eq!(swept(later(60)).await, 2, "one of each");
    assert_eq!(tries(&ground, issuer, key).await, Tries::default());
}

pub async fn logins_are_swept_an_hour_after_their_time_longest_first(ground: Ground) {
    let (one, other) = (mint(), mint());
    let expiring = |issuer, minutes| SealedFlow { expires_at: later(minutes), ..flow(issuer) };
    let flows = [expiring(one, 3), expiring(other, 1), expiring(one, 2), expiring(one, 9)];
    for flow in &flows {
        insert(&ground, flow).await;
    }
    let swept = async |now: Timestamp, limit: u32| {
        let mut unit = begin(&ground, now).await;
        let swept = unit.logins().sweep(limit).await.unwrap();
        unit.commit().await.unwrap();
        swept
    };
    let known = async || {
        let mut known = Vec::new();
        for flow in &flows {
            known.push(find(&ground, flow).await.is_some());
        }
        known
    };
    assert_eq!(swept(later(60), 9).await, 0, "who comes too late is told");
    assert_eq!((swept(later(63), 1).await, known().await), (1, vec![true, false, true, true]));
    assert_eq!((swept(later(63), 9).await, known().await), (2, vec![false, false, false, true]));
}
