//! What storage answers and does for clients that are to be told of ended sessions. A row is a client that was not told
//! yet.

use async_trait::async_trait;

use super::model::LogoutNotice;
use crate::error::StoreError;
use crate::id::ClientId;
use crate::outcome::WriteOutcome;
use crate::timestamp::Timestamp;

/// Questions about clients that are to be told.
#[async_trait]
pub trait LogoutReads: Send + Sync {
    /// At most `limit` notices of all issuers that are due at `now`, the longest due first: work for the worker. What
    /// somebody holds a lease on is not due. Clients that are busy already are passed over, however much waits for them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due(&self, now: Timestamp, limit: u32, busy: &[ClientId]) -> Result<Vec<LogoutNotice>, StoreError>;
}

/// Writes of clients that are to be told.
#[async_trait]
pub trait LogoutRepository: LogoutReads {
    /// Adds a notice.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the session has one.
    async fn enqueue(&mut self, notice: &LogoutNotice) -> Result<(), StoreError>;

    /// Writes the lease of a notice, if the stored one still is that of `before`: takes it, or gives it back.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, notice: &LogoutNotice, before: &LogoutNotice) -> Result<WriteOutcome, StoreError>;

    /// Removes a notice, if the stored lease still is the one it says.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, notice: &LogoutNotice) -> Result<WriteOutcome, StoreError>;

    /// Removes at most `limit` notices of all issuers that were made before `at`, whoever holds a lease. Returns how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
