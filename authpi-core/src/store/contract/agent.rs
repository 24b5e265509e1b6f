//! Agents and their verifiers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::delegation::{delegation, insert as insert_delegation};
use super::membership::{insert as insert_membership, membership, tenant};
use super::{Ground, START, begin, later, mint, race};
use crate::agent::model::{
    Agent, AgentCredential, AgentDetails, AgentStats, AgentStatus, AgentVerifier, AgentVerifierStatus, VERIFIER_LIMIT,
    Wallet, secret_hash,
};
use crate::agent::repository::{AgentFilter, DeletedAgent};
use crate::delegation::model::Delegation;
use crate::id::{AgentId, IssuerId, MemberId};
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{EXAMINED_ROWS, Limit, PageRequest, SearchPage, TimeAndId};
use crate::scope::{Scope, Scopes};
use crate::secret::{KeyTag, Pepper, Peppers, Secret};
use crate::status::{Status, StatusNote};

/// A plain agent of `issuer`.
pub fn agent(issuer: IssuerId) -> Agent {
    Agent {
        id: mint(),
        issuer_id: issuer,
        status: Status::initial(AgentStatus::Active),
        details: AgentDetails { name: "Clerk".to_owned(), ..AgentDetails::default() },
        metadata: Metadata::default(),
        stats: AgentStats::default(),
        created_at: START,
        updated_at: START,
    }
}

/// Adds an agent and commits.
pub async fn insert(ground: &Ground, agent: &Agent) {
    let mut unit = begin(ground, START).await;
    unit.agents().insert(agent).await.unwrap();
    unit.commit().await.unwrap();
}

/// Accepts the deletion of an agent at `minutes` and commits.
pub async fn delete(ground: &Ground, agent: &Agent, minutes: u64) {
    let mut unit = begin(ground, later(minutes)).await;
    let deleted = unit.agents().begin_delete(agent.issuer_id, agent.id, agent.updated_at).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
}

fn peppers() -> Peppers {
    Peppers::new(Pepper::new(KeyTag::new(1), [9; 32]), Vec::new())
}

fn verifier(agent: &Agent, credential: AgentCredential) -> AgentVerifier {
    AgentVerifier {
        id: mint(),
        issuer_id: agent.issuer_id,
        agent_id: agent.id,
        status: AgentVerifierStatus::Active,
        name: None,
        description: None,
        credential,
        usage_count: 0,
        last_used_at: None,
        created_at: START,
        updated_at: START,
    }
}

fn secret(agent: &Agent, text: &str) -> AgentVerifier {
    let hash = secret_hash(&peppers(), &Secret::new(text));
    verifier(agent, AgentCredential::Secret { hash, hint: "12345678".to_owned() })
}

fn wallet(agent: &Agent, address: &str) -> AgentVerifier {
    verifier(agent, AgentCredential::Wallet(Wallet::new("cosmos:hub", address).unwrap()))
}

/// Adds a verifier as operations do, and commits.
async fn add(ground: &Ground, verifier: &AgentVerifier) -> InsertOutcome {
    let mut unit = begin(ground, START).await;
    unit.agents().lock(verifier.issuer_id, verifier.agent_id).await.unwrap().unwrap();
    let outcome = unit.agents().insert_verifier(verifier).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn find(ground: &Ground, issuer: IssuerId, id: AgentId) -> Option<Agent> {
    ground.store().reads().agents().find(issuer, id).await.unwrap()
}

async fn verifiers(ground: &Ground, agent: &Agent) -> Vec<AgentVerifier> {
    ground.store().reads().agents().verifiers(agent.issuer_id, agent.id).await.unwrap()
}

type Cursor = Option<TimeAndId<AgentId>>;

async fn page(
    ground: &Ground,
    issuer: IssuerId,
    filter: &AgentFilter,
    limit: u32,
    after: Cursor,
) -> SearchPage<Agent, TimeAndId<AgentId>> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    ground.store().reads().agents().list(issuer, filter, &page).await.unwrap()
}

async fn listed(ground: &Ground, issuer: IssuerId, filter: AgentFilter) -> BTreeSet<AgentId> {
    page(ground, issuer, &filter, 100, None).await.items.iter().map(|agent| agent.id).collect()
}

fn everything_at_its_limits() -> AgentDetails {
    let longest = |number: usize| format!("{number:0>121}:action").parse::<Scope>().unwrap();
    AgentDetails {
        name: "名".repeat(200),
        description: Some("🦀".repeat(5000)),
        model: Some("模".repeat(200)),
        provider: Some("ß".repeat(200)),
        version: Some("1".repeat(200)),
        scopes: (0..256).map(longest).collect(),
    }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let note = StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) };
    let full = Agent {
        details: everything_at_its_limits(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] } })),
        status: Status::changed(AgentStatus::Blocked, later(1), note),
        ..agent(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.issuer_id, full.id).await.as_ref(), Some(&full));
    assert_eq!(
        page(&ground, full.issuer_id, &AgentFilter::default(), 1, None).await.items,
        std::slice::from_ref(&full)
    );
    let changed = Agent { updated_at: later(2), ..Agent { id: full.id, ..agent(full.issuer_id) } };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.agents().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, full.issuer_id, full.id).await, Some(changed));
}

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

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = agent(mint());
    insert(&ground, &ours).await;
    let own = secret(&ours, "s");
    let _ = add(&ground, &own).await;
    let before = find(&ground, ours.issuer_id, ours.id).await.unwrap();
    let stranger: IssuerId = mint();
    let store = ground.store();
    let reads = store.reads().agents();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    assert!(!reads.exists(stranger, ours.id).await.unwrap());
    assert_eq!(listed(&ground, stranger, AgentFilter::default()).await, BTreeSet::new());
    assert!(reads.verifiers(stranger, ours.id).await.unwrap().is_empty());
    assert!(reads.verifier(stranger, ours.id, own.id).await.unwrap().is_none());
    assert!(reads.verifier(ours.issuer_id, mint(), own.id).await.unwrap().is_none(), "nor another agent");
    let mut unit = begin(&ground, later(1)).await;
    let agents = unit.agents();
    let taken_over = Agent { issuer_id: stranger, updated_at: later(1), ..before.clone() };
    assert_eq!(agents.update(&taken_over, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(agents.begin_delete(stranger, ours.id, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(agents.lock(stranger, ours.id).await.unwrap(), None);
    let foreign = AgentVerifier { issuer_id: stranger, ..own.clone() };
    assert_eq!(agents.remove_verifier(&foreign).await.unwrap(), WriteOutcome::Stale);
    agents.count_use(stranger, ours.id, own.id, later(1)).await.unwrap();
    agents.remove(stranger, ours.id).await.unwrap();
    agents.remove(ours.issuer_id, ours.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, ours.issuer_id, ours.id).await, Some(before), "nor is one removed that was not deleted");
    assert_eq!(verifiers(&ground, &ours).await[0].usage_count, 0);
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = agent(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let details = AgentDetails { name: number.to_string(), ..AgentDetails::default() };
        let after = Agent { details, updated_at: later(1), ..before.clone() };
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.agents().update(&after, START).await.unwrap() == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::SeqCst);
            }
            unit.commit().await.unwrap();
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
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

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let issuer = mint();
    let at = |number: u64| Agent { created_at: later(number / 3), ..agent(issuer) };
    let mut agents: Vec<_> = (0..10).map(at).collect();
    for one in &agents {
        insert(&ground, one).await;
    }
    agents.sort_unstable_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
    let expected: Vec<_> = agents.iter().map(|one| one.id).filter(|id| *id != agents[7].id).collect();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = page(&ground, issuer, &AgentFilter::default(), 3, after).await;
        seen.extend(page.items.iter().map(|one| one.id));
        if seen.len() == 3 {
            insert(&ground, &at(90)).await;
            delete(&ground, &agents[7], 1).await;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

pub async fn filters_hold_together(ground: Ground) {
    let issuer = mint();
    let with = |model: Option<&str>, provider: Option<&str>, status| Agent {
        details: AgentDetails {
            model: model.map(str::to_owned),
            provider: provider.map(str::to_owned),
            ..agent(issuer).details
        },
        status: Status::initial(status),
        ..agent(issuer)
    };
    let opus = with(Some("opus"), Some("a"), AgentStatus::Active);
    let upper = with(Some("Opus"), Some("a"), AgentStatus::Suspended);
    let plain = with(None, None, AgentStatus::Active);
    let gone = with(Some("opus"), Some("a"), AgentStatus::Active);
    for one in [&opus, &upper, &plain, &gone] {
        insert(&ground, one).await;
    }
    delete(&ground, &gone, 1).await;
    let _ = add(&ground, &wallet(&opus, "abc")).await;
    let _ = add(&ground, &secret(&upper, "s")).await;
    let ids = |agents: &[&Agent]| agents.iter().map(|one| one.id).collect::<BTreeSet<_>>();
    let known = Wallet::new("cosmos:hub", "abc").ok();
    let any = AgentFilter::default;
    for (filter, expected) in [
        (any(), ids(&[&opus, &upper, &plain])),
        (AgentFilter { status: Some(AgentStatus::Suspended), ..any() }, ids(&[&upper])),
        (AgentFilter { status: Some(AgentStatus::Blocked), ..any() }, ids(&[])),
        (AgentFilter { model: Some("opus".to_owned()), ..any() }, ids(&[&opus])),
        (AgentFilter { provider: Some("a".to_owned()), ..any() }, ids(&[&opus, &upper])),
        (AgentFilter { has_verifiers: Some(true), ..any() }, ids(&[&opus, &upper])),
        (AgentFilter { has_verifiers: Some(false), ..any() }, ids(&[&plain])),
        (AgentFilter { wallet: known.clone(), ..any() }, ids(&[&opus])),
        (AgentFilter { wallet: known.clone(), has_verifiers: Some(false), ..any() }, ids(&[])),
        (AgentFilter { wallet: known, status: Some(AgentStatus::Suspended), ..any() }, ids(&[])),
        (AgentFilter { wallet: Wallet::new("cosmos:hub", "x").ok(), ..any() }, ids(&[])),
        (AgentFilter { provider: Some("a".to_owned()), status: Some(AgentStatus::Active), ..any() }, ids(&[&opus])),
    ] {
        assert_eq!(listed(&ground, issuer, filter.clone()).await, expected, "{filter:?}");
    }
    let kinds = |agent: &Agent| agent.stats.kinds().iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let shown = page(&ground, issuer, &any(), 100, None).await.items;
    let of = |sought: &Agent| kinds(shown.iter().find(|one| one.id == sought.id).unwrap());
    assert_eq!((of(&opus), of(&upper), of(&plain)), (vec!["wallet"], vec!["secret"], vec![]));
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let issuer = mint();
    let sought =
        Agent { details: AgentDetails { model: Some("rare".to_owned()), ..agent(issuer).details }, ..agent(issuer) };
    insert(&ground, &sought).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..EXAMINED_ROWS {
        unit.agents().insert(&Agent { created_at: later(1), ..agent(issuer) }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = AgentFilter { model: Some("rare".to_owned()), ..AgentFilter::default() };
    let first = page(&ground, issuer, &filter, 10, None).await;
    assert!(first.items.is_empty() && first.next.is_some());
    let second = page(&ground, issuer, &filter, 10, first.next).await;
    assert_eq!((second.items, second.next), (vec![sought], None));
}

pub async fn a_deleted_agent_is_found_by_nobody_and_removed_when_nothing_names_it(ground: Ground) {
    let organization = tenant(&ground).await;
    let issuer = organization.issuer_id;
    let (gone, stays) = (agent(issuer), agent(issuer));
    for one in [&gone, &stays] {
        insert(&ground, one).await;
    }
    let _ = add(&ground, &secret(&gone, "s")).await;
    let _ = insert_membership(&ground, &membership(&organization, MemberId::Agent(gone.id), &["a:read"])).await;
    let delegated = Delegation { agent_id: gone.id, ..delegation(issuer) };
    insert_delegation(&ground, &delegated).await;
    delete(&ground, &gone, 5).await;
    let store = ground.store();
    assert_eq!(find(&ground, issuer, gone.id).await, None);
    assert!(!store.reads().agents().exists(issuer, gone.id).await.unwrap());
    assert!(verifiers(&ground, &gone).await.is_empty(), "its verifiers are gone at once");
    assert_eq!(listed(&ground, issuer, AgentFilter::default()).await, BTreeSet::from([stays.id]));
    let due = async |minutes| {
        let due = store.reads().agents().deleted_before(later(minutes), 100).await.unwrap();
        due.into_iter().filter(|one| one.issuer_id == issuer).collect::<Vec<_>>()
    };
    assert_eq!(due(6).await, [], "a membership still names it");
    let departed = store.reads().memberships().departed(later(5), 100).await.unwrap();
    assert!(departed.iter().any(|one| one.member == MemberId::Agent(gone.id) && one.issuer_id == issuer));
    let mut unit = begin(&ground, later(6)).await;
    assert_eq!(unit.memberships().remove_of_member(issuer, MemberId::Agent(gone.id), 10).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert_eq!(due(5).await, []);
    assert_eq!(due(6).await, [], "a delegation is in force still, and is ended by the agent's row");
    let ended = delegated.clone().revoked(later(6), StatusNote::default());
    let mut unit = begin(&ground, later(6)).await;
    let written = unit.delegations().update(&ended, delegated.updated_at).await.unwrap();
    assert_eq!(written, WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(due(6).await, [DeletedAgent { issuer_id: issuer, id: gone.id }]);
    let mut unit = begin(&ground, later(6)).await;
    unit.agents().remove(issuer, gone.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(due(6).await, []);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let one = Agent { details: AgentDetails { scopes: Scopes::default(), ..agent(mint()).details }, ..agent(mint()) };
    let mut unit = begin(&ground, START).await;
    unit.agents().insert(&one).await.unwrap();
    let _ = unit.agents().insert_verifier(&secret(&one, "s")).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, one.issuer_id, one.id).await, None);
    assert!(verifiers(&ground, &one).await.is_empty());
}
