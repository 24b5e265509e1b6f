//! What storage answers and does for single sign-on of organizations.

use async_trait::async_trait;

use super::model::Connection;
use crate::error::StoreError;
use crate::hostname::Hostname;
use crate::id::{IssuerId, OrganizationId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::timestamp::Timestamp;

/// Questions about connections.
#[async_trait]
pub trait ConnectionReads: Send + Sync {
    /// The connection of an organization; none once the organization's deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, organization: OrganizationId) -> Result<Option<Connection>, StoreError>;

    /// The organization of the issuer that has proven the domain.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn owner(&self, issuer: IssuerId, domain: &Hostname) -> Result<Option<OrganizationId>, StoreError>;
}

/// Writes of connections.
#[async_trait]
pub trait ConnectionRepository: ConnectionReads {
    /// Writes the connection and the version of the organization, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, connection: &Connection, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Makes the domain that of the organization, unless one of the issuer has it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
        domain: &Hostname,
    ) -> Result<InsertOutcome, StoreError>;

    /// Gives the domain up, if it is the organization's.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
        domain: &Hostname,
    ) -> Result<(), StoreError>;

    /// Gives all domains of an organization up; they are few. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release_of_organization(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
    ) -> Result<u64, StoreError>;
}
