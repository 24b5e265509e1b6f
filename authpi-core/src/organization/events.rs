//! What happens to organizations, as events (events-webhooks §4).

use super::model::Organization;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::status::machine_word;

fn subject(account: AccountId, organization: &Organization) -> Subject {
    Subject::issuer(account, organization.issuer_id).organization(organization.id)
}

/// `organization.created`
pub fn created(account: AccountId, organization: &Organization) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_CREATED, subject(account, organization))
        .with("name", organization.details.name.clone())
        .with("org_type", organization.details.org_type.clone())
}

/// `organization.updated`
pub fn updated(account: AccountId, organization: &Organization, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::ORGANIZATION_UPDATED, subject(account, organization)).with_changes(changes)
}

/// `organization.suspended`
pub fn suspended(account: AccountId, organization: &Organization) -> EventDraft {
    status_changed(EventDraft::new(catalogue::ORGANIZATION_SUSPENDED, subject(account, organization)), organization)
}

/// `organization.reactivated`
pub fn reactivated(account: AccountId, organization: &Organization) -> EventDraft {
    status_changed(EventDraft::new(catalogue::ORGANIZATION_REACTIVATED, subject(account, organization)), organization)
}

fn status_changed(draft: EventDraft, organization: &Organization) -> EventDraft {
    let status = &organization.status;
    draft
        .with("status_reason", machine_word(status.reason.as_deref()))
        .with("status_by", machine_word(status.by.as_deref()))
}

/// What goes with an organization, besides what it counts itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cascade {
    /// Invitations, those that are over included.
    pub invitations: u64,
    /// Delegations in force.
    pub delegations: u64,
}

/// `organization.deleted`, with what goes with it.
pub fn deleted(account: AccountId, organization: &Organization, cascade: Cascade) -> EventDraft {
    let cascade = serde_json::json!({
        "memberships": organization.stats.n_members,
        "groups": organization.stats.n_groups,
        "invitations": cascade.invitations,
        "sso_domains": organization.sso.domains.len(),
        "delegations": cascade.delegations,
    });
    EventDraft::new(catalogue::ORGANIZATION_DELETED, subject(account, organization)).with("cascade", cascade)
}
