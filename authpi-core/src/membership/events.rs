//! What happens to memberships, as events (events-webhooks §4).

use serde_json::{Value, json};

use super::model::{Membership, MembershipOrigin};
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::scope::Scope;

fn subject(account: AccountId, membership: &Membership) -> Subject {
    Subject::issuer(account, membership.issuer_id).organization(membership.org_id).member(membership.member_id)
}

fn scopes(membership: &Membership) -> Value {
    membership.details.scopes.iter().map(Scope::as_str).collect()
}

/// `organization.membership.created`
pub fn created(account: AccountId, membership: &Membership, origin: MembershipOrigin) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_MEMBERSHIP_CREATED, subject(account, membership))
        .with("scopes", scopes(membership))
        .with("groups", json!(membership.groups))
        .with("origin", origin.as_str())
}

/// `organization.membership.updated`
pub fn updated(account: AccountId, before: &Membership, after: &Membership, changes: Vec<String>) -> EventDraft {
    let draft = EventDraft::new(catalogue::ORGANIZATION_MEMBERSHIP_UPDATED, subject(account, after))
        .with_changes(changes)
        .with("scopes", scopes(after));
    let (from, to) = (before.details.status, after.details.status);
    if from == to { draft } else { draft.with("status", json!({ "from": from.as_str(), "to": to.as_str() })) }
}

/// `organization.membership.deleted`: somebody removed the member.
pub fn removed(account: AccountId, membership: &Membership) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_MEMBERSHIP_DELETED, subject(account, membership)).with("cause", "removed")
}
