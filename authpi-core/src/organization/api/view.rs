//! Organizations as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::connection::api::SsoView;
use crate::error::Refusal;
use crate::id::{IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::organization::model::{Organization, OrganizationDetails, OrganizationStats, OrganizationStatus};
use crate::organization::repository::OrganizationListing;
use crate::organization_type::OrganizationSecurity;
use crate::scope::Scopes;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of an organization besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Organization, description = "An organization.")]
pub struct OrganizationHead {
    id: OrganizationId,
    issuer_id: IssuerId,
    status: OrganizationStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    stats: StatsView,
    sso: SsoView,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What an organization holds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationStats)]
pub(super) struct StatsView {
    #[serde(flatten)]
    #[schema(inline)]
    counted: OrganizationStats,
    /// Open invitations.
    n_pending_invitations: u32,
}

impl StatsView {
    const fn of(counted: OrganizationStats, n_pending_invitations: u32) -> Self {
        Self { counted, n_pending_invitations }
    }
}

/// An organization on the wire.
pub type OrganizationView = Joined<OrganizationHead, OrganizationDetails>;

impl OrganizationView {
    /// With what it has of open invitations, which the clock decides and no counter knows.
    pub fn of(organization: &Organization, open_invitations: u32) -> Self {
        let status = organization.status.clone();
        let first = OrganizationHead {
            id: organization.id,
            issuer_id: organization.issuer_id,
            status: status.value,
            status_at: status.at,
            status_reason: status.reason,
            status_by: status.by,
            stats: StatsView::of(organization.stats, open_invitations),
            sso: SsoView::from(&organization.sso),
            metadata: organization.metadata.clone(),
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        };
        Self { first, second: organization.details.clone() }
    }

    /// Counts the open invitations.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn counted(organization: &Organization, reads: &dyn Reads, now: Timestamp) -> Result<Self, Refusal> {
        let open = reads.invitations().count_open(organization.issuer_id, &[organization.id], now).await?;
        Ok(Self::of(organization, open.get(&organization.id).copied().unwrap_or_default()))
    }
}

/// An organization in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct IssuerOrganizationsListItem {
    id: OrganizationId,
    issuer_id: IssuerId,
    /// `active`, `suspended` or `deleting`.
    status: String,
    name: Option<String>,
    logo_url: Option<String>,
    org_type: String,
    stats: StatsView,
    sso: SsoView,
    security: OrganizationSecurity,
    scopes: Scopes,
    default_member_scopes: Scopes,
    invitation_enabled: bool,
    max_members: Option<u32>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OrganizationListing> for IssuerOrganizationsListItem {
    fn from(listing: OrganizationListing) -> Self {
        let OrganizationListing { organization, deleting } = listing;
        let status = match (deleting, organization.status.value) {
            (true, _) => "deleting",
            (false, OrganizationStatus::Active) => "active",
            (false, OrganizationStatus::Suspended) => "suspended",
        };
        let details = organization.details;
        Self {
            id: organization.id,
            issuer_id: organization.issuer_id,
            status: status.to_owned(),
            name: details.name,
            logo_url: details.logo_url,
            org_type: details.org_type,
            stats: StatsView::of(organization.stats, 0),
            sso: SsoView::from(&organization.sso),
            security: details.security,
            scopes: details.scopes,
            default_member_scopes: details.default_member_scopes,
            invitation_enabled: details.invitation_enabled,
            max_members: details.max_members,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

impl IssuerOrganizationsListItem {
    /// Its id.
    pub(super) const fn id(&self) -> OrganizationId {
        self.id
    }

    /// With so many open invitations.
    pub(super) const fn with_invitations(mut self, open: u32) -> Self {
        self.stats.n_pending_invitations = open;
        self
    }
}
