//! The record of an idempotent request: claimed and completed inside the unit of work of its change, so that a crash
//! leaves none (conventions §10).

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::AccountId;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// A completed request.
#[derive(Clone, Debug)]
pub struct IdempotencyRecord {
    /// Keyed hash of caller, method, path, query and body.
    pub fingerprint: [u8; 32],
    /// The whole answer, sealed: it may hold a secret that is shown once.
    pub answer: Sealed,
}

/// What became of an attempt to claim a key.
#[derive(Clone, Debug)]
#[must_use = "only a fresh claim allows the change"]
pub enum Claim {
    /// The key is ours; complete it before the commit.
    Fresh,
    /// A request with this key has completed.
    Completed(IdempotencyRecord),
    /// A request with this key is running in another process, for longer than one waits.
    Running,
}

/// Records of idempotent requests.
#[async_trait]
pub trait IdempotencyReads: Send + Sync {
    /// The record of a completed request, if it has not expired by `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        account: AccountId,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
}

/// Claims and completes them.
#[async_trait]
pub trait IdempotencyRepository: Send + Sync {
    /// Claims `key` (a keyed hash of the caller's key) until `expires_at`; a record that has expired counts as none.
    /// A claim that another process holds is waited for, at most 2 s.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim(&mut self, account: AccountId, key: &[u8; 32], expires_at: Timestamp) -> Result<Claim, StoreError>;

    /// Completes a claim of this unit of work.
    ///
    /// # Errors
    /// [`StoreError`], `Bug` when the key was not claimed.
    async fn complete(
        &mut self,
        account: AccountId,
        key: &[u8; 32],
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError>;

    /// Gives a claim of this unit of work back, for an answer that is not kept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(&mut self, account: AccountId, key: &[u8; 32]) -> Result<(), StoreError>;

    /// Removes at most `limit` records that have expired by now. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, limit: u32) -> Result<u64, StoreError>;
}
