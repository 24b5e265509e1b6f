//! Issuers on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{AccountId, IssuerId};
use crate::issuer::model::access::AccessMode;
use crate::issuer::model::{Issuer, IssuerDetails, IssuerStatus, Readiness};
use crate::issuer::repository::IssuerListing;
use crate::metadata::Metadata;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of an issuer besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Issuer, description = "An issuer.")]
pub struct IssuerFacts {
    id: IssuerId,
    account_id: AccountId,
    status: IssuerStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An issuer on the wire.
pub type IssuerView = Joined<IssuerFacts, IssuerDetails>;

impl From<&Issuer> for IssuerView {
    fn from(issuer: &Issuer) -> Self {
        let status = issuer.status.clone();
        let first = IssuerFacts {
            id: issuer.id,
            account_id: issuer.account_id,
            status: status.value,
            status_at: status.at,
            status_reason: status.reason,
            status_by: status.by,
            metadata: issuer.metadata.clone(),
            created_at: issuer.created_at,
            updated_at: issuer.updated_at,
        };
        Self { first, second: issuer.details.clone() }
    }
}

/// What a list shows besides the details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = IssuerListItem, description = "An issuer in a list.")]
pub struct IssuerListFacts {
    id: IssuerId,
    account_id: AccountId,
    status: ListedStatus,
    status_at: Option<Timestamp>,
    metadata: Metadata,
    access_mode: AccessMode,
    auth_method_count: u32,
    enabled_login_method_count: u32,
    enabled_signup_method_count: u32,
    available_scope_count: u32,
    branding_configured: bool,
    readiness: Readiness,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The status of an issuer in a list.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListedStatus {
    /// Normal.
    Active,
    /// Refuses new logins and refreshes.
    Suspended,
    /// Deletion was accepted, removal is under way.
    Deleted,
}

/// An issuer in a list.
pub type IssuerListItem = Joined<IssuerListFacts, IssuerDetails>;

impl From<IssuerListing> for IssuerListItem {
    fn from(listing: IssuerListing) -> Self {
        let IssuerListing { issuer, deleting } = listing;
        let settings = &issuer.details.settings;
        let first = IssuerListFacts {
            id: issuer.id,
            account_id: issuer.account_id,
            status: match (deleting, issuer.status.value) {
                (true, _) => ListedStatus::Deleted,
                (false, IssuerStatus::Active) => ListedStatus::Active,
                (false, IssuerStatus::Suspended) => ListedStatus::Suspended,
            },
            status_at: issuer.status.at,
            access_mode: settings.access.mode,
            auth_method_count: issuer.methods.all,
            enabled_login_method_count: issuer.methods.login,
            enabled_signup_method_count: issuer.methods.signup,
            available_scope_count: u32::try_from(issuer.details.available_scopes.iter().count()).unwrap_or(u32::MAX),
            branding_configured: settings.branding.is_configured(),
            readiness: if deleting { Readiness::Inactive } else { issuer.readiness() },
            metadata: issuer.metadata,
            created_at: issuer.created_at,
            updated_at: issuer.updated_at,
        };
        Self { first, second: issuer.details }
    }
}
