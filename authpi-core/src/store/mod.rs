//! The storage contract: committed state to read, and units of work that change all or nothing.
//!
//! Storage implements [`Store`]; the suite in `contract` is the definition of correct. Questions never change anything; verbs
//! repeat the state they depend on in their condition and report what happened. A unit of work that is dropped leaves
//! nothing behind.

mod buffer;
mod change;
#[cfg(feature = "contract")]
pub mod contract;

use async_trait::async_trait;

pub use buffer::EventBuffer;
pub use change::{Change, ChangeContext};

use crate::account::repository::{AccountReads, AccountRepository};
use crate::client::repository::{ClientReads, ClientRepository};
use crate::credential::repository::{ApiKeyReads, ApiKeyRepository};
pub use crate::error::{StoreError, StoreErrorKind};
use crate::event::model::Event;
use crate::event::repository::{EventReads, EventRepository};
use crate::issuer::repository::{IssuerReads, IssuerRepository};
use crate::key::repository::{SigningKeyReads, SigningKeyRepository};
use crate::membership::repository::{MembershipReads, MembershipRepository};
use crate::organization::repository::{OrganizationReads, OrganizationRepository};
use crate::timestamp::Timestamp;
use crate::user::repository::{UserReads, UserRepository};

mod idempotency;
mod instance;

pub use idempotency::{Claim, IdempotencyRecord, IdempotencyRepository};
pub use instance::{InstanceKeyPurpose, InstanceReads, InstanceRepository, Platform, WrappedInstanceKey};

/// Questions about committed state, or about the state inside a unit of work.
pub trait Reads: Send + Sync {
    /// The instance itself: its keys, whether it was bootstrapped.
    fn instance(&self) -> &dyn InstanceReads;
    /// Accounts.
    fn accounts(&self) -> &dyn AccountReads;
    /// Issuers and their login methods.
    fn issuers(&self) -> &dyn IssuerReads;
    /// Signing keys.
    fn signing_keys(&self) -> &dyn SigningKeyReads;
    /// Clients.
    fn clients(&self) -> &dyn ClientReads;
    /// Organizations.
    fn organizations(&self) -> &dyn OrganizationReads;
    /// Users: directory and records.
    fn users(&self) -> &dyn UserReads;
    /// Memberships.
    fn memberships(&self) -> &dyn MembershipReads;
    /// API keys.
    fn api_keys(&self) -> &dyn ApiKeyReads;
    /// The event trail.
    fn events(&self) -> &dyn EventReads;
}

/// Where everything is kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// Committed state; each question may see newer state than the last one.
    fn reads(&self) -> &dyn Reads;

    /// Opens a unit of work. All rows it writes carry `now`.
    ///
    /// # Errors
    /// [`StoreError`], `Unavailable` when no connection is to be had in time.
    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Adds events that depend on no earlier state, durable when this returns; one that is in already is left alone.
    /// Callers share commits, and what is refused to one is not refused to another.
    ///
    /// # Errors
    /// [`StoreError`]; then none of `events` is in, save where the connection broke during the commit itself.
    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError>;

    /// The database answers.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn ping(&self) -> Result<(), StoreError>;
}

/// One transaction. Dropping it undoes everything; committing consumes it.
#[async_trait]
pub trait UnitOfWork: Send + Sync {
    /// The time that all rows of this unit carry.
    fn now(&self) -> Timestamp;
    /// The same questions as outside, answered inside the transaction.
    fn reads(&self) -> &dyn Reads;
    /// The instance itself.
    fn instance(&mut self) -> &mut dyn InstanceRepository;
    /// Accounts.
    fn accounts(&mut self) -> &mut dyn AccountRepository;
    /// Issuers and their login methods.
    fn issuers(&mut self) -> &mut dyn IssuerRepository;
    /// Signing keys.
    fn signing_keys(&mut self) -> &mut dyn SigningKeyRepository;
    /// Clients.
    fn clients(&mut self) -> &mut dyn ClientRepository;
    /// Organizations.
    fn organizations(&mut self) -> &mut dyn OrganizationRepository;
    /// Users: directory and records.
    fn users(&mut self) -> &mut dyn UserRepository;
    /// Memberships.
    fn memberships(&mut self) -> &mut dyn MembershipRepository;
    /// API keys.
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository;
    /// The event trail.
    fn events(&mut self) -> &mut dyn EventRepository;
    /// Records of idempotent requests.
    fn idempotency(&mut self) -> &mut dyn IdempotencyRepository;

    /// Makes all of it durable and visible.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was written, save where the connection broke during the commit itself.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
