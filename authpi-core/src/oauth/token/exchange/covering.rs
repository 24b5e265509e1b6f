//! Which record covers an exchange, and how far (D166, D167). Pure.

use crate::delegation::model::Delegation;
use crate::id::{AgentId, ClientId, OrganizationId};
use crate::oauth::scopes::OIDC;
use crate::scope::{Scope, Scopes};

/// The organization that is asked for in two places; `None` when they contradict each other.
#[allow(clippy::option_option, reason = "the outer one says whether they agree")]
pub(super) fn agreed(
    asked: Option<OrganizationId>,
    selected: Option<OrganizationId>,
) -> Option<Option<OrganizationId>> {
    match (asked, selected) {
        (Some(asked), Some(selected)) if asked != selected => None,
        _ => Some(asked.or(selected)),
    }
}

/// Of the records that are for this agent, through this client, in this organization: the one that allows most of what
/// is requested, then the newest. `known` is sorted by age, the newest first.
pub(super) fn chosen(
    known: Vec<Delegation>,
    (agent, through, wanted): (AgentId, Option<ClientId>, Option<OrganizationId>),
    requested: &Scopes,
) -> Option<Delegation> {
    let covers = |record: &Delegation| {
        let is_through = record.client_id.is_none_or(|client| through == Some(client));
        let is_there = record.org_id.is_none_or(|organization| wanted.is_none_or(|wanted| wanted == organization));
        record.agent_id == agent && is_through && is_there
    };
    let allows = |record: &Delegation| requested.iter().filter(|scope| record.scopes.matches(scope)).count();
    // Of equals the last one counts.
    known.into_iter().rev().filter(covers).max_by_key(allows)
}

/// What of the request is literally among the scopes of the agent and covered by every one of the others. The scopes of
/// OpenID Connect concern people and cannot be handed on.
pub(super) fn allowed(requested: &Scopes, agent: &Scopes, others: &[&Scopes]) -> Scopes {
    let is_allowed = |scope: &&Scope| {
        let is_covered = others.iter().all(|other| other.matches(scope));
        agent.contains(scope) && !OIDC.contains(&scope.as_str()) && is_covered
    };
    requested.iter().filter(is_allowed).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::delegation::model::{DelegationStatus, GrantedBy};
    use crate::id::Id;
    use crate::metadata::Metadata;
    use crate::status::Status;
    use crate::timestamp::Timestamp;

    fn id<I: Id>(number: u128) -> I {
        I::from_uuid(Uuid::from_u128(number))
    }

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn record(number: u32, allows: &[&str]) -> Delegation {
        let at = Timestamp::from_millis(i64::from(number));
        Delegation {
            id: id(number.into()),
            issuer_id: id(1),
            user_id: id(1),
            agent_id: id(1),
            client_id: None,
            org_id: None,
            scopes: scopes(allows),
            status: Status::initial(DelegationStatus::Active),
            granted_by: GrantedBy::User,
            reason: None,
            expires_at: at,
            usage_count: 0,
            last_used_at: None,
            metadata: Metadata::default(),
            created_at: at,
            updated_at: at,
        }
    }

    fn choice(known: Vec<Delegation>, requested: &[&str]) -> Option<u128> {
        let found = chosen(known, (id(1), Some(id(1)), None), &scopes(requested));
        found.map(|record| record.id.uuid().as_u128())
    }

    #[test]
    fn the_record_that_allows_most_is_taken_then_the_newest() {
        let known = || vec![record(3, &["b:read"]), record(2, &["a:*"]), record(1, &["a:read", "a:write"])];
        assert_eq!(choice(known(), &["a:read", "a:write", "b:read"]), Some(2));
        assert_eq!(choice(known(), &["a:read"]), Some(2));
        assert_eq!(choice(known(), &["b:read"]), Some(3));
        assert_eq!(choice(known(), &["c:read"]), Some(3), "it covers, though it allows nothing");
        assert_eq!(choice(Vec::new(), &["a:read"]), None);
    }

    #[test]
    fn a_record_covers_only_its_agent_its_client_and_its_organization() {
        let plain = || record(1, &["a:read"]);
        let covers = |record: Delegation, through: Option<u128>, wanted: Option<u128>| {
            chosen(vec![record], (id(1), through.map(id), wanted.map(id)), &scopes(&["a:read"])).is_some()
        };
        assert!(covers(plain(), None, None) && covers(plain(), Some(7), Some(8)));
        assert!(!covers(Delegation { agent_id: id(2), ..plain() }, None, None));
        let through = || Delegation { client_id: Some(id(7)), ..plain() };
        assert!(
            covers(through(), Some(7), None) && !covers(through(), Some(8), None) && !covers(through(), None, None)
        );
        let there = || Delegation { org_id: Some(id(7)), ..plain() };
        assert!(covers(there(), None, Some(7)) && covers(there(), None, None) && !covers(there(), None, Some(8)));
    }

    #[test]
    fn nothing_is_given_that_one_of_them_does_not_give() {
        let agent = scopes(&["a:read", "a:**", "b:read", "c:read", "email"]);
        let everything = scopes(&["*:**", "email"]);
        let given = |requested: &[&str], delegated: &Scopes, held: &Scopes| {
            allowed(&scopes(requested), &agent, &[delegated, held])
        };
        let all = ["a:read", "a:**", "a:write", "b:read", "c:read", "email"];
        assert_eq!(given(&all, &everything, &everything), scopes(&["a:read", "a:**", "b:read", "c:read"]));
        assert_eq!(given(&all, &scopes(&["a:*"]), &everything), scopes(&["a:read"]), "no subtree by one resource");
        assert_eq!(given(&all, &everything, &scopes(&["b:*"])), scopes(&["b:read"]));
        assert_eq!(given(&all, &scopes(&["a:**"]), &scopes(&["b:**"])), Scopes::default());
        assert_eq!(given(&all, &everything, &scopes(&["a:manage", "b:write"])), Scopes::default(), "words (idp 11.2)");
    }

    #[test]
    fn organizations_agree_or_contradict_each_other() {
        let (one, two): (OrganizationId, OrganizationId) = (id(1), id(2));
        assert_eq!(agreed(None, None), Some(None));
        assert_eq!(agreed(Some(one), None), Some(Some(one)));
        assert_eq!(agreed(None, Some(two)), Some(Some(two)));
        assert_eq!(agreed(Some(one), Some(one)), Some(Some(one)));
        assert_eq!(agreed(Some(one), Some(two)), None);
    }
}
