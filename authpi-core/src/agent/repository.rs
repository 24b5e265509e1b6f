//! What storage answers and does for agents.
//!
//! Of an agent whose deletion was accepted the row stays for a while, so that what still names it is found; its verifiers
//! are gone at once.

use async_trait::async_trait;

use super::model::{Agent, AgentStatus, AgentVerifier, Wallet};
use crate::error::StoreError;
use crate::id::{AgentId, IssuerId, VerifierId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{PageRequest, SearchPage, TimeAndId};
use crate::timestamp::Timestamp;

/// Which agents a list shows; all conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFilter {
    /// In this status.
    pub status: Option<AgentStatus>,
    /// Exactly this model.
    pub model: Option<String>,
    /// Exactly this provider.
    pub provider: Option<String>,
    /// With or without verifiers.
    pub has_verifiers: Option<bool>,
    /// With this wallet.
    pub wallet: Option<Wallet>,
}

/// An agent whose deletion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedAgent {
    /// Where it lived.
    pub issuer_id: IssuerId,
    /// Its id.
    pub id: AgentId,
}

/// Questions about agents.
#[async_trait]
pub trait AgentReads: Send + Sync {
    /// There is such an agent of the issuer, and its deletion was not accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn exists(&self, issuer: IssuerId, id: AgentId) -> Result<bool, StoreError>;

    /// One agent of the issuer; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: AgentId) -> Result<Option<Agent>, StoreError>;

    /// Agents of the issuer, newest first: by time, then by id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        filter: &AgentFilter,
        page: &PageRequest<TimeAndId<AgentId>>,
    ) -> Result<SearchPage<Agent, TimeAndId<AgentId>>, StoreError>;

    /// The verifiers of an agent of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn verifiers(&self, issuer: IssuerId, agent: AgentId) -> Result<Vec<AgentVerifier>, StoreError>;

    /// One verifier of an agent of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn verifier(
        &self,
        issuer: IssuerId,
        agent: AgentId,
        id: VerifierId,
    ) -> Result<Option<AgentVerifier>, StoreError>;

    /// At most `limit` agents of all issuers whose deletion was accepted before `at` and that neither a membership nor a
    /// note names any more: work for the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleted_before(&self, at: Timestamp, limit: u32) -> Result<Vec<DeletedAgent>, StoreError>;
}

/// Writes of agents.
#[async_trait]
pub trait AgentRepository: AgentReads {
    /// Adds a new agent, without verifiers.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, agent: &Agent) -> Result<(), StoreError>;

    /// Writes status, details, metadata and version, if the stored version still is `before`. Stats are not written.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, agent: &Agent, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Accepts the deletion, if the stored version still is `before`: the agent is not found from here on, and its
    /// verifiers are gone.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: AgentId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Locks the agent until the end of the unit of work, so that rules over its verifiers hold. Answers what
    /// [`AgentReads::find`] would. Locked after an organization and after a user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, issuer: IssuerId, id: AgentId) -> Result<Option<Agent>, StoreError>;

    /// Adds a verifier and counts it at the agent, which the caller has locked. A wallet belongs to one agent of the
    /// issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert_verifier(&mut self, verifier: &AgentVerifier) -> Result<InsertOutcome, StoreError>;

    /// Removes a verifier, if the stored version still is that of `verifier`, and counts it out of the agent, which the
    /// caller has locked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_verifier(&mut self, verifier: &AgentVerifier) -> Result<WriteOutcome, StoreError>;

    /// Counts a use of a verifier at `at`; the version stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_use(
        &mut self,
        issuer: IssuerId,
        agent: AgentId,
        verifier: VerifierId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Removes an agent whose deletion was accepted; repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, issuer: IssuerId, id: AgentId) -> Result<(), StoreError>;
}
