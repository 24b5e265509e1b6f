//! What was granted to clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::session::{ended, insert as insert_session, linked, session};
use super::{Ground, START, begin, later, mint, race};
use crate::id::{IssuerId, UserId};
use crate::oauth::model::{
    AuthorizationCode, ClaimsRequest, CodeBinding, CodeChallenge, Consent, Grant, GrantBinding, OnceKey, Replay,
    Resources, Rotation, SPENT_KEPT,
};
use crate::oauth::repository::ConsentsOf;
use crate::outcome::{InsertOutcome, SpendOutcome};
use crate::seal::RootKey;
use crate::secret::{KeyTag, Pepper, Peppers};
use crate::session::model::UserSession;
use crate::session::repository::SessionsOf;
use crate::timestamp::Timestamp;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn resources() -> Resources {
    Resources::parse((0..20).map(|_| "urn:x").chain(["https://api.example.com/"]).take(20)).unwrap()
}

fn code(issuer: IssuerId, number: u8) -> AuthorizationCode {
    AuthorizationCode {
        issuer_id: issuer,
        hash: [number; 32],
        client_id: mint(),
        session_id: mint(),
        binding: CodeBinding {
            redirect_uri: "x".repeat(2048),
            challenge: CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap(),
            nonce: Some("🦀".repeat(128)),
            resources: resources(),
        },
        expires_at: later(1),
        spent_at: None,
    }
}

pub(super) fn grant(session: &UserSession) -> Grant {
    Grant {
        session_id: session.id,
        issuer_id: session.issuer_id,
        client_id: mint(),
        binding: GrantBinding {
            iss: "https://id.example.com/i_1".to_owned(),
            scopes: vec!["openid".to_owned(), "x".repeat(128)],
            resources: resources(),
            claims: ClaimsRequest::parse(r#"{"id_token": {"email": null}}"#).ok(),
        },
        refresh_jti: Some("a".to_owned()),
        refresh_kid: Some(Uuid::from_u128(7)),
        replay: None,
    }
}

fn consent(issuer: IssuerId, user: UserId) -> Consent {
    Consent {
        issuer_id: issuer,
        user_id: user,
        client_id: mint(),
        scopes: vec!["email".to_owned(), "openid".to_owned()],
        resources: vec!["urn:x".to_owned()],
        granted_at: later(3),
    }
}

fn rotation(from: &str, to: &str, replay: bool) -> Rotation {
    let answer = || RootKey::new([7; 32]).seal("x", &vec![1; 100_000]).unwrap();
    let replay = replay.then(|| Replay { jti: from.to_owned(), request: [9; 32], answer: answer(), until: later(2) });
    Rotation { from: from.to_owned(), to: to.to_owned(), kid: Uuid::from_u128(8), replay }
}

async fn with_grant(ground: &Ground) -> Grant {
    let op = session(mint(), mint());
    let rp = linked(&op);
    insert_session(ground, &rp).await;
    let new = grant(&rp);
    let mut unit = begin(ground, START).await;
    unit.grants().insert_grant(&new).await.unwrap();
    unit.commit().await.unwrap();
    new
}

async fn insert_code(ground: &Ground, code: &AuthorizationCode) {
    let mut unit = begin(ground, START).await;
    unit.grants().insert_code(code).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find_code(ground: &Ground, issuer: IssuerId, hash: [u8; 32]) -> Option<AuthorizationCode> {
    ground.store().reads().grants().code(issuer, &hash).await.unwrap()
}

async fn find(ground: &Ground, of: &Grant) -> Option<Grant> {
    ground.store().reads().grants().grant(of.issuer_id, of.session_id).await.unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let new = code(mint(), 1);
    insert_code(&ground, &new).await;
    assert_eq!(find_code(&ground, new.issuer_id, new.hash).await, Some(new));
    let granted = with_grant(&ground).await;
    assert_eq!(find(&ground, &granted).await, Some(granted.clone()));
    let turn = rotation("a", "b", true);
    let mut unit = begin(&ground, START).await;
    let done = unit.grants().rotate(granted.issuer_id, granted.session_id, &turn).await.unwrap();
    assert_eq!(done, SpendOutcome::Spent);
    unit.commit().await.unwrap();
    let expected = Grant {
        refresh_jti: Some("b".to_owned()),
        refresh_kid: Some(turn.kid),
        replay: turn.replay,
        ..granted.clone()
    };
    assert_eq!(find(&ground, &granted).await, Some(expected));
    let agreed = consent(mint(), mint());
    let mut unit = begin(&ground, START).await;
    unit.grants().write_consent(&agreed).await.unwrap();
    let wider = agreed.clone().widened(&["profile".to_owned()], &["urn:y".to_owned()], later(4));
    unit.grants().write_consent(&wider).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let grants = store.reads().grants();
    assert_eq!(grants.consent(agreed.issuer_id, agreed.user_id, agreed.client_id).await.unwrap(), Some(wider.clone()));
    assert_eq!(grants.consents(agreed.issuer_id, agreed.user_id).await.unwrap(), [wider]);
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let (stranger, new, agreed): (IssuerId, _, _) = (mint(), code(mint(), 1), consent(mint(), mint()));
    insert_code(&ground, &new).await;
    let granted = with_grant(&ground).await;
    let theirs = AuthorizationCode { issuer_id: stranger, ..new.clone() };
    let mut unit = begin(&ground, START).await;
    unit.grants().write_consent(&agreed).await.unwrap();
    assert_eq!(unit.grants().spend_code(&theirs).await.unwrap(), SpendOutcome::SpentBefore);
    let turn = unit.grants().rotate(stranger, granted.session_id, &rotation("a", "b", false)).await.unwrap();
    assert_eq!(turn, SpendOutcome::SpentBefore);
    assert!(!unit.grants().remove_consent(stranger, agreed.user_id, agreed.client_id).await.unwrap());
    let of = ConsentsOf::User(agreed.user_id);
    assert_eq!(unit.grants().remove_consents_of(stranger, of, 9).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find_code(&ground, stranger, new.hash).await, None);
    assert_eq!(find_code(&ground, new.issuer_id, new.hash).await, Some(new));
    assert_eq!(find(&ground, &granted).await, Some(granted));
    let store = ground.store();
    let grants = store.reads().grants();
    assert_eq!(grants.consent(stranger, agreed.user_id, agreed.client_id).await.unwrap(), None);
    assert_eq!(grants.consents(agreed.issuer_id, agreed.user_id).await.unwrap(), [agreed]);
}

pub async fn sessions_are_found_by_the_key_that_signed_their_refresh_token(ground: Ground) {
    let (issuer, kid) = (mint(), Uuid::from_u128(7));
    let mut signed = Vec::new();
    for (of, with) in [(issuer, Some(kid)), (issuer, Some(Uuid::from_u128(8))), (issuer, None), (mint(), Some(kid))] {
        let one = session(of, mint());
        insert_session(&ground, &one).await;
        let mut unit = begin(&ground, START).await;
        unit.grants().insert_grant(&Grant { refresh_kid: with, ..grant(&one) }).await.unwrap();
        unit.commit().await.unwrap();
        signed.push(one.id);
    }
    let found = ground.store().reads().sessions().live(issuer, SessionsOf::SignedWith(kid), None, 10).await.unwrap();
    assert_eq!(found.iter().map(|session| session.id).collect::<Vec<_>>(), signed[..1]);
}

pub async fn of_parallel_uses_of_a_code_one_spends_it(ground: Ground) {
    let new = code(mint(), 1);
    insert_code(&ground, &new).await;
    let spent = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, new, spent) = (Arc::clone(&ground), new.clone(), Arc::clone(&spent));
        async move {
            let mut unit = begin(&ground, later(2)).await;
            let outcome = unit.grants().spend_code(&new).await.unwrap();
            unit.commit().await.unwrap();
            spent.fetch_add(usize::from(outcome == SpendOutcome::Spent), Ordering::Relaxed);
        }
    })
    .await;
    assert_eq!(spent.load(Ordering::Relaxed), 1);
    assert_eq!(find_code(&ground, new.issuer_id, new.hash).await.unwrap().spent_at, Some(later(2)));
}

pub async fn of_parallel_rotations_of_a_token_one_wins(ground: Ground) {
    let granted = with_grant(&ground).await;
    let won = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, granted, won) = (Arc::clone(&ground), granted.clone(), Arc::clone(&won));
        async move {
            let turn = rotation("a", &format!("b{number}"), false);
            let mut unit = begin(&ground, later(1)).await;
            let outcome = unit.grants().rotate(granted.issuer_id, granted.session_id, &turn).await.unwrap();
            unit.commit().await.unwrap();
            won.fetch_add(usize::from(outcome == SpendOutcome::Spent), Ordering::Relaxed);
        }
    })
    .await;
    assert_eq!(won.load(Ordering::Relaxed), 1);
    assert_ne!(find(&ground, &granted).await.unwrap().refresh_jti, granted.refresh_jti);
}

pub async fn the_first_refresh_token_is_set_once(ground: Ground) {
    let op = session(mint(), mint());
    let new = Grant { refresh_jti: None, refresh_kid: None, ..grant(&op) };
    let mut unit = begin(&ground, START).await;
    unit.grants().insert_grant(&new).await.unwrap();
    let kid = Uuid::from_u128(3);
    let mut begin_with =
        async |jti: &str| unit.grants().begin_refreshing(new.issuer_id, new.session_id, (jti, kid)).await.unwrap();
    assert_eq!(begin_with("a").await, SpendOutcome::Spent);
    assert_eq!(begin_with("b").await, SpendOutcome::SpentBefore);
    unit.commit().await.unwrap();
    let found = find(&ground, &new).await.unwrap();
    assert_eq!((found.refresh_jti.as_deref(), found.refresh_kid), (Some("a"), Some(kid)));
}

pub async fn of_parallel_uses_of_an_assertion_one_counts(ground: Ground) {
    let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [7; 32]), vec![]);
    let key = OnceKey::of_assertion(&peppers, mint(), "jti");
    let (issuer, first) = (mint(), Arc::new(AtomicUsize::new(0)));
    race(&ground, |_| {
        let (ground, first) = (Arc::clone(&ground), Arc::clone(&first));
        async move {
            let mut unit = begin(&ground, START).await;
            let outcome = unit.grants().use_once(issuer, key, later(1)).await.unwrap();
            unit.commit().await.unwrap();
            first.fetch_add(usize::from(outcome == InsertOutcome::Inserted), Ordering::Relaxed);
        }
    })
    .await;
    assert_eq!(first.load(Ordering::Relaxed), 1);
}

pub async fn a_denied_token_is_denied_at_its_issuer_until_it_is_swept(ground: Ground) {
    let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [7; 32]), vec![]);
    let (issuer, stranger): (IssuerId, IssuerId) = (mint(), mint());
    let (denied, other) = (OnceKey::of_token(&peppers, issuer, "a"), OnceKey::of_token(&peppers, issuer, "b"));
    let mut unit = begin(&ground, START).await;
    for _ in 0..2 {
        unit.grants().deny(issuer, denied, later(1)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let store = ground.store();
    let is_denied = async |issuer, key| store.reads().grants().is_denied(issuer, key).await.unwrap();
    assert!(is_denied(issuer, denied).await && !is_denied(issuer, other).await && !is_denied(stranger, denied).await);
    assert_eq!(swept(&ground, just_before(later(1))).await, 0);
    assert_eq!(swept(&ground, later(1)).await, 1);
    assert!(!is_denied(issuer, denied).await);
}

fn just_before(at: Timestamp) -> Timestamp {
    at.minus(Duration::from_millis(1))
}

async fn swept(ground: &Ground, at: Timestamp) -> u64 {
    let mut unit = begin(ground, at).await;
    let removed = unit.grants().sweep(10).await.unwrap();
    unit.commit().await.unwrap();
    removed
}

pub async fn what_is_over_is_swept_and_nothing_else(ground: Ground) {
    let new = code(mint(), 1);
    insert_code(&ground, &new).await;
    let granted = with_grant(&ground).await;
    let mut unit = begin(&ground, START).await;
    let turn = rotation("a", "b", true);
    let _ = unit.grants().rotate(granted.issuer_id, granted.session_id, &turn).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(swept(&ground, just_before(later(2))).await, 0);
    assert_eq!(swept(&ground, later(2)).await, 1, "the answer that is not given again");
    let after = find(&ground, &granted).await.unwrap();
    assert_eq!((after.replay, after.refresh_jti.as_deref()), (None, Some("b")));
    let forgotten = new.expires_at.plus(SPENT_KEPT);
    assert_eq!(swept(&ground, just_before(forgotten)).await, 0);
    assert!(find_code(&ground, new.issuer_id, new.hash).await.is_some());
    assert_eq!(swept(&ground, forgotten).await, 1);
    assert_eq!(find_code(&ground, new.issuer_id, new.hash).await, None);
}

pub async fn a_grant_goes_with_its_session_and_consents_with_user_and_client(ground: Ground) {
    let rp = linked(&session(mint(), mint()));
    insert_session(&ground, &ended(&rp, later(1))).await;
    let granted = grant(&rp);
    let (one, other) = (consent(rp.issuer_id, rp.user_id), consent(rp.issuer_id, mint()));
    let mut unit = begin(&ground, START).await;
    unit.grants().insert_grant(&granted).await.unwrap();
    for consent in [&one, &other] {
        unit.grants().write_consent(consent).await.unwrap();
    }
    assert_eq!(unit.sessions().purge(later(2), 9).await.unwrap(), 1);
    let (user, client) = (ConsentsOf::User(one.user_id), ConsentsOf::Client(other.client_id));
    assert_eq!(unit.grants().remove_consents_of(rp.issuer_id, user, 9).await.unwrap(), 1);
    assert_eq!(unit.grants().remove_consents_of(rp.issuer_id, client, 9).await.unwrap(), 1);
    assert_eq!(unit.grants().remove_consents_of(rp.issuer_id, client, 9).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &granted).await, None);
}
