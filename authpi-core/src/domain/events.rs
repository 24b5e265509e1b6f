//! What happens to the domains of an account, as events (events-webhooks §4).

use super::model::AccountDomain;
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;

fn about(kind: EventType, domain: &AccountDomain) -> EventDraft {
    EventDraft::new(kind, Subject::account(domain.account_id).domain(domain.host.as_str()))
}

/// `account.domain.added`
pub fn added(domain: &AccountDomain) -> EventDraft {
    about(catalogue::ACCOUNT_DOMAIN_ADDED, domain)
}

/// `account.domain.removed`
pub fn removed(domain: &AccountDomain) -> EventDraft {
    about(catalogue::ACCOUNT_DOMAIN_REMOVED, domain)
}

/// `account.domain.assigned`
pub fn assigned(domain: &AccountDomain) -> EventDraft {
    about(catalogue::ACCOUNT_DOMAIN_ASSIGNED, domain)
}

/// `account.domain.unassigned`
pub fn unassigned(domain: &AccountDomain) -> EventDraft {
    about(catalogue::ACCOUNT_DOMAIN_UNASSIGNED, domain)
}

/// `account.updated`: a domain was verified (events-webhooks §3).
pub fn verified(account: AccountId) -> EventDraft {
    EventDraft::new(catalogue::ACCOUNT_UPDATED, Subject::account(account)).with_changes(vec!["domains".to_owned()])
}
