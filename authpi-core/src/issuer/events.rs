//! What happens to issuers, as events (events-webhooks §4).

use serde_json::json;

use super::model::auth_method::AuthMethod;
use super::model::{Issuer, IssuerStatus};
use super::repository::IssuerChildren;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;
use crate::status::machine_word;

fn subject(issuer: &Issuer) -> Subject {
    Subject::issuer(issuer.account_id, issuer.id)
}

/// `issuer.created`
pub fn created(issuer: &Issuer) -> EventDraft {
    EventDraft::new(catalogue::ISSUER_CREATED, subject(issuer)).with("name", issuer.details.name.clone())
}

/// `issuer.updated`, with both states when `was` is another than the one it has now.
pub fn updated(issuer: &Issuer, was: IssuerStatus, changes: Vec<String>) -> EventDraft {
    let draft = EventDraft::new(catalogue::ISSUER_UPDATED, subject(issuer)).with_changes(changes);
    let status = &issuer.status;
    if status.value == was {
        return draft;
    }
    draft
        .with("status", json!({ "from": was, "to": status.value }))
        .with("reason", machine_word(status.reason.as_deref()))
}

fn method_subject(account: AccountId, method: &AuthMethod) -> Subject {
    Subject::issuer(account, method.issuer_id).auth_method(method.id)
}

/// `issuer.auth-method.created`
pub fn method_created(account: AccountId, method: &AuthMethod) -> EventDraft {
    EventDraft::new(catalogue::ISSUER_AUTH_METHOD_CREATED, method_subject(account, method))
        .with("method_type", method.kind.as_str())
        .with("enabled", method.details.enabled)
}

/// `issuer.auth-method.updated`
pub fn method_updated(account: AccountId, method: &AuthMethod, changes: Vec<String>) -> EventDraft {
    EventDraft::new(catalogue::ISSUER_AUTH_METHOD_UPDATED, method_subject(account, method))
        .with("method_type", method.kind.as_str())
        .with_changes(changes)
}

/// `issuer.auth-method.deleted`
pub fn method_deleted(account: AccountId, method: &AuthMethod) -> EventDraft {
    EventDraft::new(catalogue::ISSUER_AUTH_METHOD_DELETED, method_subject(account, method))
        .with("method_type", method.kind.as_str())
}

/// `issuer.deleted`, with what goes with it.
pub fn deleted(issuer: &Issuer, cascade: &IssuerChildren) -> EventDraft {
    let cascade = json!({
        "organizations": cascade.organizations,
        "memberships": cascade.memberships,
        "users": cascade.users,
        "clients": cascade.clients,
        "api_keys": cascade.api_keys,
        "auth_methods": cascade.auth_methods,
        "agents": cascade.agents,
        "sessions": cascade.sessions,
        "personal_tokens": cascade.personal_tokens,
        "groups": cascade.groups,
        "invitations": cascade.invitations,
        "verifiers": cascade.verifiers,
        "devices": cascade.devices,
        "delegations": cascade.delegations,
    });
    EventDraft::new(catalogue::ISSUER_DELETED, subject(issuer)).with("cascade", cascade)
}
