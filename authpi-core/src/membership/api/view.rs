//! A membership on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::id::{GroupId, IssuerId, MemberId, MemberKind, OrganizationId};
use crate::membership::model::{Membership, MembershipStatus};
use crate::membership::repository::MemberPosition;
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::store::Reads;
use crate::timestamp::Timestamp;

/// What the groups of an organization are called.
pub(super) struct GroupNames(BTreeMap<GroupId, String>);

impl GroupNames {
    /// Of the organization, if anybody shown belongs to a group.
    pub(super) async fn of(
        reads: &dyn Reads,
        (issuer, organization): (IssuerId, OrganizationId),
        memberships: &[Membership],
    ) -> Result<Self, Refusal> {
        if memberships.iter().all(|membership| membership.groups.is_empty()) {
            return Ok(Self(BTreeMap::new()));
        }
        let groups = reads.groups().of_organization(issuer, organization).await?;
        Ok(Self(groups.into_iter().map(|group| (group.id, group.details.name)).collect()))
    }
}

/// A membership on the wire, alone.
pub(super) async fn shown(reads: &dyn Reads, membership: Membership) -> Result<MembershipView, Refusal> {
    let place = (membership.issuer_id, membership.org_id);
    let names = GroupNames::of(reads, place, std::slice::from_ref(&membership)).await?;
    Ok(MembershipView::of(membership, &names))
}

/// A membership on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationMembership)]
pub struct MembershipView {
    org_id: OrganizationId,
    member_id: MemberId,
    member_type: MemberKind,
    issuer_id: IssuerId,
    status: MembershipStatus,
    scopes: Scopes,
    groups: Vec<GroupId>,
    /// Names of the groups, which are the roles of the organization.
    roles: Vec<String>,
    user_title: Option<String>,
    metadata: Metadata,
    joined_at: Timestamp,
    updated_at: Timestamp,
}

impl MembershipView {
    /// Of a membership, with the names of the organization's groups.
    pub(super) fn of(membership: Membership, names: &GroupNames) -> Self {
        let roles = membership.groups.iter().filter_map(|group| names.0.get(group).cloned()).collect();
        Self {
            org_id: membership.org_id,
            member_id: membership.member_id,
            member_type: membership.member_id.kind(),
            issuer_id: membership.issuer_id,
            status: membership.details.status,
            scopes: membership.details.scopes,
            groups: membership.groups.into_iter().collect(),
            roles,
            user_title: membership.details.user_title,
            metadata: membership.metadata,
            joined_at: membership.joined_at,
            updated_at: membership.updated_at,
        }
    }
}

impl From<&MembershipView> for MemberPosition {
    fn from(view: &MembershipView) -> Self {
        Self { joined_at: view.joined_at, member: view.member_id.uuid() }
    }
}
