//! What happens to single sign-on of organizations, as events (events-webhooks §4).

use super::model::Connection;
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::hostname::Hostname;
use crate::id::AccountId;

fn about(kind: EventType, account: AccountId, connection: &Connection) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, connection.issuer_id).organization(connection.org_id))
}

/// `organization.sso.enabled` or `organization.sso.disabled`
pub fn switched(account: AccountId, connection: &Connection) -> EventDraft {
    let settings = &connection.sso.settings;
    if settings.enabled {
        about(catalogue::ORGANIZATION_SSO_ENABLED, account, connection).with("sso_only", settings.sso_only)
    } else {
        about(catalogue::ORGANIZATION_SSO_DISABLED, account, connection)
    }
}

/// `organization.sso.updated`
pub fn updated(account: AccountId, connection: &Connection, changes: Vec<String>) -> EventDraft {
    about(catalogue::ORGANIZATION_SSO_UPDATED, account, connection).with_changes(changes)
}

fn domain(kind: EventType, account: AccountId, connection: &Connection, name: &Hostname) -> EventDraft {
    let subject = Subject::issuer(account, connection.issuer_id).organization(connection.org_id);
    EventDraft::new(kind, subject.domain(name.as_str()))
}

/// `organization.sso.domain-created`
pub fn domain_created(account: AccountId, connection: &Connection, name: &Hostname) -> EventDraft {
    domain(catalogue::ORGANIZATION_SSO_DOMAIN_CREATED, account, connection, name)
}

/// `organization.sso.domain-verified`
pub fn domain_verified(account: AccountId, connection: &Connection, name: &Hostname) -> EventDraft {
    domain(catalogue::ORGANIZATION_SSO_DOMAIN_VERIFIED, account, connection, name)
}

/// `organization.sso.domain-deleted`
pub fn domain_deleted(account: AccountId, connection: &Connection, name: &Hostname) -> EventDraft {
    domain(catalogue::ORGANIZATION_SSO_DOMAIN_DELETED, account, connection, name)
}
