//! What storage answers and does for signing keys.

use async_trait::async_trait;
use uuid::Uuid;

use super::model::SigningKey;
use crate::error::StoreError;
use crate::id::IssuerId;
use crate::timestamp::Timestamp;

/// What the published documents of an issuer are made from, in its smallest form: as long as this is the same, so are
/// they, save for the passing of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedVersion {
    /// Version of the issuer.
    pub issuer_updated_at: Timestamp,
    /// The newest generation of its keys; none before the first.
    pub newest_generation: Option<u32>,
}

/// An issuer that has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The issuer.
    pub issuer_id: IssuerId,
    /// When the newest of its keys were made.
    pub newest_created_at: Timestamp,
}

/// What became of new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only `Added` has added the keys"]
pub enum AddOutcome {
    /// They are in.
    Added,
    /// Somebody made this generation, or a newer one; nothing was added.
    Taken,
    /// There is no such issuer, or its deletion was accepted; nothing was added.
    NoIssuer,
}

/// A key in wrong hands, whose sessions have yet to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostKey {
    /// The issuer that signed with it.
    pub issuer_id: IssuerId,
    /// Its name.
    pub kid: Uuid,
}

/// Questions about signing keys.
#[async_trait]
pub trait SigningKeyReads: Send + Sync {
    /// The version of what the issuer publishes; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn version(&self, issuer: IssuerId) -> Result<Option<PublishedVersion>, StoreError>;

    /// The newest keys of the issuer, at most `limit`, those in wrong hands too: by generation from the newest, then by
    /// algorithm.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn newest(&self, issuer: IssuerId, limit: u32) -> Result<Vec<SigningKey>, StoreError>;

    /// A key of the issuer, published or retired, but none in wrong hands: old logout hints and personal tokens are checked against those, for
    /// as long as they are [`KEPT`](super::model::KEPT).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, kid: Uuid) -> Result<Option<SigningKey>, StoreError>;

    /// At most `limit` issuers that have keys, in the order of their ids, behind `after`: work for the rotation sweep.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn holders(&self, after: Option<IssuerId>, limit: u32) -> Result<Vec<KeyHolder>, StoreError>;

    /// At most `limit` keys of all issuers that were withdrawn and whose sessions have yet to end, first withdrawn first:
    /// work for the worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lost(&self, limit: u32) -> Result<Vec<LostKey>, StoreError>;
}

/// Writes of signing keys.
#[async_trait]
pub trait SigningKeyRepository: SigningKeyReads {
    /// Adds keys of one generation that were made together, unless the issuer has that generation or a newer one. The
    /// issuer is locked until the end of the unit of work, so that of several processes one makes a generation.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add(&mut self, issuer: IssuerId, generation: u32, keys: &[SigningKey]) -> Result<AddOutcome, StoreError>;

    /// Withdraws a key of the issuer that is in wrong hands: its private half is erased, nothing that it has signed is
    /// believed any more, and the end of the sessions that it has signed is ordered. Waits for those that
    /// [hold](Self::hold) it. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn withdraw(&mut self, issuer: IssuerId, kid: Uuid) -> Result<bool, StoreError>;

    /// Keeps a key of the issuer from being withdrawn until the end of the unit of work, beside others who do the same.
    /// Returns whether it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hold(&mut self, issuer: IssuerId, kid: Uuid) -> Result<bool, StoreError>;

    /// Drops the order that [`Self::withdraw`] has given: every session that the key signed has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn finish_withdrawal(&mut self, lost: LostKey) -> Result<(), StoreError>;

    /// Removes the keys of the issuer that a newer one of their algorithm had taken over from at `before`. Returns how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_succeeded(&mut self, issuer: IssuerId, before: Timestamp) -> Result<u64, StoreError>;
}
