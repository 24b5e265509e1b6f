//! What agents prove themselves with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{add, agent, delete, find, insert, peppers, secret, verifiers, wallet};
use crate::agent::model::{Agent, AgentCredential, AgentStats, AgentVerifier, AgentVerifierStatus, VERIFIER_LIMIT};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::secret::Secret;
use crate::store::contract::{Ground, START, begin, later, mint, race};

pub async fn every_field_of_a_verifier_comes_back(ground: Ground) {
    let agent = agent(mint());
    insert(&ground, &agent).await;
    let longest = |verifier: AgentVerifier| AgentVerifier {
        name: Some("名".repeat(200)),
        description: Some("🦀".repeat(5000)),
        status: AgentVerifierStatus::Disabled,
        usage_count: 9_007_199_254_740_991,
        last_used_at: Some(later(3)),
        updated_at: later(2),
        ..verifier
    };
    let (secret, wallet) = (secret(&agent, "open sesame"), longest(wallet(&agent, &"Ab".repeat(64))));
    for one in [&secret, &wallet] {
        assert_eq!(add(&ground, one).await, InsertOutcome::Inserted);
    }
    let found = verifiers(&ground, &agent).await;
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [wallet.id, secret.id], "newest first");
    let plain = |one: &AgentVerifier| {
        let AgentVerifier { id, issuer_id, agent_id, status, name, description, usage_count, last_used_at, .. } =
            one.clone();
        ((id, issuer_id, agent_id), (status, name, description), (usage_count, last_used_at, one.updated_at))
    };
    assert_eq!((plain(&found[0]), plain(&found[1])), (plain(&wallet), plain(&secret)));
    let AgentCredential::Wallet(known) = &found[0].credential else { panic!("{found:?}") };
    assert_eq!(known.to_string(), format!("cosmos:hub:{}", "Ab".repeat(64)));
    assert!(found[1].accepts(&peppers(), &Secret::new("open sesame")));
    assert!(!found[1].accepts(&peppers(), &Secret::new("open sesam")));
    assert!(!found[0].accepts(&peppers(), &Secret::new("open sesame")), "a wallet is no secret");
    let stored = find(&ground, agent.issuer_id, agent.id).await.unwrap();
    assert_eq!((stored.stats, stored.updated_at), (AgentStats { secrets: 1, wallets: 1 }, START));
}

pub async fn a_wallet_belongs_to_one_agent_of_an_issuer(ground: Ground) {
    let (ann, bob) = (agent(mint()), agent(mint()));
    let near = Agent { issuer_id: ann.issuer_id, ..agent(mint()) };
    for one in [&ann, &near, &bob] {
        insert(&ground, one).await;
    }
    assert_eq!(add(&ground, &wallet(&ann, "abc")).await, InsertOutcome::Inserted);
    assert_eq!(add(&ground, &wallet(&near, "abc")).await, InsertOutcome::Taken);
    assert_eq!(add(&ground, &wallet(&ann, "abc")).await, InsertOutcome::Taken);
    assert_eq!(add(&ground, &wallet(&near, "aBc")).await, InsertOutcome::Inserted, "case tells accounts apart");
    assert_eq!(add(&ground, &wallet(&bob, "abc")).await, InsertOutcome::Inserted, "another issuer is another world");
    for _ in 0..2 {
        assert_eq!(add(&ground, &secret(&ann, "same")).await, InsertOutcome::Inserted, "secrets are no wallets");
    }
    let stats = find(&ground, near.issuer_id, near.id).await.unwrap().stats;
    assert_eq!(stats, AgentStats { secrets: 0, wallets: 1 }, "what is taken is not counted");
    delete(&ground, &ann, 1).await;
    assert_eq!(add(&ground, &wallet(&near, "abc")).await, InsertOutcome::Inserted, "it is free at once");
}

pub async fn of_parallel_claims_of_one_wallet_one_wins(ground: Ground) {
    let issuer = mint();
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let one = agent(issuer);
        async move {
            insert(&ground, &one).await;
            if add(&ground, &wallet(&one, "abc")).await == InsertOutcome::Inserted {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_limit_of_verifiers_holds_against_parallel_additions(ground: Ground) {
    let agent = agent(mint());
    insert(&ground, &agent).await;
    for _ in 0..VERIFIER_LIMIT - 3 {
        let _ = add(&ground, &secret(&agent, "s")).await;
    }
    race(&ground, |_| {
        let (ground, one) = (Arc::clone(&ground), secret(&agent, "s"));
        async move {
            let mut unit = begin(&ground, START).await;
            let locked = unit.agents().lock(one.issuer_id, one.agent_id).await.unwrap().unwrap();
            if locked.stats.verifiers() < VERIFIER_LIMIT {
                let _ = unit.agents().insert_verifier(&one).await.unwrap();
            }
            unit.commit().await.unwrap();
        }
    })
    .await;
    assert_eq!(verifiers(&ground, &agent).await.len(), VERIFIER_LIMIT as usize);
}

pub async fn a_verifier_is_removed_in_its_version_and_counts_uses_without_one(ground: Ground) {
    let agent = agent(mint());
    insert(&ground, &agent).await;
    let own = secret(&agent, "s");
    let _ = add(&ground, &own).await;
    let mut unit = begin(&ground, later(1)).await;
    let agents = unit.agents();
    for minute in [1, 2] {
        agents.count_use(agent.issuer_id, agent.id, own.id, later(minute)).await.unwrap();
    }
    let stale = AgentVerifier { updated_at: later(5), ..own.clone() };
    assert_eq!(agents.remove_verifier(&stale).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    let used = &verifiers(&ground, &agent).await[0];
    assert_eq!((used.usage_count, used.last_used_at, used.updated_at), (2, Some(later(2)), START));
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.agents().remove_verifier(&own).await.unwrap(), WriteOutcome::Done);
    assert_eq!(unit.agents().remove_verifier(&own).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, agent.issuer_id, agent.id).await.unwrap().stats, AgentStats::default());
}
