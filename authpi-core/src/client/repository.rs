//! What storage answers and does for clients.

use async_trait::async_trait;

use super::model::{ApplicationType, Client, ClientDetails, ClientStatus, Readiness};
use crate::error::StoreError;
use crate::id::{ClientId, IssuerId};
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage};
use crate::timestamp::Timestamp;
use crate::words::words;

/// Clients of an issuer that a rule over all of them looks at.
pub const CLIENTS_ASKED: u32 = 2_000;

/// Which clients a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ClientFilter {
    /// In this status; deleted ones are left out unless they are asked for.
    pub status: Option<StatusFilter>,
    /// Of this kind.
    pub application_type: Option<ApplicationType>,
    /// Able, or not, to do their work.
    pub readiness: Option<Readiness>,
    /// Name or id contains this text, case aside.
    pub text: Option<String>,
    /// Name contains this text, case aside.
    pub name: Option<String>,
}

/// `status` of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// In this status.
    Is(ClientStatus),
    /// Deleted, and not yet removed.
    Deleted,
}

words!(StatusFilter: "active" => Self::Is(ClientStatus::Active), "disabled" => Self::Is(ClientStatus::Disabled), "deleted" => Self::Deleted);

/// As much of a client as [`ClientFilter::matches`] looks at.
#[derive(Clone, Debug)]
pub struct ClientFacts {
    /// Its id.
    pub id: ClientId,
    /// Its name.
    pub name: String,
    /// Its status, or the one it had when it was deleted.
    pub status: ClientStatus,
    /// Kind of application.
    pub application_type: ApplicationType,
    /// Whether it can do its work.
    pub readiness: Readiness,
}

impl ClientFilter {
    /// At most one condition, which an index of its own can serve; then a page is never short.
    pub fn is_served_by_index(&self) -> bool {
        let is_active_or_disabled = matches!(self.status, Some(StatusFilter::Is(_)));
        let conditions = [is_active_or_disabled, self.application_type.is_some(), self.readiness.is_some()];
        self.text.is_none() && self.name.is_none() && conditions.iter().filter(|stated| **stated).count() <= 1
    }

    /// Whether a client meets all conditions; storage has seen to whether it is deleted.
    pub fn matches(&self, client: &ClientFacts) -> bool {
        let name = folded(&client.name);
        let is_in_status = match self.status {
            Some(StatusFilter::Is(status)) => status == client.status,
            Some(StatusFilter::Deleted) | None => true,
        };
        let contains = |wanted: &String| name.contains(&folded(wanted));
        is_in_status
            && self.application_type.is_none_or(|wanted| wanted == client.application_type)
            && self.readiness.is_none_or(|wanted| wanted == client.readiness)
            && self.name.as_ref().is_none_or(contains)
            && self.text.as_ref().is_none_or(|text| contains(text) || client.id.to_string().contains(&folded(text)))
    }
}

/// Case is folded here and not in SQL, where every backend has rules of its own.
fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// An entry of a list: a client, or what is kept of a deleted one.
#[derive(Clone, Debug)]
pub struct ClientListing {
    /// The client.
    pub client: Client,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A deleted client whose time in the list is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedClient {
    /// Where it lived.
    pub issuer_id: IssuerId,
    /// Its id.
    pub id: ClientId,
}

/// Questions about clients.
#[async_trait]
pub trait ClientReads: Send + Sync {
    /// One client of the issuer; none once it is deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, id: ClientId) -> Result<Option<Client>, StoreError>;

    /// What the active clients of the issuer say of themselves, of the newest [`CLIENTS_ASKED`]: for rules over all
    /// of them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn active_details(&self, issuer: IssuerId) -> Result<Vec<ClientDetails>, StoreError>;

    /// What those of `among` say of themselves that are not deleted, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn details_of(
        &self,
        issuer: IssuerId,
        among: &[ClientId],
    ) -> Result<Vec<(ClientId, ClientDetails)>, StoreError>;

    /// Clients of the issuer, newest first. Without a status filter deleted ones are left out.
    ///
    /// A page that no index serves ([`ClientFilter::is_served_by_index`]) examines at most
    /// [`EXAMINED_ROWS`](crate::page::EXAMINED_ROWS) and asks [`ClientFilter::matches`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        filter: &ClientFilter,
        page: &PageRequest<ClientId>,
    ) -> Result<SearchPage<ClientListing, ClientId>, StoreError>;

    /// At most `limit` clients of all issuers that were deleted before `time`: work for the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleted_before(&self, time: Timestamp, limit: u32) -> Result<Vec<DeletedClient>, StoreError>;
}

/// Writes of clients.
#[async_trait]
pub trait ClientRepository: ClientReads {
    /// Adds a new client.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError>;

    /// Writes status, details, secret, metadata and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, client: &Client, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Deletes a client, if the stored version still is `before`: it is not found from here on, its secret is erased, and
    /// the list of deleted ones shows it until it is removed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&mut self, issuer: IssuerId, id: ClientId, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a deleted client for good; repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, issuer: IssuerId, id: ClientId) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn texts_are_found_in_names_of_any_case_and_in_ids() {
        let client = ClientFacts {
            id: ClientId::from_uuid(uuid::Uuid::from_u128(35)),
            name: "Ärzte-Portal".to_owned(),
            status: ClientStatus::Active,
            application_type: ApplicationType::Web,
            readiness: Readiness::Ready,
        };
        let text = |text: &str| ClientFilter { text: Some(text.to_owned()), ..ClientFilter::default() };
        let name = |name: &str| ClientFilter { name: Some(name.to_owned()), ..ClientFilter::default() };
        assert!(ClientFilter::default().matches(&client));
        assert!(text("äRZTE").matches(&client) && text("C_0").matches(&client) && text("0Z").matches(&client));
        assert!(name("portal").matches(&client) && !name("c_0").matches(&client) && !text("100%").matches(&client));
    }
}
