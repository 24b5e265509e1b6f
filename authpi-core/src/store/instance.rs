//! The instance itself: its wrapped keys, and the mark that the first account was made.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{AccountId, IssuerId};
use crate::outcome::InsertOutcome;
use crate::secret::KeyTag;

/// What an instance key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceKeyPurpose {
    /// Hashes generated secrets.
    Pepper,
    /// Encrypts what must be used again.
    Seal,
}

impl InstanceKeyPurpose {
    /// The name in storage and in the context under which the vault wraps the key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Seal => "seal",
        }
    }
}

/// An instance key as it lies in the database.
#[derive(Clone, Debug)]
pub struct WrappedInstanceKey {
    /// Names the key in every value made with it; higher is newer.
    pub tag: KeyTag,
    /// What it is for.
    pub purpose: InstanceKeyPurpose,
    /// As the vault gave it.
    pub wrapped: Vec<u8>,
}

/// The platform of a bootstrapped instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The issuer whose organizations are the accounts.
    pub issuer_id: IssuerId,
    /// The first account, which manages it.
    pub account_id: AccountId,
}

/// Questions about the instance.
#[async_trait]
pub trait InstanceReads: Send + Sync {
    /// All instance keys, newest first within a purpose.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keys(&self) -> Result<Vec<WrappedInstanceKey>, StoreError>;

    /// The platform, once there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn platform(&self) -> Result<Option<Platform>, StoreError>;
}

/// Writes to the instance.
#[async_trait]
pub trait InstanceRepository: InstanceReads {
    /// Adds a key; `Taken` when its purpose and tag exist.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add_key(&mut self, key: &WrappedInstanceKey) -> Result<InsertOutcome, StoreError>;

    /// Marks the instance as bootstrapped, once for all time: `Taken` ever after, whatever is deleted later.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn found_platform(&mut self, platform: Platform) -> Result<InsertOutcome, StoreError>;
}
