//! What happens to agents, as events (events-webhooks §4).

use serde_json::{Value, json};

use super::model::{Agent, AgentVerifier};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::scope::Scope;
use crate::status::machine_word;

fn about(kind: EventType, account: AccountId, agent: &Agent) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, agent.issuer_id).agent(agent.id))
}

/// `agent.created`
pub fn created(account: AccountId, agent: &Agent) -> EventDraft {
    let details = &agent.details;
    let scopes: Value = details.scopes.iter().map(Scope::as_str).collect();
    about(catalogue::AGENT_CREATED, account, agent)
        .with("name", details.name.clone())
        .with("model", details.model.clone())
        .with("provider", details.provider.clone())
        .with("scopes", scopes)
}

/// `agent.updated`, also of one whose status has changed.
pub fn updated(account: AccountId, before: &Agent, after: &Agent, mut changes: Vec<String>) -> EventDraft {
    let draft = about(catalogue::AGENT_UPDATED, account, after);
    let (from, to) = (before.status.value, after.status.value);
    if from == to {
        return draft.with_changes(changes);
    }
    changes.push("status".to_owned());
    draft
        .with_changes(changes)
        .with("status", json!({ "from": from.as_str(), "to": to.as_str() }))
        .with("reason", machine_word(after.status.reason.as_deref()))
}

/// `agent.deleted`
pub fn deleted(account: AccountId, agent: &Agent) -> EventDraft {
    about(catalogue::AGENT_DELETED, account, agent)
}

/// `agent.verifier.added`
pub fn verifier_added(account: AccountId, verifier: &AgentVerifier) -> EventDraft {
    about_verifier(catalogue::AGENT_VERIFIER_ADDED, account, verifier)
}

/// `agent.verifier.removed`
pub fn verifier_removed(account: AccountId, verifier: &AgentVerifier) -> EventDraft {
    about_verifier(catalogue::AGENT_VERIFIER_REMOVED, account, verifier)
}

fn about_verifier(kind: EventType, account: AccountId, verifier: &AgentVerifier) -> EventDraft {
    let subject = Subject::issuer(account, verifier.issuer_id).agent(verifier.agent_id).verifier(verifier.id);
    EventDraft::new(kind, subject).with("verifier_type", verifier.credential.kind().as_str())
}
