//! What storage answers and does for mail. A row is mail that waits: what was handed over or given up has none, and its
//! secrets are gone with it.

use async_trait::async_trait;
use uuid::Uuid;

use super::model::{Mail, Tally, Template};
use crate::error::StoreError;
use crate::id::{AccountId, InvitationId, IssuerId};
use crate::outcome::WriteOutcome;
use crate::timestamp::Timestamp;

/// What notices are counted by: which notice of an issuer, about which thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyKey {
    /// Whose it is.
    pub issuer_id: IssuerId,
    /// Which notice.
    pub template: Template,
    /// The key, the token.
    pub about: Uuid,
}

/// Questions about mail.
#[async_trait]
pub trait MailReads: Send + Sync {
    /// At most `limit` mails of all issuers that are due at `now`, the longest due first: work for the worker. What
    /// somebody holds a lease on is not due. Accounts that are busy already are passed over, however much waits for them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due(&self, now: Timestamp, limit: u32, busy: &[AccountId]) -> Result<Vec<Mail>, StoreError>;

    /// At most `limit` mails of all issuers that were made before `at`, whoever holds a lease: work for the worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn made_before(&self, at: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError>;
}

/// Writes of mail.
#[async_trait]
pub trait MailRepository: MailReads {
    /// Adds a mail.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn enqueue(&mut self, mail: &Mail) -> Result<(), StoreError>;

    /// Writes the lease of a mail, if the stored one still is that of `before`: takes it, or gives it back.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, mail: &Mail, before: &Mail) -> Result<WriteOutcome, StoreError>;

    /// Removes a mail, if the stored lease still is the one it says.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, mail: &Mail) -> Result<WriteOutcome, StoreError>;

    /// Removes all mail about an invitation, even what is being sent.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_invitation(&mut self, issuer: IssuerId, invitation: InvitationId) -> Result<(), StoreError>;

    /// The tally of a notice, locked until the end of the unit of work; an empty one when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock_tally(&mut self, key: &TallyKey) -> Result<Tally, StoreError>;

    /// Writes a tally that was locked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write_tally(&mut self, key: &TallyKey, tally: Tally) -> Result<(), StoreError>;

    /// Removes at most `limit` tallies that began before `at`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_tallies(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
