//! What is known of one agent, and until when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{add, agent, delete, find, insert, listed, page, secret, verifiers};
use crate::agent::model::{Agent, AgentDetails, AgentStatus, AgentVerifier};
use crate::agent::repository::{AgentFilter, DeletedAgent};
use crate::delegation::model::Delegation;
use crate::id::{IssuerId, MemberId};
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::scope::{Scope, Scopes};
use crate::status::{Status, StatusNote};
use crate::store::contract::delegation::{delegation, insert as insert_delegation};
use crate::store::contract::membership::{insert as insert_membership, membership, tenant};
use crate::store::contract::{Ground, START, begin, later, mint, race};

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
