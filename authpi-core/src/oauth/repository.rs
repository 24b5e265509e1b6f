//! What storage answers and does for authorization codes, grants, consents and what must not be used again.

use async_trait::async_trait;
use uuid::Uuid;

use super::model::{AuthorizationCode, Consent, Grant, OnceKey, Rotation};
use crate::error::StoreError;
use crate::id::{ClientId, IssuerId, SessionId, UserId};
use crate::outcome::{InsertOutcome, SpendOutcome};
use crate::timestamp::Timestamp;

/// Consents of one user that are listed at most, the newest.
pub const CONSENTS_LISTED: u32 = 200;

/// Whose consents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentsOf {
    /// Given by this user.
    User(UserId),
    /// Given to this client.
    Client(ClientId),
}

/// Questions about what was granted.
#[async_trait]
pub trait GrantReads: Send + Sync {
    /// An authorization code, spent or not, until it is swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn code(&self, issuer: IssuerId, hash: &[u8; 32]) -> Result<Option<AuthorizationCode>, StoreError>;

    /// What the session of a client was granted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn grant(&self, issuer: IssuerId, session: SessionId) -> Result<Option<Grant>, StoreError>;

    /// The access token was revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_denied(&self, issuer: IssuerId, token: OnceKey) -> Result<bool, StoreError>;

    /// What a user has agreed that a client may get.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn consent(&self, issuer: IssuerId, user: UserId, client: ClientId) -> Result<Option<Consent>, StoreError>;

    /// The consents of a user, newest first, at most [`CONSENTS_LISTED`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn consents(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Consent>, StoreError>;
}

/// Writes of what was granted.
#[async_trait]
pub trait GrantRepository: GrantReads {
    /// Adds an authorization code.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when it exists.
    async fn insert_code(&mut self, code: &AuthorizationCode) -> Result<(), StoreError>;

    /// Notes that a code was presented, unless it was before.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend_code(&mut self, code: &AuthorizationCode) -> Result<SpendOutcome, StoreError>;

    /// Adds what the session of a client is granted.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when it has a grant.
    async fn insert_grant(&mut self, grant: &Grant) -> Result<(), StoreError>;

    /// Sets the first refresh token of a grant: its `jti`, and the key that has signed it. `SpentBefore` when it has one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_refreshing(
        &mut self,
        issuer: IssuerId,
        session: SessionId,
        token: (&str, Uuid),
    ) -> Result<SpendOutcome, StoreError>;

    /// Replaces the current refresh token, if it still is the one that was presented.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rotate(
        &mut self,
        issuer: IssuerId,
        session: SessionId,
        rotation: &Rotation,
    ) -> Result<SpendOutcome, StoreError>;

    /// Has an access token refused until its time is over.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deny(&mut self, issuer: IssuerId, token: OnceKey, until: Timestamp) -> Result<(), StoreError>;

    /// Notes the use of what is good once, an assertion of a client or a parked form, until its time is over; `Taken`
    /// when it was used before.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn use_once(&mut self, issuer: IssuerId, key: OnceKey, until: Timestamp)
    -> Result<InsertOutcome, StoreError>;

    /// Writes a consent, in the place of the one that there is. The caller has locked the user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write_consent(&mut self, consent: &Consent) -> Result<(), StoreError>;

    /// Removes a consent. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_consent(&mut self, issuer: IssuerId, user: UserId, client: ClientId) -> Result<bool, StoreError>;

    /// Removes at most `limit` consents of a user or to a client. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_consents_of(&mut self, issuer: IssuerId, of: ConsentsOf, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` rows of each kind whose time is over, of all issuers, and erases answers that are not given
    /// again. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError>;
}
