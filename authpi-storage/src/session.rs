//! One type answers all questions, over a pool or over a transaction, and does all verbs over a transaction.

use async_trait::async_trait;
use authpi_core::account::repository::{AccountReads, AccountRepository};
use authpi_core::agent::repository::{AgentReads, AgentRepository};
use authpi_core::billing::repository::{BillingReads, BillingRepository};
use authpi_core::client::repository::{ClientReads, ClientRepository};
use authpi_core::connection::repository::{ConnectionReads, ConnectionRepository};
use authpi_core::credential::repository::{ApiKeyReads, ApiKeyRepository};
use authpi_core::delegation::repository::{DelegationReads, DelegationRepository};
use authpi_core::device::repository::{DeviceReads, DeviceRepository};
use authpi_core::domain::repository::{DomainReads, DomainRepository};
use authpi_core::event::repository::{EventReads, EventRepository};
use authpi_core::group::repository::{GroupReads, GroupRepository};
use authpi_core::invitation::repository::{InvitationReads, InvitationRepository};
use authpi_core::issuer::repository::{IssuerReads, IssuerRepository};
use authpi_core::key::repository::{SigningKeyReads, SigningKeyRepository};
use authpi_core::login::repository::{LoginReads, LoginRepository};
use authpi_core::logout::repository::{LogoutReads, LogoutRepository};
use authpi_core::mail::repository::{MailReads, MailRepository};
use authpi_core::membership::repository::{MembershipReads, MembershipRepository};
use authpi_core::note::repository::{NoteReads, NoteRepository};
use authpi_core::oauth::repository::{GrantReads, GrantRepository};
use authpi_core::organization::repository::{OrganizationReads, OrganizationRepository};
use authpi_core::session::repository::{SessionReads, SessionRepository};
use authpi_core::store::{
    IdempotencyReads, IdempotencyRepository, InstanceReads, InstanceRepository, Reads, StoreError, UnitOfWork,
};
use authpi_core::timestamp::Timestamp;
use authpi_core::token::repository::{PersonalTokenReads, PersonalTokenRepository};
use authpi_core::user::repository::{UserReads, UserRepository};
use authpi_core::verifier::repository::{VerifierReads, VerifierRepository};
use authpi_core::webhook::repository::{DeliveryQueue, WebhookReads, WebhookRepository};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::error::failed;
use crate::news::News;

/// A pool or a transaction that answers questions.
pub(crate) struct Session<C> {
    pub(crate) connection: C,
    /// Where questions go that may take long, so that no others wait for them; `None`: to `connection`, too.
    pub(crate) patient: Option<C>,
    pub(crate) now: Timestamp,
    pub(crate) news: News,
}

impl<C> Session<C> {
    /// For questions that may take long.
    pub(crate) fn patient(&self) -> &C {
        self.patient.as_ref().unwrap_or(&self.connection)
    }
}

impl<C: ConnectionTrait + Send + Sync + 'static> Reads for Session<C> {
    fn instance(&self) -> &dyn InstanceReads {
        self
    }

    fn accounts(&self) -> &dyn AccountReads {
        self
    }

    fn issuers(&self) -> &dyn IssuerReads {
        self
    }

    fn signing_keys(&self) -> &dyn SigningKeyReads {
        self
    }

    fn clients(&self) -> &dyn ClientReads {
        self
    }

    fn organizations(&self) -> &dyn OrganizationReads {
        self
    }

    fn users(&self) -> &dyn UserReads {
        self
    }

    fn memberships(&self) -> &dyn MembershipReads {
        self
    }

    fn api_keys(&self) -> &dyn ApiKeyReads {
        self
    }

    fn mails(&self) -> &dyn MailReads {
        self
    }

    fn notes(&self) -> &dyn NoteReads {
        self
    }

    fn sessions(&self) -> &dyn SessionReads {
        self
    }

    fn logouts(&self) -> &dyn LogoutReads {
        self
    }

    fn delegations(&self) -> &dyn DelegationReads {
        self
    }

    fn personal_tokens(&self) -> &dyn PersonalTokenReads {
        self
    }

    fn groups(&self) -> &dyn GroupReads {
        self
    }

    fn invitations(&self) -> &dyn InvitationReads {
        self
    }

    fn logins(&self) -> &dyn LoginReads {
        self
    }

    fn connections(&self) -> &dyn ConnectionReads {
        self
    }

    fn agents(&self) -> &dyn AgentReads {
        self
    }

    fn verifiers(&self) -> &dyn VerifierReads {
        self
    }

    fn devices(&self) -> &dyn DeviceReads {
        self
    }

    fn grants(&self) -> &dyn GrantReads {
        self
    }

    fn webhooks(&self) -> &dyn WebhookReads {
        self
    }

    fn billing(&self) -> &dyn BillingReads {
        self
    }

    fn domains(&self) -> &dyn DomainReads {
        self
    }

    fn events(&self) -> &dyn EventReads {
        self
    }

    fn idempotency(&self) -> &dyn IdempotencyReads {
        self
    }
}

/// An open transaction with its verbs.
pub(crate) type Unit = Session<DatabaseTransaction>;

#[async_trait]
impl UnitOfWork for Unit {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn reads(&self) -> &dyn Reads {
        self
    }

    fn instance(&mut self) -> &mut dyn InstanceRepository {
        self
    }

    fn accounts(&mut self) -> &mut dyn AccountRepository {
        self
    }

    fn issuers(&mut self) -> &mut dyn IssuerRepository {
        self
    }

    fn signing_keys(&mut self) -> &mut dyn SigningKeyRepository {
        self
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self
    }

    fn organizations(&mut self) -> &mut dyn OrganizationRepository {
        self
    }

    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn memberships(&mut self) -> &mut dyn MembershipRepository {
        self
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self
    }

    fn mails(&mut self) -> &mut dyn MailRepository {
        self
    }

    fn notes(&mut self) -> &mut dyn NoteRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn logouts(&mut self) -> &mut dyn LogoutRepository {
        self
    }

    fn delegations(&mut self) -> &mut dyn DelegationRepository {
        self
    }

    fn personal_tokens(&mut self) -> &mut dyn PersonalTokenRepository {
        self
    }

    fn groups(&mut self) -> &mut dyn GroupRepository {
        self
    }

    fn invitations(&mut self) -> &mut dyn InvitationRepository {
        self
    }

    fn logins(&mut self) -> &mut dyn LoginRepository {
        self
    }

    fn connections(&mut self) -> &mut dyn ConnectionRepository {
        self
    }

    fn agents(&mut self) -> &mut dyn AgentRepository {
        self
    }

    fn verifiers(&mut self) -> &mut dyn VerifierRepository {
        self
    }

    fn devices(&mut self) -> &mut dyn DeviceRepository {
        self
    }

    fn grants(&mut self) -> &mut dyn GrantRepository {
        self
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self
    }

    fn deliveries(&mut self) -> &mut dyn DeliveryQueue {
        self
    }

    fn billing(&mut self) -> &mut dyn BillingRepository {
        self
    }

    fn domains(&mut self) -> &mut dyn DomainRepository {
        self
    }

    fn events(&mut self) -> &mut dyn EventRepository {
        self
    }

    fn idempotency(&mut self) -> &mut dyn IdempotencyRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.connection.commit().await.map_err(failed("unit.commit"))?;
        self.news.tell();
        Ok(())
    }
}
