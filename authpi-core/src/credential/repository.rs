//! What storage answers and does for API keys.

use async_trait::async_trait;

use super::model::{
    ApiKey, ApiKeyAccess, ApiKeyAuthentication, ApiKeyReadiness, EffectiveStatus, TakenUses, UseWindow,
};
use crate::error::StoreError;
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage, TimeAndId};
use crate::timestamp::Timestamp;

/// Which keys a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyFilter {
    /// In this status.
    pub status: Option<EffectiveStatus>,
    /// That may do this much.
    pub access: Option<ApiKeyAccess>,
    /// In this readiness.
    pub readiness: Option<ApiKeyReadiness>,
    /// With this text in name, id or a tag, in whatever case.
    pub text: Option<String>,
}

impl ApiKeyFilter {
    /// It shows every key.
    pub const fn is_empty(&self) -> bool {
        self.status.is_none() && self.access.is_none() && self.readiness.is_none() && self.text.is_none()
    }

    /// It shows `key` at `now`.
    pub fn shows(&self, key: &ApiKey, now: Timestamp) -> bool {
        self.status.is_none_or(|status| key.effective_status(now) == status)
            && self.access.is_none_or(|access| key.access() == access)
            && self.readiness.is_none_or(|readiness| key.readiness(now) == readiness)
            && self.text.as_deref().is_none_or(|text| mentions(key, &text.to_lowercase()))
    }
}

fn mentions(key: &ApiKey, lower: &str) -> bool {
    let in_text = |text: &str| text.to_lowercase().contains(lower);
    in_text(&key.details.name) || in_text(&key.id.to_string()) || key.details.tags.iter().any(|tag| in_text(tag))
}

/// Questions about API keys.
#[async_trait]
pub trait ApiKeyReads: Send + Sync {
    /// What deciding about a presented key needs. The one question without a tenant: the key is what tells the tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn authentication(&self, id: ApiKeyId) -> Result<Option<ApiKeyAuthentication>, StoreError>;

    /// One key of the account, whichever of its organizations it is or was of.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Keys of one organization, newest first. With a filter, which no index serves, at most 2,000 are examined.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        account: AccountId,
        organization: OrganizationId,
        filter: &ApiKeyFilter,
        page: &PageRequest<TimeAndId<ApiKeyId>>,
        now: Timestamp,
    ) -> Result<SearchPage<ApiKey, TimeAndId<ApiKeyId>>, StoreError>;

    /// At most `limit` keys of an organization that are in use, of those made at `made_until` or before, oldest first.
    /// Keys that have expired by then are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active(
        &self,
        account: AccountId,
        organization: OrganizationId,
        made_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError>;

    /// How many keys of an organization are in use at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_active(
        &self,
        account: AccountId,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// At most `limit` keys of all accounts that have expired by `now` without an event saying so, longest first, but
    /// not below the issuers `without`: work for the sweep.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expired_unannounced(
        &self,
        now: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError>;
}

/// Writes of API keys.
#[async_trait]
pub trait ApiKeyRepository: ApiKeyReads {
    /// Adds a new key. Its organization is locked, so that its removal does not pass by the key.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    /// Writes everything but identity and time of creation, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, key: &ApiKey, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Notes that the expiry of the key is announced, under its next version, if it has expired, was not announced
    /// before, and its stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn announce_expiry(
        &mut self,
        account: AccountId,
        id: ApiKeyId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Removes a key, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, account: AccountId, id: ApiKeyId, before: Timestamp)
    -> Result<WriteOutcome, StoreError>;

    /// Takes the next slice of a window of a key's limit; see [`UseCount::take`](super::model::UseCount::take). The count
    /// is locked until the end of the unit of work, which should be at once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn take_uses(
        &mut self,
        account: AccountId,
        id: ApiKeyId,
        window: &UseWindow,
        alert_use: u32,
    ) -> Result<TakenUses, StoreError>;

    /// Removes about `limit` counts of windows that are over, those that ended first. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_uses(&mut self, limit: u32) -> Result<u64, StoreError>;
}
