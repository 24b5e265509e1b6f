//! What happens to delegations, as events (events-webhooks §4); none of them is delivered to webhooks.

use serde_json::Value;

use super::model::{Delegation, EndCause};
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::scope::{Scope, Scopes};
use crate::status::machine_word;

fn subject(account: AccountId, delegation: &Delegation) -> Subject {
    let mut subject = Subject::issuer(account, delegation.issuer_id)
        .user(delegation.user_id)
        .agent(delegation.agent_id)
        .delegation(delegation.id);
    if let Some(client) = delegation.client_id {
        subject = subject.client(client);
    }
    if let Some(organization) = delegation.org_id {
        subject = subject.organization(organization);
    }
    subject
}

/// `user.delegation.granted`
pub fn granted(account: AccountId, delegation: &Delegation) -> EventDraft {
    let scopes: Value = delegation.scopes.iter().map(Scope::as_str).collect();
    EventDraft::new(catalogue::USER_DELEGATION_GRANTED, subject(account, delegation))
        .with("scopes", scopes)
        .with("expires_at", delegation.expires_at.as_millis())
        .with("granted_by", delegation.granted_by.as_str())
}

/// `user.delegation.revoked`
pub fn revoked(account: AccountId, delegation: &Delegation, cause: EndCause) -> EventDraft {
    EventDraft::new(catalogue::USER_DELEGATION_REVOKED, subject(account, delegation))
        .with("cause", cause.as_str())
        .with("by", machine_word(delegation.status.by.as_deref()))
}

/// `user.delegation.used`: the scopes that an exchange gave, and how many agents stand in the chain.
pub fn used(account: AccountId, delegation: &Delegation, given: &Scopes, chain_depth: u32) -> EventDraft {
    let scope = given.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
    EventDraft::new(catalogue::USER_DELEGATION_USED, subject(account, delegation))
        .with("scope", scope)
        .with("chain_depth", chain_depth)
}
