//! The storage contract: committed state to read, and units of work that change all or nothing.
//!
//! Storage implements [`Store`]; the suite in `contract` is the definition of correct. Questions never change anything; verbs
//! repeat the state they depend on in their condition and report what happened. A unit of work that is dropped leaves
//! nothing behind.

mod buffer;
mod change;
#[cfg(feature = "contract")]
pub mod contract;

use std::sync::Arc;

use async_trait::async_trait;

pub use buffer::EventBuffer;
pub use change::{Change, ChangeContext};

use crate::account::repository::{AccountReads, AccountRepository};
use crate::agent::repository::{AgentReads, AgentRepository};
use crate::billing::repository::{BillingReads, BillingRepository};
use crate::client::repository::{ClientReads, ClientRepository};
use crate::connection::repository::{ConnectionReads, ConnectionRepository};
use crate::credential::repository::{ApiKeyReads, ApiKeyRepository};
use crate::delegation::repository::{DelegationReads, DelegationRepository};
use crate::device::repository::{DeviceReads, DeviceRepository};
use crate::domain::repository::{DomainReads, DomainRepository};
pub use crate::error::{StoreError, StoreErrorKind};
use crate::event::catalogue::EventType;
use crate::event::model::Event;
use crate::event::repository::{EventReads, EventRepository};
use crate::group::repository::{GroupReads, GroupRepository};
use crate::invitation::repository::{InvitationReads, InvitationRepository};
use crate::issuer::repository::{IssuerReads, IssuerRepository};
use crate::key::repository::{SigningKeyReads, SigningKeyRepository};
use crate::login::repository::{LoginReads, LoginRepository};
use crate::logout::repository::{LogoutReads, LogoutRepository};
use crate::mail::repository::{MailReads, MailRepository};
use crate::membership::repository::{MembershipReads, MembershipRepository};
use crate::note::repository::{NoteReads, NoteRepository};
use crate::oauth::repository::{GrantReads, GrantRepository};
use crate::organization::repository::{OrganizationReads, OrganizationRepository};
use crate::session::repository::{SessionReads, SessionRepository};
use crate::timestamp::Timestamp;
use crate::token::repository::{PersonalTokenReads, PersonalTokenRepository};
use crate::user::repository::{UserReads, UserRepository};
use crate::verifier::repository::{VerifierReads, VerifierRepository};
use crate::webhook::repository::{DeliveryQueue, WebhookReads, WebhookRepository};

mod idempotency;
mod instance;

pub use idempotency::{Claim, IdempotencyReads, IdempotencyRecord, IdempotencyRepository};
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
    /// Mail on its way: what is to be sent, to whom, and how often it was tried.
    fn mails(&self) -> &dyn MailReads;
    /// Notes of the account team on resources.
    fn notes(&self) -> &dyn NoteReads;
    /// Sessions of users: the single-sign-on session and the sessions of clients.
    fn sessions(&self) -> &dyn SessionReads;
    /// Clients that are to be told of ended sessions.
    fn logouts(&self) -> &dyn LogoutReads;
    /// Records that a user lets an agent act for them.
    fn delegations(&self) -> &dyn DelegationReads;
    /// Personal tokens of users.
    fn personal_tokens(&self) -> &dyn PersonalTokenReads;
    /// Groups of an organization, which also carry out roles.
    fn groups(&self) -> &dyn GroupReads;
    /// Invitations into organizations.
    fn invitations(&self) -> &dyn InvitationReads;
    /// Logins under way, what was mailed for them, and what was presented in vain.
    fn logins(&self) -> &dyn LoginReads;
    /// Single sign-on of organizations: the connection and its domains.
    fn connections(&self) -> &dyn ConnectionReads;
    /// Agents and what they prove themselves with.
    fn agents(&self) -> &dyn AgentReads;
    /// What users prove themselves with.
    fn verifiers(&self) -> &dyn VerifierReads;
    /// Devices that users sign in from.
    fn devices(&self) -> &dyn DeviceReads;
    /// What was granted to clients.
    fn grants(&self) -> &dyn GrantReads;
    /// Webhooks and their deliveries.
    fn webhooks(&self) -> &dyn WebhookReads;
    /// Usage, credit and payment methods.
    fn billing(&self) -> &dyn BillingReads;
    /// Domains of accounts.
    fn domains(&self) -> &dyn DomainReads;
    /// The event trail.
    fn events(&self) -> &dyn EventReads;
    /// Records of idempotent requests.
    fn idempotency(&self) -> &dyn IdempotencyReads;
}

/// Is told of the events that this process commits.
pub trait EventListener: Send + Sync {
    /// Events of this type wait for [`Consumer::Hooks`](crate::event::repository::Consumer::Hooks) from their commit on.
    fn wants(&self, kind: EventType) -> bool;

    /// Events were committed. A courtesy that makes workers quicker: they look for events at intervals all the same.
    fn committed(&self);
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

    /// Tells `listener` of events from here on; a store has one.
    fn on_events(&self, listener: Arc<dyn EventListener>);

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
    /// Mail on its way: what is to be sent, to whom, and how often it was tried.
    fn mails(&mut self) -> &mut dyn MailRepository;
    /// Notes of the account team on resources.
    fn notes(&mut self) -> &mut dyn NoteRepository;
    /// Sessions of users: the single-sign-on session and the sessions of clients.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// Clients that are to be told of ended sessions.
    fn logouts(&mut self) -> &mut dyn LogoutRepository;
    /// Records that a user lets an agent act for them.
    fn delegations(&mut self) -> &mut dyn DelegationRepository;
    /// Personal tokens of users.
    fn personal_tokens(&mut self) -> &mut dyn PersonalTokenRepository;
    /// Groups of an organization, which also carry out roles.
    fn groups(&mut self) -> &mut dyn GroupRepository;
    /// Invitations into organizations.
    fn invitations(&mut self) -> &mut dyn InvitationRepository;
    /// Logins under way, what was mailed for them, and what was presented in vain.
    fn logins(&mut self) -> &mut dyn LoginRepository;
    /// Single sign-on of organizations: the connection and its domains.
    fn connections(&mut self) -> &mut dyn ConnectionRepository;
    /// Agents and what they prove themselves with.
    fn agents(&mut self) -> &mut dyn AgentRepository;
    /// What users prove themselves with.
    fn verifiers(&mut self) -> &mut dyn VerifierRepository;
    /// Devices that users sign in from.
    fn devices(&mut self) -> &mut dyn DeviceRepository;
    /// What was granted to clients.
    fn grants(&mut self) -> &mut dyn GrantRepository;
    /// Webhooks and their deliveries.
    fn webhooks(&mut self) -> &mut dyn WebhookRepository;
    /// The queue of deliveries.
    fn deliveries(&mut self) -> &mut dyn DeliveryQueue;
    /// Usage, credit and payment methods.
    fn billing(&mut self) -> &mut dyn BillingRepository;
    /// Domains of accounts.
    fn domains(&mut self) -> &mut dyn DomainRepository;
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
