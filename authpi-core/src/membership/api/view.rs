//! A membership on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{GroupId, IssuerId, MemberId, MemberKind, OrganizationId};
use crate::membership::model::{Membership, MembershipStatus};
use crate::membership::repository::MemberPosition;
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;

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
    user_title: Option<String>,
    metadata: Metadata,
    joined_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        Self {
            org_id: membership.org_id,
            member_id: membership.member_id,
            member_type: membership.member_id.kind(),
            issuer_id: membership.issuer_id,
            status: membership.details.status,
            scopes: membership.details.scopes,
            groups: Vec::new(),
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
