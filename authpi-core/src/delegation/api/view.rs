//! A delegation on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::delegation::model::{Delegation, DelegationState, GrantedBy};
use crate::id::{AgentId, ClientId, DelegationId, IssuerId, OrganizationId, UserId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;

/// A delegation on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Delegation)]
pub(super) struct DelegationView {
    id: DelegationId,
    issuer_id: IssuerId,
    user_id: UserId,
    agent_id: AgentId,
    /// Only for work that comes through this client.
    client_id: Option<ClientId>,
    /// Only within this organization.
    org_id: Option<OrganizationId>,
    scopes: Scopes,
    status: DelegationState,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    granted_by: GrantedBy,
    /// Purpose, as the user is shown it.
    reason: Option<String>,
    expires_at: Timestamp,
    usage_count: u64,
    last_used_at: Option<Timestamp>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl DelegationView {
    /// As it stands at `now`.
    pub(super) fn of(delegation: Delegation, now: Timestamp) -> Self {
        let state = delegation.state(now);
        let expired_at = (state == DelegationState::Expired).then_some(delegation.expires_at);
        let (status_at, status_reason, status_by) = delegation.status.shown(expired_at);
        Self {
            id: delegation.id,
            issuer_id: delegation.issuer_id,
            user_id: delegation.user_id,
            agent_id: delegation.agent_id,
            client_id: delegation.client_id,
            org_id: delegation.org_id,
            scopes: delegation.scopes,
            status: state,
            status_at,
            status_reason,
            status_by,
            granted_by: delegation.granted_by,
            reason: delegation.reason,
            expires_at: delegation.expires_at,
            usage_count: delegation.usage_count,
            last_used_at: delegation.last_used_at,
            metadata: delegation.metadata,
            created_at: delegation.created_at,
            updated_at: delegation.updated_at,
        }
    }
}
