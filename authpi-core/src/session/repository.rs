//! What storage answers and does for sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::model::UserSession;
use crate::error::StoreError;
use crate::id::{ClientId, IssuerId, OrganizationId, SessionId, UserId};
use crate::outcome::WriteOutcome;
use crate::secret::SecretHash;
use crate::timestamp::Timestamp;

/// Ended sessions of one user that a list shows at most, the newest: the list has no pages.
pub const ENDED_LISTED: u32 = 200;

/// Which sessions of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsOf {
    /// All of them.
    Issuer,
    /// Of this user.
    User(UserId),
    /// Of clients, from this session at the issuer.
    Op(SessionId),
    /// Of this client.
    Client(ClientId),
    /// Whose tokens are selected to this organization.
    Organization(OrganizationId),
    /// Of clients, whose refresh token was signed with this key.
    SignedWith(Uuid),
}

/// Questions about sessions.
#[async_trait]
pub trait SessionReads: Send + Sync {
    /// One session of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: SessionId) -> Result<Option<UserSession>, StoreError>;

    /// A session at the issuer with the hash of the secret that its cookie carries; none without one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_op(&self, issuer: IssuerId, id: SessionId) -> Result<Option<(UserSession, SecretHash)>, StoreError>;

    /// Sessions of a user, newest first: all that nobody has ended, and the newest [`ENDED_LISTED`] of the others that
    /// ended at `since` or later.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, issuer: IssuerId, user: UserId, since: Timestamp) -> Result<Vec<UserSession>, StoreError>;

    /// At most `limit` sessions that nobody has ended, nor a sweep, oldest first: those behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn live(
        &self,
        issuer: IssuerId,
        of: SessionsOf,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError>;

    /// How many sessions nothing has ended by `now`, time included.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_unended(&self, issuer: IssuerId, of: SessionsOf, now: Timestamp) -> Result<u64, StoreError>;

    /// At most `limit` sessions of all issuers that time has ended by `now` and no sweep has noted, longest first, but
    /// not of `without`: work for the sweep.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lapsed(&self, now: Timestamp, without: &[IssuerId], limit: u32) -> Result<Vec<UserSession>, StoreError>;

    /// At most `limit` live sessions of all issuers but `without` whose user was deleted at `since` or later: work for the removal
    /// worker. Costs a look at everybody who was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_departed_users(
        &self,
        since: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError>;

    /// At most `limit` live sessions of all issuers but `without` whose client was deleted at `since` or later: work for the removal
    /// worker. Costs a look at every client that was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_departed_clients(
        &self,
        since: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError>;
}

/// Writes of sessions.
#[async_trait]
pub trait SessionRepository: SessionReads {
    /// Adds a new session; one at the issuer with what stands for the secret of its cookie, if it has one.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, session: &UserSession, secret: Option<&SecretHash>) -> Result<(), StoreError>;

    /// Writes everything but identity, kind and time of creation, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, session: &UserSession, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// [`SessionRepository::update`] of a session at the issuer, with another secret behind its cookie: the one before is
    /// worth nothing from here on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn renew(
        &mut self,
        session: &UserSession,
        before: Timestamp,
        secret: &SecretHash,
    ) -> Result<WriteOutcome, StoreError>;

    /// Notes that a live session was used at `at`, unless it was later. The version stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn touch(&mut self, issuer: IssuerId, id: SessionId, at: Timestamp) -> Result<(), StoreError>;

    /// Removes at most `limit` sessions of all issuers that ended before `at`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` sessions of a user. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError>;
}
