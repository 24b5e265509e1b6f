//! Signing keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use uuid::Uuid;

use super::grant::grant;
use super::session::session;
use super::{Ground, START, begin, issuer, later, mint, race};
use crate::id::{ApiKeyId, Id as _, IssuerId};
use crate::issuer::model::{Issuer, PublicIssuer};
use crate::key::model::{Algorithm, KeyPair, PublicJwk, PublicMaterial, SigningKey, published, signer};
use crate::key::repository::{AddOutcome, KeyHolder, LostKey, PublishedVersion};
use crate::merge::merged;
use crate::oauth::model::Grant;
use crate::outcome::WriteOutcome;
use crate::seal::Sealed;
use crate::session::repository::SessionsOf;
use crate::timestamp::Timestamp;

/// One key for every algorithm, of one generation.
pub fn generation(issuer: IssuerId, number: u32, created_at: Timestamp, activates_at: Timestamp) -> Vec<SigningKey> {
    let key = |algorithm| {
        let kid = mint::<ApiKeyId>().uuid();
        let public = match algorithm {
            Algorithm::Es256 => PublicMaterial::P256 { x: [1; 32], y: [2; 32] },
            Algorithm::EdDsa => PublicMaterial::Ed25519 { x: [3; 32] },
            Algorithm::Rs256 => PublicMaterial::Rsa { n: vec![0xc5; 512], e: vec![1, 0, 1] },
        };
        SigningKey {
            kid,
            issuer_id: issuer,
            algorithm,
            public: PublicJwk::new(kid, public),
            sealed: Sealed::from_bytes(vec![0xff; 4096]),
            created_at,
            activates_at,
            generation: number,
            compromised_at: None,
        }
    };
    Algorithm::ALL.map(key).into()
}

async fn an_issuer(ground: &Ground) -> Issuer {
    let (issuer, methods) = issuer::issuer(mint());
    issuer::insert(ground, &issuer, &methods).await;
    issuer
}

/// Adds keys and commits if they are in.
pub async fn add(ground: &Ground, keys: &[SigningKey]) -> AddOutcome {
    let (issuer, generation) = (keys[0].issuer_id, keys[0].generation);
    let mut unit = begin(ground, START).await;
    let outcome = unit.signing_keys().add(issuer, generation, keys).await.unwrap();
    if outcome == AddOutcome::Added {
        unit.commit().await.unwrap();
    }
    outcome
}

async fn newest(ground: &Ground, issuer: IssuerId) -> Vec<SigningKey> {
    ground.store().reads().signing_keys().newest(issuer, 100).await.unwrap()
}

async fn version(ground: &Ground, issuer: IssuerId) -> Option<PublishedVersion> {
    ground.store().reads().signing_keys().version(issuer).await.unwrap()
}

async fn public(ground: &Ground, issuer: IssuerId) -> Option<PublicIssuer> {
    ground.store().reads().issuers().public(issuer).await.unwrap()
}

async fn walked(ground: &Ground, after: Option<IssuerId>, limit: u32) -> Vec<KeyHolder> {
    ground.store().reads().signing_keys().holders(after, limit).await.unwrap()
}

fn kids(keys: &[SigningKey]) -> BTreeSet<Uuid> {
    keys.iter().map(|key| key.kid).collect()
}

fn written(key: &SigningKey) -> String {
    format!("{key:?} {:?}", key.sealed.as_bytes())
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let issuer = an_issuer(&ground).await.id;
    let mut keys = generation(issuer, u32::MAX, START, later(1440));
    let pair = KeyPair::generate(Algorithm::Rs256).unwrap();
    keys[2].public = pair.public_jwk(keys[2].kid);
    assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
    for key in &keys {
        let found = ground.store().reads().signing_keys().find(issuer, key.kid).await.unwrap().unwrap();
        assert_eq!(written(&found), written(key));
    }
    let found: BTreeSet<_> = newest(&ground, issuer).await.iter().map(written).collect();
    assert_eq!(found, keys.iter().map(written).collect());
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let (ours, stranger) = (an_issuer(&ground).await.id, an_issuer(&ground).await.id);
    let keys = generation(ours, 1, START, START);
    assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
    assert!(newest(&ground, stranger).await.is_empty());
    assert!(ground.store().reads().signing_keys().find(stranger, keys[0].kid).await.unwrap().is_none());
    assert_eq!(version(&ground, stranger).await.unwrap().newest_generation, None);
    // A generation of one issuer is not taken by that of another.
    assert_eq!(add(&ground, &generation(stranger, 1, START, START)).await, AddOutcome::Added);
    assert_eq!(kids(&newest(&ground, ours).await), kids(&keys));
}

pub async fn a_key_is_withdrawn_once_and_by_its_own_issuer(ground: Ground) {
    let (ours, stranger) = (an_issuer(&ground).await.id, an_issuer(&ground).await.id);
    let keys = generation(ours, 1, START, START);
    assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
    let lost = keys[0].kid;
    for (issuer, expected) in [(stranger, false), (ours, true), (ours, false)] {
        let mut unit = begin(&ground, START).await;
        assert_eq!(unit.signing_keys().withdraw(issuer, lost).await.unwrap(), expected);
        unit.commit().await.unwrap();
    }
    assert!(ground.store().reads().signing_keys().find(ours, lost).await.unwrap().is_none());
    let found = newest(&ground, ours).await;
    assert_eq!(kids(&found), kids(&keys), "its place in the succession stays");
    for key in found {
        let is_lost = key.kid == lost;
        let left = (key.compromised_at, key.sealed.as_bytes().is_empty());
        assert_eq!(left, (is_lost.then_some(START), is_lost), "{}", key.algorithm);
    }
}

pub async fn the_end_of_what_a_lost_key_signed_stays_ordered_until_it_is_done(ground: Ground) {
    let issuers = [an_issuer(&ground).await.id, an_issuer(&ground).await.id];
    let mut expected = Vec::new();
    for (number, issuer) in (0..).zip(issuers) {
        let keys = generation(issuer, 1, START, START);
        assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
        let mut unit = begin(&ground, later(number)).await;
        assert!(unit.signing_keys().withdraw(issuer, keys[0].kid).await.unwrap());
        unit.commit().await.unwrap();
        expected.push(LostKey { issuer_id: issuer, kid: keys[0].kid });
    }
    let ours = async || -> Vec<LostKey> {
        let mut lost = ground.store().reads().signing_keys().lost(10_000).await.unwrap();
        lost.retain(|lost| issuers.contains(&lost.issuer_id));
        lost
    };
    assert_eq!(ours().await, expected, "first withdrawn first");
    let stranger = LostKey { issuer_id: issuers[1], ..expected[0] };
    for (done, left) in [(stranger, &expected[..]), (expected[0], &expected[1..]), (expected[1], &[])] {
        let mut unit = begin(&ground, later(3)).await;
        unit.signing_keys().finish_withdrawal(done).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(ours().await, left);
    }
}

async fn signed(ground: &Ground, issuer: IssuerId, kid: Uuid) -> usize {
    let of = SessionsOf::SignedWith(kid);
    ground.store().reads().sessions().live(issuer, of, None, 100).await.unwrap().len()
}

pub async fn no_session_that_a_key_signed_comes_after_its_withdrawal(ground: Ground) {
    let issuer = an_issuer(&ground).await.id;
    let keys = generation(issuer, 1, START, START);
    assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
    let kid = keys[0].kid;
    let seen = Arc::new(AtomicUsize::new(usize::MAX));
    race(&ground, |number| {
        let (ground, seen) = (Arc::clone(&ground), Arc::clone(&seen));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if number == 7 {
                assert!(unit.signing_keys().withdraw(issuer, kid).await.unwrap());
                unit.commit().await.unwrap();
                seen.store(signed(&ground, issuer, kid).await, Ordering::SeqCst);
            } else if unit.signing_keys().hold(issuer, kid).await.unwrap() {
                let new = session(issuer, mint());
                unit.sessions().insert(&new, None).await.unwrap();
                unit.grants().insert_grant(&Grant { refresh_kid: Some(kid), ..grant(&new) }).await.unwrap();
                unit.commit().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(signed(&ground, issuer, kid).await, seen.load(Ordering::SeqCst), "all were there when it was withdrawn");
    let mut unit = begin(&ground, later(2)).await;
    assert!(!unit.signing_keys().hold(issuer, kid).await.unwrap());
    assert!(unit.signing_keys().hold(issuer, keys[1].kid).await.unwrap(), "the others are held");
    assert!(!unit.signing_keys().hold(mint(), keys[1].kid).await.unwrap(), "by their own issuer");
}

pub async fn of_parallel_creators_one_makes_a_generation(ground: Ground) {
    let issuer = an_issuer(&ground).await.id;
    for number in 1..=2 {
        let wins = Arc::new(AtomicUsize::new(0));
        race(&ground, |_| {
            let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
            let keys = generation(issuer, number, START, START);
            async move {
                match add(&ground, &keys).await {
                    AddOutcome::Added => {
                        wins.fetch_add(1, Ordering::SeqCst);
                    }
                    AddOutcome::Taken => {
                        let found = newest(&ground, keys[0].issuer_id).await;
                        assert!(found.iter().any(|key| key.generation == number), "the loser sees the winner's keys");
                    }
                    AddOutcome::NoIssuer => panic!("the issuer is there"),
                }
            }
        })
        .await;
        assert_eq!(wins.load(Ordering::SeqCst), 1);
    }
    assert_eq!(newest(&ground, issuer).await.len(), 2 * Algorithm::ALL.len());
}

pub async fn a_generation_that_is_taken_adds_nothing(ground: Ground) {
    let issuer = an_issuer(&ground).await.id;
    let first = generation(issuer, 2, START, START);
    assert_eq!(add(&ground, &first[..1]).await, AddOutcome::Added);
    let mut unit = begin(&ground, later(1)).await;
    let keys = unit.signing_keys();
    for late in [generation(issuer, 2, later(1), later(1)), generation(issuer, 1, later(1), later(1))] {
        assert_eq!(keys.add(issuer, late[0].generation, &late).await.unwrap(), AddOutcome::Taken);
    }
    unit.commit().await.unwrap();
    assert_eq!(kids(&newest(&ground, issuer).await), kids(&first[..1]));
}

pub async fn a_rotated_issuer_has_both_generations(ground: Ground) {
    let issuer = an_issuer(&ground).await.id;
    let (old, new) = (generation(issuer, 1, START, START), generation(issuer, 2, later(9), later(1449)));
    for keys in [&old, &new] {
        assert_eq!(add(&ground, keys).await, AddOutcome::Added);
    }
    let found = newest(&ground, issuer).await;
    let order: Vec<_> = found.iter().map(|key| key.generation).collect();
    assert_eq!(order, [2, 2, 2, 1, 1, 1], "newest first");
    assert_eq!(published(&found, later(10)).len(), 6);
    for algorithm in Algorithm::ALL {
        assert_eq!(signer(&found, algorithm, later(1448)).map(|key| key.generation), Some(1));
        assert_eq!(signer(&found, algorithm, later(1449)).map(|key| key.generation), Some(2));
    }
    let limited = ground.store().reads().signing_keys().newest(issuer, 3).await.unwrap();
    assert_eq!(kids(&limited), kids(&new));
}

pub async fn keys_that_were_succeeded_long_ago_are_removed(ground: Ground) {
    let (ours, stranger) = (an_issuer(&ground).await.id, an_issuer(&ground).await.id);
    let of = |issuer| {
        let mut generations =
            [(1, 0), (2, 10), (3, 20)].map(|(number, at)| generation(issuer, number, START, later(at)));
        // One algorithm got no key in the second generation.
        generations[1].retain(|key| key.algorithm != Algorithm::Rs256);
        generations
    };
    for keys in of(ours).iter().chain(&of(stranger)) {
        assert_eq!(add(&ground, keys).await, AddOutcome::Added);
    }
    let mut left = Vec::new();
    for before in [later(9), later(10), later(19), later(20), later(99)] {
        let mut unit = begin(&ground, later(100)).await;
        let removed = unit.signing_keys().remove_succeeded(ours, before).await.unwrap();
        unit.commit().await.unwrap();
        let mut generations: Vec<_> = newest(&ground, ours).await.iter().map(|key| key.generation).collect();
        generations.sort_unstable();
        left.push((removed, generations));
    }
    let expected = [
        (0, vec![1, 1, 1, 2, 2, 3, 3, 3]),
        (2, vec![1, 2, 2, 3, 3, 3]),
        (0, vec![1, 2, 2, 3, 3, 3]),
        (3, vec![3, 3, 3]),
        (0, vec![3, 3, 3]),
    ];
    assert_eq!(left, expected);
    assert_eq!(version(&ground, ours).await.unwrap().newest_generation, Some(3));
    assert_eq!(newest(&ground, stranger).await.len(), 8, "those of another issuer stay");
}

pub async fn the_version_follows_the_keys_and_the_issuer(ground: Ground) {
    let issuer = an_issuer(&ground).await;
    let id = issuer.id;
    let before = version(&ground, id).await.unwrap();
    assert_eq!(before, PublishedVersion { issuer_updated_at: START, newest_generation: None });
    for number in 1..=2 {
        assert_eq!(add(&ground, &generation(id, number, START, START)).await, AddOutcome::Added);
        let now = version(&ground, id).await.unwrap();
        assert_eq!(now, PublishedVersion { newest_generation: Some(number), ..before });
    }
    let mut unit = begin(&ground, later(1)).await;
    let renamed = Issuer { updated_at: later(1), ..issuer };
    assert_eq!(unit.issuers().update(&renamed, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    let after = version(&ground, id).await.unwrap();
    assert_eq!(after, PublishedVersion { issuer_updated_at: later(1), newest_generation: Some(2) });
}

pub async fn everyone_is_told_what_the_issuer_says(ground: Ground) {
    let (mut issuer, methods) = issuer::issuer(mint());
    let patch = json!({
        "links": { "privacy_policy": "https://example.com/p", "documentation": "https://example.com/d" },
        "available_scopes": ["orders:read", "openid"],
        "settings": { "branding": { "locales": ["de", "pt-BR"] } },
    });
    issuer.details = merged(&issuer.details, patch.as_object().unwrap()).unwrap();
    issuer::insert(&ground, &issuer, &methods).await;
    let expected = PublicIssuer {
        id: issuer.id,
        available_scopes: issuer.details.available_scopes,
        links: issuer.details.links,
        locales: vec!["de".to_owned(), "pt-BR".to_owned()],
        updated_at: START,
    };
    assert_eq!(public(&ground, issuer.id).await, Some(expected));
    assert_eq!(public(&ground, mint()).await, None);
}

pub async fn a_deleted_issuer_publishes_nothing_and_gets_no_keys(ground: Ground) {
    let issuer = an_issuer(&ground).await;
    assert_eq!(add(&ground, &generation(issuer.id, 1, START, START)).await, AddOutcome::Added);
    let mut unit = begin(&ground, later(1)).await;
    let deleted = unit.issuers().begin_delete(issuer.account_id, issuer.id, START).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
    let nobody: IssuerId = mint();
    for gone in [issuer.id, nobody] {
        assert_eq!(version(&ground, gone).await, None);
        assert_eq!(public(&ground, gone).await, None);
        assert_eq!(add(&ground, &generation(gone, 2, later(2), later(2))).await, AddOutcome::NoIssuer);
    }
    assert_eq!(newest(&ground, issuer.id).await.len(), 3, "what it signed is not forgotten before it is removed");
}

pub async fn issuers_with_keys_are_walked_in_pages(ground: Ground) {
    let mut issuers = BTreeSet::new();
    for number in 0..5_u64 {
        let issuer = an_issuer(&ground).await.id;
        for generation_number in 1..=2_u32 {
            let made = later(number + u64::from(generation_number));
            let keys = generation(issuer, generation_number, made, made);
            assert_eq!(add(&ground, &keys).await, AddOutcome::Added);
        }
        issuers.insert((issuer, later(number + 2)));
    }
    an_issuer(&ground).await;
    let mut seen = Vec::new();
    loop {
        let page = walked(&ground, seen.last().map(|holder: &KeyHolder| holder.issuer_id), 2).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let seen: Vec<_> = seen.iter().map(|holder| (holder.issuer_id, holder.newest_created_at)).collect();
    assert_eq!(seen, issuers.into_iter().collect::<Vec<_>>());
}
