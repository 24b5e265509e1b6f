//! Credentials of users.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::user::{delete, insert as insert_user, user};
use super::{Ground, START, begin, later, mint, race};
use crate::id::{IssuerId, UserId};
use crate::outcome::{SpendOutcome, WriteOutcome};
use crate::seal::Sealed;
use crate::secret::{KeyTag, Pepper, Peppers, SecretHash};
use crate::timestamp::Timestamp;
use crate::user::model::User;
use crate::verifier::model::{Attempts, Enrollment, PasswordHash, Proof, StoredCode, Verifier};

fn hash() -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id${}", "x".repeat(502)))
}

fn totp() -> Proof {
    Proof::Totp { seed: Sealed::from_bytes(vec![7; 64]), last_step: 1000 }
}

fn verifier(user: &User, proof: Proof) -> Verifier {
    Verifier {
        id: mint(),
        issuer_id: user.issuer_id,
        user_id: user.id,
        name: None,
        proof,
        proof_set_at: START,
        by_another: true,
        attempts: Attempts::default(),
        last_used_at: None,
        created_at: START,
        updated_at: START,
    }
}

/// Everything about a credential, to be compared.
fn told(verifier: &Verifier) -> String {
    let secret = match &verifier.proof {
        Proof::Password { hash } | Proof::TemporaryPassword { hash, .. } => hash.as_phc().to_owned(),
        Proof::Totp { seed, .. } => format!("{:?}", seed.as_bytes()),
        Proof::BackupCodes { .. } => String::new(),
    };
    format!("{verifier:?} {secret}")
}

async fn owner(ground: &Ground) -> User {
    let owner = user(mint());
    insert_user(ground, &owner).await;
    owner
}

async fn insert(ground: &Ground, verifier: &Verifier) {
    let mut unit = begin(ground, START).await;
    unit.verifiers().insert(verifier).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, sought: &Verifier) -> Option<Verifier> {
    ground.store().reads().verifiers().find(sought.issuer_id, sought.user_id, sought.id).await.unwrap()
}

async fn codes(ground: &Ground, set: &Verifier) -> Vec<StoredCode> {
    ground.store().reads().verifiers().codes(set.issuer_id, set.user_id, set.id).await.unwrap()
}

fn hashes(count: u8) -> Vec<SecretHash> {
    let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), Vec::new());
    (0..count).map(|number| peppers.hash("test", &[number])).collect()
}

async fn set_of_three(ground: &Ground) -> Verifier {
    let set = verifier(&owner(ground).await, Proof::BackupCodes { total: 3, remaining: 3 });
    insert(ground, &set).await;
    let mut unit = begin(ground, START).await;
    unit.verifiers().replace_codes(&set, &hashes(3)).await.unwrap();
    unit.commit().await.unwrap();
    set
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let owner = owner(&ground).await;
    let proofs = [
        Proof::Password { hash: hash() },
        Proof::TemporaryPassword { hash: hash(), expires_at: later(7) },
        Proof::Totp { seed: Sealed::from_bytes(vec![9; 300]), last_step: i64::MAX.unsigned_abs() },
        Proof::BackupCodes { total: 20, remaining: 3 },
    ];
    let mut written = Vec::new();
    for proof in proofs {
        let full = Verifier {
            name: Some("🦀".repeat(200)),
            proof_set_at: later(1),
            attempts: Attempts { failed: u32::MAX, locked_until: Some(later(2)) },
            last_used_at: Some(later(3)),
            created_at: later(4),
            updated_at: later(5),
            ..verifier(&owner, proof)
        };
        insert(&ground, &full).await;
        assert_eq!(find(&ground, &full).await.as_ref().map(told), Some(told(&full)));
        written.insert(0, full);
    }
    let store = ground.store();
    let listed = store.reads().verifiers().of_user(owner.issuer_id, owner.id).await.unwrap();
    let newest_first: Vec<_> = written.iter().map(told).collect();
    assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), newest_first);
    assert_eq!(store.reads().verifiers().count(owner.issuer_id, owner.id).await.unwrap(), 4);
    let before = written.pop().unwrap();
    let after = Verifier {
        last_used_at: before.last_used_at,
        created_at: before.created_at,
        id: before.id,
        updated_at: later(9),
        ..verifier(&owner, Proof::Password { hash: PasswordHash::from_phc("x".to_owned()) })
    };
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.verifiers().update(&after, before.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &after).await.as_ref().map(told), Some(told(&after)));
}

pub async fn another_user_or_issuer_sees_and_changes_nothing(ground: Ground) {
    let (set, stranger) = (set_of_three(&ground).await, owner(&ground).await);
    let known = codes(&ground, &set).await;
    let foreign = [(set.issuer_id, stranger.id), (stranger.issuer_id, set.user_id), (stranger.issuer_id, stranger.id)];
    for (issuer_id, user_id) in foreign {
        let theirs = Verifier { issuer_id, user_id, updated_at: later(1), ..set.clone() };
        assert!(find(&ground, &theirs).await.is_none());
        assert!(codes(&ground, &theirs).await.is_empty());
        let mut unit = begin(&ground, later(1)).await;
        assert_eq!(unit.verifiers().update(&theirs, START).await.unwrap(), WriteOutcome::Stale);
        let unchanged = Verifier { updated_at: START, ..theirs };
        assert_eq!(unit.verifiers().remove(&unchanged).await.unwrap(), WriteOutcome::Stale);
        let spent = unit.verifiers().spend_code(&unchanged, &known[0]).await.unwrap();
        assert_eq!(spent, SpendOutcome::SpentBefore);
        assert_eq!(unit.verifiers().spend_step(&unchanged, 1 << 40).await.unwrap(), SpendOutcome::SpentBefore);
        let failed = Attempts { failed: 3, locked_until: Some(later(9)) };
        unit.verifiers().count_attempts(&unchanged, failed).await.unwrap();
        assert_eq!(unit.verifiers().remove_of_user(issuer_id, user_id).await.unwrap(), 0);
        unit.commit().await.unwrap();
    }
    assert_eq!(find(&ground, &set).await.as_ref().map(told), Some(told(&set)));
    assert_eq!(codes(&ground, &set).await.len(), 3);
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let known = verifier(&owner(&ground).await, totp());
    insert(&ground, &known).await;
    let stale = Verifier { name: Some("x".to_owned()), updated_at: later(2), ..known.clone() };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.verifiers().update(&stale, later(1)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.verifiers().remove(&stale).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &known).await.as_ref().map(told), Some(told(&known)));
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.verifiers().remove(&known).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(find(&ground, &known).await.is_none());
}

pub async fn a_password_is_accepted_as_long_as_it_is_the_stored_one(ground: Ground) {
    let old = Verifier {
        attempts: Attempts { failed: 3, locked_until: Some(later(1)) },
        ..verifier(&owner(&ground).await, Proof::Password { hash: hash() })
    };
    insert(&ground, &old).await;
    let anew = PasswordHash::from_phc("$argon2id$new".to_owned());
    for (hash, outcome) in [(None, WriteOutcome::Done), (Some(&anew), WriteOutcome::Done), (None, WriteOutcome::Stale)]
    {
        let mut unit = begin(&ground, later(2)).await;
        assert_eq!(unit.verifiers().accept_password(&old, hash).await.unwrap(), outcome);
        unit.commit().await.unwrap();
    }
    let found = find(&ground, &old).await.unwrap();
    let expected = Verifier {
        proof: Proof::Password { hash: anew },
        attempts: Attempts::default(),
        last_used_at: Some(later(2)),
        ..old
    };
    assert_eq!(told(&found), told(&expected), "the version stays");
}

pub async fn of_parallel_codes_of_one_step_one_is_accepted(ground: Ground) {
    let known = verifier(&owner(&ground).await, totp());
    insert(&ground, &known).await;
    let mut unit = begin(&ground, later(1)).await;
    let failed = Attempts { failed: 3, locked_until: None };
    unit.verifiers().count_attempts(&known, failed).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &known).await.unwrap().attempts, failed);
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, known) = (Arc::clone(&ground), Arc::clone(&wins), known.clone());
        async move {
            let mut unit = begin(&ground, later(2)).await;
            let spent = unit.verifiers().spend_step(&known, 1001).await.unwrap();
            unit.commit().await.unwrap();
            if spent == SpendOutcome::Spent {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    let after = find(&ground, &known).await.unwrap();
    assert_eq!((after.attempts, after.last_used_at), (Attempts::default(), Some(later(2))));
    assert_eq!(after.updated_at, known.updated_at, "a use is no change");
    let mut unit = begin(&ground, later(3)).await;
    for (step, expected) in
        [(1000, SpendOutcome::SpentBefore), (1001, SpendOutcome::SpentBefore), (1002, SpendOutcome::Spent)]
    {
        assert_eq!(unit.verifiers().spend_step(&known, step).await.unwrap(), expected, "{step}");
    }
    unit.commit().await.unwrap();
}

pub async fn a_rename_brings_nothing_back_that_was_spent_meanwhile(ground: Ground) {
    let known = verifier(&owner(&ground).await, totp());
    insert(&ground, &known).await;
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.verifiers().spend_step(&known, 1001).await.unwrap(), SpendOutcome::Spent);
    unit.commit().await.unwrap();
    // Read before the step was spent.
    let renamed = Verifier { name: Some("Phone".to_owned()), updated_at: later(3), ..known.clone() };
    let mut unit = begin(&ground, later(3)).await;
    assert_eq!(unit.verifiers().rename(&renamed, known.updated_at).await.unwrap(), WriteOutcome::Done);
    assert_eq!(unit.verifiers().spend_step(&known, 1001).await.unwrap(), SpendOutcome::SpentBefore);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &known).await.unwrap().name, renamed.name);
}

pub async fn of_parallel_uses_of_one_backup_code_one_is_accepted(ground: Ground) {
    let set = set_of_three(&ground).await;
    let known = codes(&ground, &set).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, set, code) = (Arc::clone(&ground), Arc::clone(&wins), set.clone(), known[1].clone());
        async move {
            let mut unit = begin(&ground, later(2)).await;
            let spent = unit.verifiers().spend_code(&set, &code).await.unwrap();
            unit.commit().await.unwrap();
            if spent == SpendOutcome::Spent {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    let mut numbers: Vec<_> = codes(&ground, &set).await.iter().map(|code| code.number).collect();
    numbers.sort_unstable();
    let mut others: Vec<_> = known.iter().map(|code| code.number).filter(|number| *number != known[1].number).collect();
    others.sort_unstable();
    assert_eq!(numbers, others);
    let after = find(&ground, &set).await.unwrap();
    assert!(matches!(after.proof, Proof::BackupCodes { total: 3, remaining: 2 }), "{after:?}");
    assert_eq!((after.last_used_at, after.updated_at), (Some(later(2)), set.updated_at));
}

pub async fn new_backup_codes_take_the_place_of_the_old_ones(ground: Ground) {
    let set = set_of_three(&ground).await;
    let old = codes(&ground, &set).await;
    let mut unit = begin(&ground, later(1)).await;
    unit.verifiers().replace_codes(&set, &hashes(20)[10..]).await.unwrap();
    assert_eq!(unit.verifiers().spend_code(&set, &old[0]).await.unwrap(), SpendOutcome::SpentBefore);
    unit.commit().await.unwrap();
    assert_eq!(codes(&ground, &set).await.len(), 10);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.verifiers().remove(&set).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert!(codes(&ground, &set).await.is_empty(), "they go with their set");
}

fn enrollment(user: &User, expires_at: Timestamp) -> Enrollment {
    Enrollment {
        id: mint(),
        issuer_id: user.issuer_id,
        user_id: user.id,
        name: Some("ü".repeat(200)),
        seed: Sealed::from_bytes(vec![3; 80]),
        failed: 2,
        expires_at,
        created_at: later(1),
    }
}

async fn begun(ground: &Ground, sought: &Enrollment) -> Option<Enrollment> {
    ground.store().reads().verifiers().enrollment(sought.issuer_id, sought.user_id, sought.id).await.unwrap()
}

async fn enroll(ground: &Ground, enrollment: &Enrollment) {
    let mut unit = begin(ground, START).await;
    unit.verifiers().begin_enrollment(enrollment).await.unwrap();
    unit.commit().await.unwrap();
}

pub async fn a_user_sets_one_factor_up_at_a_time(ground: Ground) {
    let (one, other) = (owner(&ground).await, owner(&ground).await);
    let (first, second, theirs) =
        (enrollment(&one, later(9)), enrollment(&one, later(9)), enrollment(&other, later(9)));
    for enrollment in [&first, &theirs, &second] {
        enroll(&ground, enrollment).await;
    }
    assert!(begun(&ground, &first).await.is_none() && begun(&ground, &theirs).await.is_some());
    let found = begun(&ground, &second).await.unwrap();
    let told = |one: &Enrollment| format!("{one:?} {:?}", one.seed.as_bytes());
    assert_eq!(told(&found), told(&second));
    let mut unit = begin(&ground, later(2)).await;
    unit.verifiers().fail_enrollment(&second).await.unwrap();
    let foreign = Enrollment { user_id: other.id, ..second.clone() };
    unit.verifiers().fail_enrollment(&foreign).await.unwrap();
    assert_eq!(unit.verifiers().end_enrollment(&foreign).await.unwrap(), SpendOutcome::SpentBefore);
    unit.commit().await.unwrap();
    assert_eq!(begun(&ground, &second).await.unwrap().failed, 3);
    assert!(begun(&ground, &foreign).await.is_none(), "it is another user's");
    let kept = verifier(&one, Proof::Password { hash: hash() });
    insert(&ground, &kept).await;
    let mut unit = begin(&ground, later(3)).await;
    unit.verifiers().remove_enrollments(mint(), one.id).await.unwrap();
    unit.commit().await.unwrap();
    assert!(begun(&ground, &second).await.is_some(), "of another issuer");
    let mut unit = begin(&ground, later(3)).await;
    unit.verifiers().remove_enrollments(one.issuer_id, one.id).await.unwrap();
    unit.commit().await.unwrap();
    assert!(begun(&ground, &second).await.is_none() && begun(&ground, &theirs).await.is_some());
    assert!(find(&ground, &kept).await.is_some(), "what is in force stays");
}

pub async fn of_parallel_ends_of_one_enrollment_one_wins(ground: Ground) {
    let one = enrollment(&owner(&ground).await, later(9));
    enroll(&ground, &one).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, one) = (Arc::clone(&ground), Arc::clone(&wins), one.clone());
        async move {
            let mut unit = begin(&ground, later(2)).await;
            let ended = unit.verifiers().end_enrollment(&one).await.unwrap();
            unit.commit().await.unwrap();
            if ended == SpendOutcome::Spent {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert!(begun(&ground, &one).await.is_none());
}

pub async fn credentials_go_with_their_user(ground: Ground) {
    let (set, other) = (set_of_three(&ground).await, set_of_three(&ground).await);
    let gone = User { id: set.user_id, ..user(set.issuer_id) };
    let begun_by = enrollment(&gone, later(9));
    enroll(&ground, &begun_by).await;
    delete(&ground, &gone, later(1)).await;
    assert!(find(&ground, &set).await.is_none() && codes(&ground, &set).await.is_empty());
    assert!(begun(&ground, &begun_by).await.is_none());
    assert!(find(&ground, &other).await.is_some());
    assert_eq!(codes(&ground, &other).await.len(), 3);
}

pub async fn a_sweep_removes_what_has_expired(ground: Ground) {
    let (one, other) = (owner(&ground).await, owner(&ground).await);
    let temporary = verifier(&one, Proof::TemporaryPassword { hash: hash(), expires_at: later(10) });
    let lasting = verifier(&one, Proof::Password { hash: hash() });
    insert(&ground, &temporary).await;
    insert(&ground, &lasting).await;
    let (early, late) = (enrollment(&one, later(10)), enrollment(&other, later(20)));
    enroll(&ground, &early).await;
    enroll(&ground, &late).await;
    let sweep = async |now: Timestamp| {
        let mut unit = begin(&ground, now).await;
        let removed = unit.verifiers().sweep(10).await.unwrap();
        unit.commit().await.unwrap();
        removed
    };
    assert_eq!((sweep(later(9)).await, sweep(later(10)).await, sweep(later(10)).await), (0, 2, 0));
    assert!(find(&ground, &temporary).await.is_none() && find(&ground, &lasting).await.is_some());
    assert!(begun(&ground, &early).await.is_none() && begun(&ground, &late).await.is_some());
}

pub async fn a_user_shows_how_it_is_protected(ground: Ground) {
    let owner = owner(&ground).await;
    let attempts = Attempts { failed: 2, locked_until: Some(later(9)) };
    let password = Verifier { proof_set_at: later(3), ..verifier(&owner, Proof::Password { hash: hash() }) };
    let app = Verifier { attempts, ..verifier(&owner, totp()) };
    insert(&ground, &password).await;
    insert(&ground, &app).await;
    let security = async |issuer: IssuerId, user: UserId| {
        ground.store().reads().users().find(issuer, user).await.unwrap().unwrap().security
    };
    let found = security(owner.issuer_id, owner.id).await;
    assert_eq!(found.mfa_methods(), ["totp_app"]);
    assert_eq!(found.password_changed_at(), Some(later(3)));
    assert_eq!((found.failed_attempts(later(4)), found.locked_until(later(4))), (2, Some(later(9))));
}
