//! A group on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::group::model::{Group, GroupDetails};
use crate::id::{GroupId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of a group besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub struct GroupHead {
    id: GroupId,
    org_id: OrganizationId,
    issuer_id: IssuerId,
    /// The role of the issuer that it carries out; then its scopes are those of the role.
    role: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A group on the wire.
pub type GroupView = Joined<GroupHead, GroupDetails>;

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let first = GroupHead {
            id: group.id,
            org_id: group.org_id,
            issuer_id: group.issuer_id,
            role: group.role,
            metadata: group.metadata,
            created_at: group.created_at,
            updated_at: group.updated_at,
        };
        Self { first, second: group.details }
    }
}

impl GroupView {
    /// The cursor behind this group.
    pub(super) fn cursor(&self) -> String {
        self.first.id.to_string()
    }
}
