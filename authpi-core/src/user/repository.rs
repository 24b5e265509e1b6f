//! What storage answers and does for users.
//!
//! A user is a row in the directory, without personal data, and a record that holds all of it. Questions about one user
//! join them; lists answer from the directory alone. The version of both is the directory's.

use async_trait::async_trait;

use super::model::{DirectoryEntry, DirectoryStatus, User, UserStatus, UsernameHash};
use crate::error::StoreError;
use crate::id::{IssuerId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Page, PageRequest};
use crate::timestamp::Timestamp;

/// Users with one proven e-mail address that are looked at.
pub const ADDRESS_SHARED_BY: u64 = 100;

/// Which users a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// In this status; without one, all but the deleted.
    pub status: Option<DirectoryStatus>,
}

/// A user whose deletion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedUser {
    /// Where it lived.
    pub issuer_id: IssuerId,
    /// Its id.
    pub id: UserId,
}

/// What became of the update of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only a done update has changed something"]
pub enum UserUpdateOutcome {
    /// Both rows were changed.
    Done,
    /// The user is gone or has another version; nothing was changed.
    Stale,
    /// Another user has the username, deleted ones included; nothing was changed.
    UsernameTaken,
}

/// Questions about users.
#[async_trait]
pub trait UserReads: Send + Sync {
    /// There is such a user of the issuer, and its deletion was not accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn exists(&self, issuer: IssuerId, id: UserId) -> Result<bool, StoreError>;

    /// One user of the issuer; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user of the issuer with this username; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_username_hash(&self, issuer: IssuerId, hash: &UsernameHash) -> Result<Option<User>, StoreError>;

    /// The users of the issuer whom an e-mail address belongs to: first those who have proven it, the oldest first, then
    /// who has it as username. At most [`ADDRESS_SHARED_BY`] of the former: several may have proven one mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn with_address(&self, issuer: IssuerId, hash: &UsernameHash) -> Result<Vec<UserId>, StoreError>;

    /// The directory of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        filter: UserFilter,
        page: &PageRequest<UserId>,
    ) -> Result<Page<DirectoryEntry>, StoreError>;

    /// The directory of those who wait for an approval, the oldest sign-up first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn pending(&self, issuer: IssuerId, page: &PageRequest<UserId>) -> Result<Page<DirectoryEntry>, StoreError>;

    /// At most `limit` users of all issuers whose deletion was accepted before `at`, the longest deleted first: work for
    /// the purge.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleted_before(&self, at: Timestamp, limit: u32) -> Result<Vec<DeletedUser>, StoreError>;
}

/// Writes of users.
#[async_trait]
pub trait UserRepository: UserReads {
    /// Adds a new user, without a password. A username is taken until the user that had it was purged.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, user: &User) -> Result<InsertOutcome, StoreError>;

    /// Keeps others from changing a user, and from counting what it has, until the end of the unit of work; none once
    /// its deletion was accepted. Locked before what hangs on it: sessions, personal tokens.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, issuer: IssuerId, id: UserId) -> Result<Option<UserStatus>, StoreError>;

    /// Writes status, approval, username, details, metadata and version, if the stored version still is that of `before`. The unit
    /// of work stays usable whatever the outcome.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, user: &User, before: &User) -> Result<UserUpdateOutcome, StoreError>;

    /// Accepts the deletion, if the stored version still is `before`: the user is not found from here on, and its
    /// credentials and devices are gone. Directory entry and record stay until the purge.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: UserId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Notes a login. The version stays: it is no change of the user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn logged_in(&mut self, issuer: IssuerId, id: UserId) -> Result<(), StoreError>;

    /// Erases a user whose deletion was accepted: record, credentials and directory entry, which frees the username.
    /// Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, issuer: IssuerId, id: UserId) -> Result<(), StoreError>;
}
