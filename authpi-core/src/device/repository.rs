//! What storage answers and does for devices.
//!
//! Limits over the devices of a user hold because whoever adds one locks the user first.

use async_trait::async_trait;

use super::model::Device;
use crate::error::StoreError;
use crate::id::{DeviceId, IssuerId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::timestamp::Timestamp;

/// Questions about devices.
#[async_trait]
pub trait DeviceReads: Send + Sync {
    /// One device of a user of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, user: UserId, id: DeviceId) -> Result<Option<Device>, StoreError>;

    /// All devices of a user of the issuer, newest record first; also those whose time is over, until they are swept.
    /// Their number is limited.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_user(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Device>, StoreError>;

    /// How many devices a user of the issuer has.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;
}

/// Writes of devices.
#[async_trait]
pub trait DeviceRepository: DeviceReads {
    /// Adds a device, unless the user has one with its fingerprint.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, device: &Device) -> Result<InsertOutcome, StoreError>;

    /// Writes what may change, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, device: &Device, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a device, if the stored version still is that of `device`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, device: &Device) -> Result<WriteOutcome, StoreError>;

    /// Removes all devices of a user of the issuer. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;

    /// Removes at most `limit` devices of all issuers of which nothing is remembered any more. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError>;
}
