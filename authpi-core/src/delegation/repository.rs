//! What storage answers and does for delegations.
//!
//! The rules over all delegations of a user (how many, one for the same purpose) hold because whoever gives one locks
//! the user first.

use async_trait::async_trait;

use super::model::{Delegation, DelegationParty, DelegationState};
use crate::error::StoreError;
use crate::id::{AccountId, AgentId, DelegationId, IssuerId, OrganizationId, UserId};
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage};
use crate::timestamp::Timestamp;

/// Whose delegations a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelegationOwner {
    /// Those that a user gave.
    User(UserId),
    /// Those that an agent has.
    Agent(AgentId),
}

/// Which of them a list shows; all conditions hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelegationFilter {
    /// In this state at this time.
    pub state: Option<(DelegationState, Timestamp)>,
    /// Given by this user.
    pub user_id: Option<UserId>,
    /// Of this agent.
    pub agent_id: Option<AgentId>,
    /// Naming this organization.
    pub org_id: Option<OrganizationId>,
}

/// Somebody who was deleted and still is named by delegations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepartedParty {
    /// Tenant of the issuer.
    pub account_id: AccountId,
    /// Where they lived.
    pub issuer_id: IssuerId,
    /// Who: a user, an agent or a client.
    pub party: DelegationParty,
}

/// Questions about delegations.
#[async_trait]
pub trait DelegationReads: Send + Sync {
    /// One delegation of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: DelegationId) -> Result<Option<Delegation>, StoreError>;

    /// Delegations of a user or an agent of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        owner: DelegationOwner,
        filter: &DelegationFilter,
        page: &PageRequest<DelegationId>,
    ) -> Result<SearchPage<Delegation, DelegationId>, StoreError>;

    /// At most `limit` delegations of a party that are in force at `now`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active(
        &self,
        issuer: IssuerId,
        of: DelegationParty,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delegation>, StoreError>;

    /// How many delegations of a party are in force at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_active(&self, issuer: IssuerId, of: DelegationParty, now: Timestamp) -> Result<u64, StoreError>;

    /// At most `limit` users, agents and clients of all issuers whose own deletion was accepted at `since` or later, and who are
    /// named by delegations: users by any of theirs, which go with them, the others by those in force at `now`. Work for
    /// the removal worker; costs a look at everybody who was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn departed(&self, since: Timestamp, now: Timestamp, limit: u32) -> Result<Vec<DepartedParty>, StoreError>;
}

/// Writes of delegations.
#[async_trait]
pub trait DelegationRepository: DelegationReads {
    /// Adds a delegation of a user whom the caller has locked with
    /// [`UserRepository::lock`](crate::user::repository::UserRepository::lock).
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, delegation: &Delegation) -> Result<(), StoreError>;

    /// Writes status and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, delegation: &Delegation, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Counts a use at `at`; the version stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_use(&mut self, issuer: IssuerId, id: DelegationId, at: Timestamp) -> Result<(), StoreError>;

    /// Removes at most `limit` delegations of a party, whatever their state. Returns how many; repeat until there are
    /// none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of(&mut self, issuer: IssuerId, of: DelegationParty, limit: u32) -> Result<u64, StoreError>;
}
