//! What storage answers and does for organizations.

use async_trait::async_trait;

use super::model::{AccessRevocation, Organization, OrganizationStatus};
use crate::error::StoreError;
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage};
use crate::timestamp::Timestamp;
use crate::words::words;

/// Which organizations a list shows; all conditions hold together.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrganizationFilter {
    /// In this status.
    pub status: Option<StatusFilter>,
    /// With or without enforced second factor.
    pub mfa_required: Option<bool>,
    /// With or without invitations.
    pub invitation_enabled: Option<bool>,
    /// With or without single sign-on.
    pub sso_enabled: Option<bool>,
    /// Where single sign-on is, or is not, the only way in.
    pub sso_only: Option<bool>,
}

impl OrganizationFilter {
    /// It has a condition that no index serves; then a page may be short.
    pub const fn is_search(&self) -> bool {
        matches!(self.status, Some(StatusFilter::Is(_)))
            || self.mfa_required.is_some()
            || self.invitation_enabled.is_some()
            || self.sso_enabled.is_some()
            || self.sso_only.is_some()
    }
}

/// `status` of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// In this status.
    Is(OrganizationStatus),
    /// Deletion was accepted, removal is under way.
    Deleting,
}

words!(StatusFilter: "active" => Self::Is(OrganizationStatus::Active), "suspended" => Self::Is(OrganizationStatus::Suspended), "deleted" => Self::Deleting);

/// An organization whose deletion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletingOrganization {
    /// Tenant of its issuer.
    pub account_id: AccountId,
    /// Where it lived.
    pub issuer_id: IssuerId,
    /// Its id.
    pub id: OrganizationId,
}

/// An entry of a list: the organization, or what is left of one that is being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct OrganizationListing {
    /// The organization.
    pub organization: Organization,
    /// Deletion was accepted.
    pub deleting: bool,
}

/// Questions about organizations.
#[async_trait]
pub trait OrganizationReads: Send + Sync {
    /// The order to take away all access through an organization, if one is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revocation(&self, issuer: IssuerId, id: OrganizationId) -> Result<Option<AccessRevocation>, StoreError>;

    /// At most `limit` orders of all issuers, oldest first: work for the worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revocations(&self, limit: u32) -> Result<Vec<AccessRevocation>, StoreError>;

    /// One organization of the issuer; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: OrganizationId) -> Result<Option<Organization>, StoreError>;

    /// Those of `ids` that are organizations of the issuer, in no order; at most a page of them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_all(&self, issuer: IssuerId, ids: &[OrganizationId]) -> Result<Vec<Organization>, StoreError>;

    /// Organizations of the issuer, newest first. Without a status filter those being deleted are left out. A page with
    /// a condition that no index serves ([`OrganizationFilter::is_search`]) examines at most
    /// [`EXAMINED_ROWS`](crate::page::EXAMINED_ROWS).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        filter: &OrganizationFilter,
        page: &PageRequest<OrganizationId>,
    ) -> Result<SearchPage<OrganizationListing, OrganizationId>, StoreError>;

    /// Some organization of the issuer is of this type; those being deleted do not count.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn has_type(&self, issuer: IssuerId, org_type: &str) -> Result<bool, StoreError>;

    /// At most `limit` organizations of all issuers whose deletion was accepted: work for the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingOrganization>, StoreError>;
}

/// Writes of organizations.
#[async_trait]
pub trait OrganizationRepository: OrganizationReads {
    /// Adds a new organization.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, organization: &Organization) -> Result<(), StoreError>;

    /// Writes status, details, metadata and version, if the stored version still is `before`. Stats are not written.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, organization: &Organization, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Accepts the deletion, if the stored version still is `before`: it is not found from here on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: OrganizationId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Locks the organization until the end of the unit of work, so that rules over its members hold: a limit, the last
    /// owner. Answers what [`OrganizationReads::find`] would.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, issuer: IssuerId, id: OrganizationId) -> Result<Option<Organization>, StoreError>;

    /// Removes an organization whose deletion was accepted and whose children are gone; repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, issuer: IssuerId, id: OrganizationId) -> Result<(), StoreError>;

    /// Notes an order, instead of an earlier one of the organization. The organization is locked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn order_revocation(&mut self, revocation: &AccessRevocation) -> Result<(), StoreError>;

    /// Drops an order that was carried out, unless a newer one took its place.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn finish_revocation(&mut self, revocation: &AccessRevocation) -> Result<(), StoreError>;
}
