//! What storage answers and does for logins. All of it is short-lived: what has expired is swept.

use async_trait::async_trait;

use super::model::{MailProof, ProofPurpose, SealedFlow, Tries, TriesKey};
use crate::error::StoreError;
use crate::id::{FlowId, IssuerId, MailProofId, UserId};
use crate::outcome::WriteOutcome;
use crate::timestamp::Timestamp;

/// Questions about logins.
#[async_trait]
pub trait LoginReads: Send + Sync {
    /// One login of the issuer, also one whose time is over, until it is swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn flow(&self, issuer: IssuerId, id: FlowId) -> Result<Option<SealedFlow>, StoreError>;

    /// Something that was mailed and not used, also when its time is over, until it is swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn proof(&self, issuer: IssuerId, id: MailProofId) -> Result<Option<MailProof>, StoreError>;

    /// Something that was mailed and used, without what was personal about it, until its time is over and it is swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spent_proof(&self, issuer: IssuerId, id: MailProofId) -> Result<Option<MailProof>, StoreError>;

    /// What was mailed last to a user of the issuer for a purpose and not used, also when its time is over, until it is
    /// swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn proof_of_user(
        &self,
        issuer: IssuerId,
        user: UserId,
        purpose: ProofPurpose,
    ) -> Result<Option<MailProof>, StoreError>;

    /// Those of these keys under which something failed in a row, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn failed_in_a_row(&self, issuer: IssuerId, among: &[TriesKey]) -> Result<Vec<TriesKey>, StoreError>;
}

/// Writes of logins.
#[async_trait]
pub trait LoginRepository: LoginReads {
    /// Adds a login.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert_flow(&mut self, flow: &SealedFlow) -> Result<(), StoreError>;

    /// Writes state, end and version, if the stored version still is `before`: of any number of attempts at one step one
    /// makes it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update_flow(&mut self, flow: &SealedFlow, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Ends a login, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_flow(
        &mut self,
        issuer: IssuerId,
        id: FlowId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Adds something that is mailed.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert_proof(&mut self, proof: &MailProof) -> Result<(), StoreError>;

    /// Spends it: of any number of attempts one does. What is left of it tells a second use, and nothing about anybody.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend_proof(&mut self, issuer: IssuerId, id: MailProofId) -> Result<WriteOutcome, StoreError>;

    /// Removes it unless it was used: another mail takes its place.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace_proof(&mut self, issuer: IssuerId, id: MailProofId) -> Result<WriteOutcome, StoreError>;

    /// Counts a wrong code, if no other was counted since `proof` was read.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn fail_proof(&mut self, proof: &MailProof) -> Result<WriteOutcome, StoreError>;

    /// Removes what was mailed to a user of the issuer and not used. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_proofs_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;

    /// What failed under a key, locked until the end of the unit of work; a count begins with it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock_tries(&mut self, issuer: IssuerId, key: TriesKey) -> Result<Tries, StoreError>;

    /// Writes a count that was locked, to be kept until `keep`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write_tries(
        &mut self,
        issuer: IssuerId,
        key: TriesKey,
        tries: Tries,
        keep: Timestamp,
    ) -> Result<(), StoreError>;

    /// Removes at most `limit` counts, and as many mailed proofs, of all issuers whose time is over, and as many logins whose
    /// time has been over for [`OVER_KEPT`](super::model::OVER_KEPT). Returns how many in all.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError>;
}
