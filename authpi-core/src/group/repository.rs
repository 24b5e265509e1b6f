//! What storage answers and does for groups.
//!
//! Names are unique and groups are limited because whoever makes or renames one locks the organization first. The
//! counter of the organization changes with the rows, and leaves its version alone.

use async_trait::async_trait;

use super::model::Group;
use crate::error::StoreError;
use crate::id::{GroupId, IssuerId, OrganizationId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Page, PageRequest};
use crate::scope::Scopes;
use crate::timestamp::Timestamp;

/// A group whose deletion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletingGroup {
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// Where it was.
    pub org_id: OrganizationId,
    /// Its id.
    pub id: GroupId,
}

/// Questions about groups, as they are stored: one that carries out a role has no scopes here.
#[async_trait]
pub trait GroupReads: Send + Sync {
    /// One group of an organization of the issuer; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<Group>, StoreError>;

    /// The group of this name, whatever the case.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_name(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        name: &str,
    ) -> Result<Option<Group>, StoreError>;

    /// The group that carries out a role of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_role(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        role: &str,
    ) -> Result<Option<Group>, StoreError>;

    /// All groups of an organization of the issuer, oldest first: there are few.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_organization(&self, issuer: IssuerId, organization: OrganizationId) -> Result<Vec<Group>, StoreError>;

    /// Groups of an organization of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        page: &PageRequest<GroupId>,
    ) -> Result<Page<Group>, StoreError>;

    /// Some organization of the issuer other than `but` has a group that carries out the role.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn role_is_carried_outside(
        &self,
        issuer: IssuerId,
        role: &str,
        but: Option<OrganizationId>,
    ) -> Result<bool, StoreError>;

    /// At most `limit` groups of all issuers whose deletion was accepted: work for the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingGroup>, StoreError>;
}

/// Writes of groups. Whoever inserts, renames or deletes one has locked the organization with
/// [`OrganizationRepository::lock`](crate::organization::repository::OrganizationRepository::lock).
#[async_trait]
pub trait GroupRepository: GroupReads {
    /// Adds a group and counts it in the organization.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert(&mut self, group: &Group) -> Result<InsertOutcome, StoreError>;

    /// Writes details, role, metadata and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the name is taken.
    async fn update(&mut self, group: &Group, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Accepts the deletion, if the stored version still is `before`: it is not found from here on, its name is free,
    /// and it is counted out of the organization.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(&mut self, group: &Group, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a group whose deletion was accepted and that no membership names any more; repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, issuer: IssuerId, id: GroupId) -> Result<(), StoreError>;

    /// Removes at most `limit` groups of an organization whose deletion was accepted, without counting them out. Returns
    /// how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError>;

    /// Makes at most `limit` groups that carry out a role of the issuer groups of their own, with `scopes`. Returns how
    /// many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn detach_role(
        &mut self,
        issuer: IssuerId,
        role: &str,
        scopes: &Scopes,
        limit: u32,
    ) -> Result<u64, StoreError>;
}
