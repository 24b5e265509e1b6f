//! What storage answers and does for issuers and their login methods.

use async_trait::async_trait;

use super::model::access::AccessMode;
use super::model::auth_method::AuthMethod;
use super::model::{Issuer, IssuerHead, IssuerStatus, MethodCounts, PublicIssuer, Readiness, RuntimeIssuer};
use crate::custom_fields::FieldDefinitions;
use crate::error::StoreError;
use crate::id::{AccountId, AuthMethodId, IssuerId};
use crate::organization_type::OrganizationSettings;
use crate::outcome::WriteOutcome;
use crate::page::{PageRequest, SearchPage};
use crate::role::Roles;
use crate::timestamp::Timestamp;
use crate::words::words;

/// Which issuers a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct IssuerFilter {
    /// Has this in its name or id, whatever the case.
    pub q: Option<String>,
    /// In this status.
    pub status: Option<StatusFilter>,
    /// With this way in.
    pub access_mode: Option<AccessMode>,
    /// As ready as this.
    pub readiness: Option<Readiness>,
}

/// `status` of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// In this status.
    Is(IssuerStatus),
    /// Deletion was accepted, removal is under way.
    Deleting,
}

words!(StatusFilter: "active" => Self::Is(IssuerStatus::Active), "suspended" => Self::Is(IssuerStatus::Suspended), "deleted" => Self::Deleting);

/// An entry of a list: the issuer, or what is left of one that is being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerListing {
    /// The issuer.
    pub issuer: Issuer,
    /// Deletion was accepted.
    pub deleting: bool,
}

/// What belongs to an issuer, as far as callers can see it, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerChildren {
    /// Organizations.
    pub organizations: u64,
    /// Memberships.
    pub memberships: u64,
    /// Users.
    pub users: u64,
    /// Clients.
    pub clients: u64,
    /// API keys of its organizations.
    pub api_keys: u64,
    /// Login methods.
    pub auth_methods: u64,
    /// Agents.
    pub agents: u64,
    /// Sessions that had not ended.
    pub sessions: u64,
    /// Personal tokens.
    pub personal_tokens: u64,
    /// Groups of its organizations.
    pub groups: u64,
    /// Invitations into its organizations, ended ones included.
    pub invitations: u64,
    /// Credentials of users and agents.
    pub verifiers: u64,
    /// Devices of users, trusted or known.
    pub devices: u64,
    /// Delegations in force.
    pub delegations: u64,
}

/// An issuer whose deletion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletingIssuer {
    /// Its id.
    pub id: IssuerId,
    /// Whose it was.
    pub account_id: AccountId,
    /// When the deletion was accepted.
    pub accepted_at: Timestamp,
}

/// Questions about issuers.
#[async_trait]
pub trait IssuerReads: Send + Sync {
    /// What every request below an issuer needs; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn head(&self, account: AccountId, id: IssuerId) -> Result<Option<IssuerHead>, StoreError>;

    /// What an issuer of any account tells everyone about itself; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn public(&self, id: IssuerId) -> Result<Option<PublicIssuer>, StoreError>;

    /// An issuer with its login methods, as its endpoints need it; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn runtime(&self, id: IssuerId) -> Result<Option<RuntimeIssuer>, StoreError>;

    /// The root key as the vault wrapped it; also of an issuer whose deletion was accepted, until it is removed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn root_key(&self, id: IssuerId) -> Result<Option<Vec<u8>>, StoreError>;

    /// One issuer of the account; none once its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: IssuerId) -> Result<Option<Issuer>, StoreError>;

    /// The roles of an issuer as groups see them; none of an issuer whose deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn roles(&self, issuer: IssuerId) -> Result<Roles, StoreError>;

    /// Types and custom fields of the organizations of an issuer; none of an issuer whose deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn organization_settings(&self, issuer: IssuerId) -> Result<Option<OrganizationSettings>, StoreError>;

    /// Definitions of the custom fields of users of an issuer; none of an issuer whose deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn user_fields(&self, issuer: IssuerId) -> Result<FieldDefinitions, StoreError>;

    /// At most `limit` issuers of all accounts that have removed a role whose groups are yet to be detached: work for
    /// the removal worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn detaching(&self, limit: u32) -> Result<Vec<IssuerId>, StoreError>;

    /// Issuers of the account, newest first. Without a status filter those being deleted are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        account: AccountId,
        filter: &IssuerFilter,
        page: &PageRequest<IssuerId>,
    ) -> Result<SearchPage<IssuerListing, IssuerId>, StoreError>;

    /// The login methods of an issuer, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn auth_methods(&self, issuer: IssuerId) -> Result<Vec<AuthMethod>, StoreError>;

    /// One login method of an issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn auth_method(&self, issuer: IssuerId, id: AuthMethodId) -> Result<Option<AuthMethod>, StoreError>;

    /// Counts what belongs to an issuer; what is being deleted by itself is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn children(&self, issuer: IssuerId, now: Timestamp) -> Result<IssuerChildren, StoreError>;

    /// At most `limit` issuers of all accounts whose deletion was accepted, longest ago first: work for the removal
    /// worker.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingIssuer>, StoreError>;
}

/// Writes of issuers.
#[async_trait]
pub trait IssuerRepository: IssuerReads {
    /// Adds a new issuer with its wrapped root key and its login methods, which `issuer` counts.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, issuer: &Issuer, root_key: &[u8], methods: &[AuthMethod]) -> Result<(), StoreError>;

    /// Has another key sign the cookies of the issuer; the one before is accepted until the next time. `Stale` when there is
    /// no such issuer, or its deletion was accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace_cookie_key(&mut self, issuer: IssuerId) -> Result<WriteOutcome, StoreError>;

    /// Locks the issuer until the end of the unit of work, so that its roles, types and login methods stay what they
    /// are; tells whether it is there. Lock an organization first, where one is locked, too.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lock(&mut self, issuer: IssuerId) -> Result<bool, StoreError>;

    /// Writes the roles alone, which leaves the version: the caller has locked the issuer, and forgets a removed role.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write_roles(&mut self, issuer: IssuerId, roles: &Roles) -> Result<(), StoreError>;

    /// Writes status, details, roles, metadata and version, if the stored version still is `before`. Login methods and their
    /// counts are not written.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, issuer: &Issuer, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Adds a login method; the caller has locked the issuer, and counts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert_auth_method(&mut self, method: &AuthMethod) -> Result<(), StoreError>;

    /// Writes details, client secret and version of a login method, if the stored version still is `before`; the caller
    /// counts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update_auth_method(&mut self, method: &AuthMethod, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a login method, if the stored version still is that of `method`; the caller counts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_auth_method(&mut self, method: &AuthMethod) -> Result<WriteOutcome, StoreError>;

    /// Writes how many login methods an issuer has, which leaves its version.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write_method_counts(&mut self, issuer: IssuerId, counts: MethodCounts) -> Result<(), StoreError>;

    /// Accepts the deletion, if the stored version still is `before`: it is not found from here on. A platform issuer is
    /// `Stale`, always.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_delete(
        &mut self,
        account: AccountId,
        id: IssuerId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError>;

    /// Removes about `limit` rows that belong to an issuer whose deletion was accepted, personal ones first, and tells
    /// how many; 0 when nothing is left. Of an issuer that was not deleted it removes nothing.
    ///
    /// Events stay until they expire. Their request contexts, as far as the root key of the issuer seals them, go: once
    /// the key is removed nobody could open them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_children(&mut self, issuer: IssuerId, limit: u32) -> Result<u64, StoreError>;

    /// Removes an issuer whose deletion was accepted, and its root key with it; repeating it changes nothing. Call it
    /// when no children are left, and no sooner than the longest unit of work lasts after the deletion was accepted:
    /// one that began before may still commit a child.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, issuer: IssuerId) -> Result<(), StoreError>;
}
