//! What happens to groups, as events (events-webhooks §4).

use serde_json::Value;

use super::model::Group;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::scope::Scope;

fn subject(account: AccountId, group: &Group) -> Subject {
    Subject::issuer(account, group.issuer_id).organization(group.org_id).group(group.id)
}

fn scopes(group: &Group) -> Value {
    group.details.scopes.iter().map(Scope::as_str).collect()
}

/// `organization.group.created`
pub fn created(account: AccountId, group: &Group) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_GROUP_CREATED, subject(account, group))
        .with("name", group.details.name.clone())
        .with("scopes", scopes(group))
}

/// `organization.group.updated`
pub fn updated(account: AccountId, group: &Group, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_GROUP_UPDATED, subject(account, group))
        .with_changes(changes)
        .with("scopes", scopes(group))
}

/// `organization.group.deleted`, with how many members lose it.
pub fn deleted(account: AccountId, group: &Group, members_affected: u64) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_GROUP_DELETED, subject(account, group))
        .with("members_affected", members_affected)
}
