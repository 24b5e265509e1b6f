//! What storage answers and does for invitations.
//!
//! That an address has one open invitation into an organization at most, and that these count as members, holds because
//! whoever makes, resends or accepts one locks the organization first.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::model::{Invitation, InvitationStatus};
use crate::error::StoreError;
use crate::id::{InvitationId, IssuerId, OrganizationId, UserId};
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage};
use crate::timestamp::Timestamp;

/// Which invitations a list shows.
#[derive(Clone, Copy, Debug)]
pub struct InvitationFilter {
    /// In this status.
    pub status: Option<InvitationStatus>,
    /// By the clock of whoever asks: expired is what it says.
    pub now: Timestamp,
}

/// Questions about invitations.
#[async_trait]
pub trait InvitationReads: Send + Sync {
    /// One invitation of an organization of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        id: InvitationId,
    ) -> Result<Option<Invitation>, StoreError>;

    /// One invitation of the issuer, whatever the organization: what a link names.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_in_issuer(&self, issuer: IssuerId, id: InvitationId) -> Result<Option<Invitation>, StoreError>;

    /// Invitations of an organization of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        filter: InvitationFilter,
        page: &PageRequest<InvitationId>,
    ) -> Result<SearchPage<Invitation, InvitationId>, StoreError>;

    /// The open invitation of an address into an organization, but for `except`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn open_for(
        &self,
        organization: OrganizationId,
        address_hash: &[u8; 32],
        except: Option<InvitationId>,
        now: Timestamp,
    ) -> Result<Option<InvitationId>, StoreError>;

    /// How many invitations into each of these organizations of the issuer are open; those without any are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_open(
        &self,
        issuer: IssuerId,
        organizations: &[OrganizationId],
        now: Timestamp,
    ) -> Result<BTreeMap<OrganizationId, u32>, StoreError>;

    /// How many invitations into an organization there are, in any status.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_of_organization(&self, issuer: IssuerId, organization: OrganizationId) -> Result<u64, StoreError>;

    /// At most `limit` invitations of all issuers in which something personal is to go at `now`, the longest due first:
    /// work for the sweeper.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erasable(&self, now: Timestamp, limit: u32) -> Result<Vec<Invitation>, StoreError>;
}

/// Writes of invitations.
#[async_trait]
pub trait InvitationRepository: InvitationReads {
    /// Adds a new invitation.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, invitation: &Invitation) -> Result<(), StoreError>;

    /// Writes everything that can change, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, invitation: &Invitation, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Erases what is personal in an invitation, if its stored version still is the one given; one that was open stays
    /// expired. The version stays: nothing changes for anybody but that it is forgotten.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase(&mut self, invitation: &Invitation) -> Result<WriteOutcome, StoreError>;

    /// Removes at most `limit` invitations into an organization. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError>;

    /// Forgets whom about `limit` invitations were for, a user who is erased: the id only, their address is sealed.
    /// Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError>;
}
