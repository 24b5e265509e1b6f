//! Agents and their verifiers.

mod list;
mod record;
mod verifier;

pub use list::{
    a_filtered_page_examines_two_thousand_rows, filters_hold_together,
    pages_neither_repeat_nor_skip_while_rows_come_and_go,
};
pub use record::{
    a_deleted_agent_is_found_by_nobody_and_removed_when_nothing_names_it, a_dropped_unit_leaves_nothing,
    another_issuer_sees_and_changes_nothing, every_field_comes_back_as_it_was_written,
    of_parallel_updates_of_one_version_one_wins,
};
pub use verifier::{
    a_limit_of_verifiers_holds_against_parallel_additions,
    a_verifier_is_removed_in_its_version_and_counts_uses_without_one, a_wallet_belongs_to_one_agent_of_an_issuer,
    every_field_of_a_verifier_comes_back, of_parallel_claims_of_one_wallet_one_wins,
};

use std::collections::BTreeSet;

use super::{Ground, START, begin, later, mint};
use crate::agent::model::{
    Agent, AgentCredential, AgentDetails, AgentStats, AgentStatus, AgentVerifier, AgentVerifierStatus, Wallet,
    secret_hash,
};
use crate::agent::repository::AgentFilter;
use crate::id::{AgentId, IssuerId};
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest, SearchPage, TimeAndId};
use crate::secret::{KeyTag, Pepper, Peppers, Secret};
use crate::status::Status;

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
