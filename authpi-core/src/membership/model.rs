//! What a membership is, and which rules hold over its scopes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{GroupId, IssuerId, MemberId, OrganizationId};
use crate::metadata::Metadata;
use crate::rights::Grantor;
use crate::scope::{Scope, Scopes};
use crate::timestamp::Timestamp;
use crate::words::words;

/// The scope of who owns an organization. In the organization of an account at least one active member has it.
pub const OWNER: &str = "owner";

/// How long a removal keeps somebody from becoming a member by a rule (core-api section 20).
pub const REMOVAL_REMEMBERED: Duration = Duration::from_hours(365 * 24);

/// A user or an agent in an organization. It has no id of its own: organization and member name it.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// Where.
    pub org_id: OrganizationId,
    /// Who.
    pub member_id: MemberId,
    /// Issuer of both.
    pub issuer_id: IssuerId,
    /// What a caller writes.
    pub details: MembershipDetails,
    /// Groups of the organization that it belongs to.
    pub groups: BTreeSet<GroupId>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// Since when.
    pub joined_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where a membership stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipStatus {
    /// Normal.
    #[default]
    Active,
    /// Left out of new tokens. Can be undone.
    Suspended,
}

words!(MembershipStatus: "active" => Self::Active, "suspended" => Self::Suspended);

impl MembershipStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// The attributes that a caller writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MembershipDetails {
    /// Suspended members are left out of new tokens.
    pub status: MembershipStatus,
    /// Scopes held directly.
    pub scopes: Scopes,
    /// Title of the member in the organization, as tokens show it.
    #[schema(max_length = 200)]
    pub user_title: Option<String>,
}

/// How somebody became a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembershipOrigin {
    /// Added by whoever manages the organization.
    #[default]
    Direct,
    /// Accepted an invitation.
    Invitation,
    /// Signed in through the organization's own identity provider.
    Sso,
    /// Has an address in a domain of the organization.
    Domain,
    /// Made the organization when signing up.
    SignUp,
}

impl MembershipOrigin {
    /// The value in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Invitation => "invitation",
            Self::Sso => "sso",
            Self::Domain => "domain",
            Self::SignUp => "signup",
        }
    }
}

/// A role that a caller names, to be resolved in the organization (core-api 12.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRole {
    /// Its name.
    pub name: String,
    /// Where the caller wrote it.
    pub field: String,
}

/// A member to be added.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Who.
    pub member_id: MemberId,
    /// Direct scopes; without scopes, groups and roles they get what the organization gives by default.
    pub scopes: Scopes,
    /// Groups of the organization.
    pub groups: Vec<GroupId>,
    /// Roles, which are added to the groups.
    pub roles: Vec<NamedRole>,
    /// Title in the organization.
    pub user_title: Option<String>,
    /// Where the membership stands from the beginning.
    pub status: MembershipStatus,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// How they became a member.
    pub origin: MembershipOrigin,
    /// What bounds the scopes they may be given.
    pub grantor: Grantor,
}

impl NewMember {
    /// An active member without anything but what the organization gives by default.
    pub fn plain(member_id: MemberId) -> Self {
        Self {
            member_id,
            scopes: Scopes::default(),
            groups: Vec::new(),
            roles: Vec::new(),
            user_title: None,
            status: MembershipStatus::default(),
            metadata: Metadata::default(),
            origin: MembershipOrigin::default(),
            grantor: Grantor::default(),
        }
    }

    /// A member with one scope.
    pub fn with_scope(member_id: MemberId, scope: Scope) -> Self {
        Self { scopes: [scope].into_iter().collect(), ..Self::plain(member_id) }
    }
}

impl Membership {
    /// Holds `owner`, whether or not the membership is in force.
    pub fn is_owner(&self) -> bool {
        self.details.scopes.iter().any(|scope| scope.as_str() == OWNER)
    }

    /// In force.
    pub fn is_active(&self) -> bool {
        self.details.status == MembershipStatus::Active
    }

    /// Whether the organization has one owner less after this became `after`; `None` is the end of the membership.
    pub fn loses_owner(&self, after: Option<&Self>) -> bool {
        self.is_owner() && after.is_none_or(|after| !after.is_owner() || (self.is_active() && !after.is_active()))
    }

    /// The scopes that are given by becoming `after`, of those that are held then: the new ones, or all when the
    /// membership comes into force. Both are with those of groups.
    #[must_use]
    pub fn gives(&self, held: &Scopes, after: &Self, held_then: &Scopes) -> Scopes {
        let comes_into_force = !self.is_active() && after.is_active();
        if comes_into_force { held_then.clone() } else { held_then.without(held) }
    }
}

/// What is held directly and through groups.
#[must_use]
pub fn with_groups<'s>(direct: &'s Scopes, groups: impl IntoIterator<Item = &'s Scopes>) -> Scopes {
    direct.iter().chain(groups.into_iter().flatten()).cloned().collect()
}

/// What a membership amounts to, in tokens and wherever a right is asked for (core-api section 17): what is held
/// directly and through groups, as far as it is below the ceiling of the organization.
#[must_use]
pub fn effective<'s>(ceiling: &Scopes, direct: &'s Scopes, groups: impl IntoIterator<Item = &'s Scopes>) -> Scopes {
    with_groups(direct, groups).below(ceiling)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;
    use crate::id::{Id, UserId};

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn membership(status: MembershipStatus, held: &[&str]) -> Membership {
        Membership {
            org_id: OrganizationId::from_uuid(Uuid::nil()),
            member_id: MemberId::User(UserId::from_uuid(Uuid::nil())),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            details: MembershipDetails { status, scopes: scopes(held), user_title: None },
            groups: BTreeSet::new(),
            metadata: Metadata::default(),
            joined_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn only_new_scopes_are_given_unless_the_membership_comes_into_force() {
        use MembershipStatus::{Active, Suspended};
        let (held, then) = (scopes(&["owner"]), scopes(&["owner", "a:read"]));
        let after = membership(Active, &[]);
        assert_eq!(membership(Active, &[]).gives(&held, &after, &then), scopes(&["a:read"]));
        assert_eq!(membership(Suspended, &[]).gives(&held, &after, &then), then);
        let suspended = membership(Suspended, &[]);
        assert_eq!(suspended.gives(&held, &suspended, &then), scopes(&["a:read"]));
    }

    #[test]
    fn an_owner_is_lost_by_removal_demotion_and_suspension() {
        use MembershipStatus::{Active, Suspended};
        let owner = membership(Active, &["owner"]);
        let suspended = membership(Suspended, &["owner"]);
        let member = membership(Active, &["member"]);
        assert!(owner.loses_owner(None) && owner.loses_owner(Some(&member)) && owner.loses_owner(Some(&suspended)));
        assert!(suspended.loses_owner(None) && suspended.loses_owner(Some(&member)));
        assert!(!suspended.loses_owner(Some(&suspended)) && !suspended.loses_owner(Some(&owner)));
        assert!(!owner.loses_owner(Some(&owner)) && !member.loses_owner(None) && !member.loses_owner(Some(&owner)));
    }

    #[test]
    fn effective_are_direct_scopes_and_those_of_groups_below_the_ceiling() {
        let (direct, first, second) =
            (scopes(&["a:read"]), scopes(&["a:read", "b:read"]), scopes(&["owner", "c:read"]));
        let all = effective(&Scopes::default(), &direct, [&first, &second]);
        assert_eq!(all, scopes(&["a:read", "b:read", "owner", "c:read"]));
        assert_eq!(effective(&scopes(&["b:*"]), &direct, [&first, &second]), scopes(&["b:read", "owner"]));
    }
}
