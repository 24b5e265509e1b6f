//! The `organizations` claim (idp §10): what the subject of a token is where, as far as it may be said.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::model::OrganizationClaim;
use super::profile;
use crate::client::model::OrganizationRestriction;
use crate::error::Refusal;
use crate::id::OrganizationId;
use crate::membership::repository::EffectiveMembership;
use crate::page::MAX_LIMIT;
use crate::scope::Scope;
use crate::web::runtime::IssuerCall;
use crate::web::strength::Strength;

/// Organizations that a token names at most.
const NAMED: usize = 100;

/// The claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OrganizationsClaim {
    /// By the time of joining, then by id.
    pub entries: Vec<OrganizationClaim>,
    /// There are more than a token names.
    pub truncated: bool,
}

impl OrganizationsClaim {
    /// What an agent is where; `None` when the selected organization gives it nothing. An agent has no login whose
    /// strength an organization could ask for.
    pub(super) fn of_agent(held: Vec<EffectiveMembership>, selected: Option<OrganizationId>) -> Option<Self> {
        let in_force = held.into_iter().filter(EffectiveMembership::is_in_force);
        let wanted: Vec<_> = in_force.filter(|held| selected.is_none_or(|selected| selected == held.org_id)).collect();
        (selected.is_none() || !wanted.is_empty()).then(|| Self::of(wanted))
    }

    /// What a user is where, as a login of this strength may show it to this client (D75, D182); `None` when the selected
    /// organization gives it nothing.
    pub(super) fn of_user(
        held: Vec<EffectiveMembership>,
        restriction: &OrganizationRestriction,
        strength: Strength,
        selected: Option<OrganizationId>,
    ) -> Option<Self> {
        let wanted: Vec<_> = held.into_iter().filter(shown(restriction, strength, selected)).collect();
        (selected.is_none() || !wanted.is_empty()).then(|| Self::of(wanted))
    }

    /// All entries, for UserInfo, which has room for them.
    pub(super) fn all_of_user(
        held: Vec<EffectiveMembership>,
        restriction: &OrganizationRestriction,
        strength: Strength,
        selected: Option<OrganizationId>,
    ) -> Vec<OrganizationClaim> {
        let mut shown: Vec<_> = held.into_iter().filter(shown(restriction, strength, selected)).collect();
        shown.sort_unstable_by_key(|held| (held.joined_at, held.org_id));
        shown.into_iter().map(claim).collect()
    }

    /// The newest hundred, in the order in which they were joined.
    fn of(mut held: Vec<EffectiveMembership>) -> Self {
        held.sort_unstable_by_key(|held| (held.joined_at, held.org_id));
        let too_many = held.len().saturating_sub(NAMED);
        let entries = held.into_iter().skip(too_many).map(claim).collect();
        Self { entries, truncated: too_many > 0 }
    }
}

/// What a login of this strength may show to a client.
fn shown(
    restriction: &OrganizationRestriction,
    strength: Strength,
    selected: Option<OrganizationId>,
) -> impl Fn(&EffectiveMembership) -> bool {
    move |held| held.is_in_force() && restriction.shows(selected, held.org_id) && strength.satisfies(held)
}

/// An entry in UserInfo: what a token says, and what no token says.
#[derive(Serialize)]
pub(super) struct DescribedEntry {
    #[serde(flatten)]
    claim: OrganizationClaim,
    /// Custom fields of the organization that are claims.
    #[serde(skip_serializing_if = "Map::is_empty")]
    custom_fields: Map<String, Value>,
}

/// Entries with the custom fields of their organizations that are claims by now (core-api 12.3).
///
/// # Errors
/// [`Refusal::Store`].
pub(super) async fn described(
    call: &IssuerCall,
    entries: Vec<OrganizationClaim>,
) -> Result<Vec<DescribedEntry>, Refusal> {
    let settings = &call.issuer().issuer.details.settings.organizations;
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).filter(|_| settings.has_claims()).collect();
    let mut fields = BTreeMap::new();
    for some in ids.chunks(MAX_LIMIT as usize) {
        for found in call.services().store.reads().organizations().find_all(call.issuer_id(), some).await? {
            let definitions = settings.fields_of(&found.details.org_type);
            fields.insert(found.id, profile::custom(&found.details.custom_fields, &definitions));
        }
    }
    let described = |claim: OrganizationClaim| DescribedEntry {
        custom_fields: fields.remove(&claim.id).unwrap_or_default(),
        claim,
    };
    Ok(entries.into_iter().map(described).collect())
}

fn claim(held: EffectiveMembership) -> OrganizationClaim {
    let mut scopes: Vec<_> = held.scopes.iter().map(Scope::as_str).map(str::to_owned).collect();
    scopes.sort_unstable();
    OrganizationClaim { id: held.org_id, title: held.title, scopes, joined_at: held.joined_at.as_seconds() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;
    use crate::membership::model::MembershipStatus;
    use crate::timestamp::Timestamp;

    fn held(number: u32) -> EffectiveMembership {
        EffectiveMembership {
            org_id: OrganizationId::from_uuid(Uuid::from_u128(number.into())),
            status: MembershipStatus::Active,
            title: None,
            joined_at: Timestamp::from_millis(1_000 * i64::from(number)),
            scopes: ["b:read", "a:read"].into_iter().map(|scope| scope.parse().unwrap()).collect(),
            suspended_organization: false,
            mfa_required: false,
            sso_only: false,
        }
    }

    #[test]
    fn a_token_names_the_hundred_that_were_joined_last() {
        let claim = OrganizationsClaim::of_agent((0..101).rev().map(held).collect(), None).unwrap();
        let joined: Vec<_> = claim.entries.iter().map(|entry| entry.joined_at).collect();
        assert_eq!((joined, claim.truncated), ((1..=100).collect(), true));
        assert_eq!(claim.entries.first().unwrap().scopes, ["a:read", "b:read"]);
        assert!(!OrganizationsClaim::of_agent((0..100).map(held).collect(), None).unwrap().truncated);
    }

    #[test]
    fn what_is_suspended_is_not_named_and_cannot_be_selected() {
        let frozen = EffectiveMembership { status: MembershipStatus::Suspended, ..held(1) };
        let closed = EffectiveMembership { suspended_organization: true, ..held(2) };
        let all = vec![frozen.clone(), closed.clone(), held(3)];
        let claim = |selected| OrganizationsClaim::of_agent(all.clone(), selected);
        assert_eq!(claim(None).unwrap().entries.len(), 1);
        assert_eq!(claim(Some(held(3).org_id)).unwrap().entries.len(), 1);
        for unreachable in [frozen.org_id, closed.org_id, held(4).org_id] {
            assert_eq!(claim(Some(unreachable)), None);
        }
    }
}
