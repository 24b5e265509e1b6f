//! What storage answers and does for webhooks and deliveries.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::model::{Delivery, DeliveryStatus, Webhook, WebhookStatus};
use crate::error::StoreError;
use crate::event::catalogue::EventType;
use crate::id::{AccountId, DeliveryId, WebhookId};
use crate::outcome::WriteOutcome;
use crate::page::{Page, PageRequest, TimeAndId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;
use crate::words::words;

/// `status` of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// In this status.
    Is(WebhookStatus),
    /// Deleted less than 30 days ago.
    Deleted,
}

words!(StatusFilter: "active" => Self::Is(WebhookStatus::Active), "disabled" => Self::Is(WebhookStatus::Disabled), "failing" => Self::Is(WebhookStatus::Failing), "deleted" => Self::Deleted);

/// An entry of a list: a webhook, or what is left of a deleted one.
#[derive(Clone, Debug)]
pub struct WebhookListing {
    /// The webhook; a deleted one has no secrets.
    pub webhook: Webhook,
    /// It is deleted.
    pub deleted: bool,
}

/// Which deliveries a list shows; all conditions hold together.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    /// In this status.
    pub status: Option<DeliveryStatus>,
    /// Of an event of this type.
    pub event_type: Option<EventType>,
    /// Made later than this, exclusive.
    pub after: Option<Timestamp>,
    /// Made earlier than this, exclusive.
    pub before: Option<Timestamp>,
}

words!(DeliveryStatus: "pending" => Self::Pending, "retrying" => Self::Retrying, "delivered" => Self::Delivered, "failed" => Self::Failed, "cancelled" => Self::Cancelled);

/// Which failed deliveries are to be tried anew.
#[derive(Clone, Debug, Default)]
pub struct Requeue {
    /// Of events of these types; empty means any.
    pub event_types: Vec<EventType>,
    /// Made later than this, exclusive.
    pub after: Option<Timestamp>,
    /// Made earlier than this, exclusive.
    pub before: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: u32,
    /// Attempts that each has from then on.
    pub budget: u32,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requeued {
    /// Are due again.
    pub queued: u64,
    /// Are not, as their event is no longer kept.
    pub skipped: u64,
}

/// Webhooks of several accounts.
#[derive(Clone, Debug, Default)]
pub struct WebhooksFound {
    /// Those that can be read, in the order of their ids.
    pub webhooks: Vec<Webhook>,
    /// Accounts with one that cannot: damaged, or written by a later version.
    pub unreadable: BTreeSet<AccountId>,
}

/// Questions about webhooks.
#[async_trait]
pub trait WebhookReads: Send + Sync {
    /// One webhook of the account; none once it is deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// Webhooks of the account, newest first. Without a status filter deleted ones are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        account: AccountId,
        status: Option<StatusFilter>,
        page: &PageRequest<WebhookId>,
    ) -> Result<Page<WebhookListing>, StoreError>;

    /// The webhooks of these accounts, deleted ones left out; an account has few.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_accounts(&self, accounts: &[AccountId]) -> Result<WebhooksFound, StoreError>;

    /// How many webhooks of all accounts have an open circuit.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_failing(&self) -> Result<u64, StoreError>;

    /// Since when deliveries to a webhook are due, or will be, that nobody has reserved: of all webhooks the one that comes
    /// first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due_since(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many webhooks the account has, deleted ones left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count(&self, account: AccountId) -> Result<u64, StoreError>;

    /// One delivery to the webhook.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Deliveries to the webhook, newest first: by time, then by id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        filter: &DeliveryFilter,
        page: &PageRequest<TimeAndId<DeliveryId>>,
    ) -> Result<Page<Delivery>, StoreError>;
}

/// Writes of webhooks.
#[async_trait]
pub trait WebhookRepository: WebhookReads {
    /// Adds a new webhook.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Writes everything but the circuit, and the version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, webhook: &Webhook, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Writes the circuit alone, which no version tells of, if the stored version still is the webhook's.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_circuit(&mut self, webhook: &Webhook) -> Result<WriteOutcome, StoreError>;

    /// Deletes the webhook, if the stored version still is `before`: it is not found from here on, its secrets are
    /// erased, and its deliveries wait to be cancelled.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(
        &mut self,
        account: AccountId,
        id: WebhookId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Makes failed deliveries to the webhook due, with a new budget.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn requeue(
        &mut self,
        account: AccountId,
        webhook: WebhookId,
        which: &Requeue,
    ) -> Result<Requeued, StoreError>;

    /// Makes all deliveries that wait for a later time due now: at most `limit` of them here, the earliest first, what
    /// is left by [`WebhookRepository::hasten_on`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hasten(&mut self, account: AccountId, webhook: WebhookId, limit: u32) -> Result<(), StoreError>;

    /// Erases previous signing secrets whose time is over, of at most `limit` webhooks of any account. Returns how many. The
    /// version stays: nobody sees a difference.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase_previous_secrets(&mut self, limit: u32) -> Result<u64, StoreError>;

    /// Goes on where [`WebhookRepository::hasten`] has stopped, with at most `limit` deliveries of any account, save those that
    /// have been attempted since then. Returns how many it has looked after: zero when nothing is left.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hasten_on(&mut self, limit: u32) -> Result<u64, StoreError>;

    /// Cancels at most `limit` deliveries to deleted webhooks of all accounts. Returns how many; `None` when nothing is
    /// left to be looked after.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cancel_orphans(&mut self, limit: u32) -> Result<Option<u64>, StoreError>;

    /// Removes at most `limit` deliveries of all accounts that were made before `older_than`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_deliveries(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` webhooks of all accounts, or deliveries to them, that were deleted before `older_than`.
    /// Returns how many rows.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_deleted(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Deletes all webhooks of an account that is being closed, which erases their secrets; they are few. Returns how
    /// many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete_of_account(&mut self, account: AccountId) -> Result<u64, StoreError>;

    /// Removes at most `limit` rows of an account that is closed: deliveries, then webhooks. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_account(&mut self, account: AccountId, limit: u32) -> Result<u64, StoreError>;
}

/// What waits for a webhook.
#[derive(Debug, Default)]
pub struct Due {
    /// What is due, the earliest first, then in the order of its events.
    pub deliveries: Vec<Delivery>,
    /// When the first delivery behind those is due, or was.
    pub next: Option<Timestamp>,
}

/// The queue of deliveries of all accounts, as those who send them see it. A webhook is looked at when it is awake; looking
/// at it keeps others from it until the unit of work ends.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Adds deliveries, save those of an event that the webhook has one of already, and wakes their webhooks when the first
    /// one of each is due.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn enqueue(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError>;

    /// These webhooks are looked at from `at` on, if not earlier.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn wake(&mut self, webhooks: &[WebhookId], at: Timestamp) -> Result<(), StoreError>;

    /// At most `limit` webhooks that are to be looked at, those first that have waited longest, `busy` ones left out.
    /// What another unit looks at is left out where the database can tell, and waited for where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn awake(&mut self, busy: &[WebhookId], limit: u32) -> Result<Vec<Webhook>, StoreError>;

    /// Each of these webhooks is not looked at before the time given with it, unless somebody wakes it; never without.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rest(&mut self, webhooks: &[(&Webhook, Option<Timestamp>)]) -> Result<(), StoreError>;

    /// Keeps others from these webhooks until the unit ends; those of them that are not deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, webhooks: &[WebhookId]) -> Result<WebhooksFound, StoreError>;

    /// What is due of each of these webhooks, which this unit keeps from others, in their order: at most as many deliveries
    /// as the number given with it. No webhook stands twice.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due(&mut self, webhooks: &[(&Webhook, u32)]) -> Result<Vec<Due>, StoreError>;

    /// Writes how far deliveries have come, each if its stored version still is the one given with it. Returns how many
    /// were not written, as somebody was faster.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write(&mut self, deliveries: &[(Delivery, Timestamp)]) -> Result<u64, StoreError>;

    /// Keeps the body of a delivery that has none, so that further attempts send the same bytes, if the stored version still
    /// is the delivery's.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep_body(&mut self, delivery: &Delivery, body: &Sealed) -> Result<WriteOutcome, StoreError>;

    /// Gives up at most `limit` deliveries that were enqueued before `enqueued_before`, to one of these webhooks or, without any,
    /// to one that is disabled or failing. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expire(
        &mut self,
        of: Option<&[WebhookId]>,
        enqueued_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError>;
}
