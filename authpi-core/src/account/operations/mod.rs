//! What can be done with accounts.

mod closing;
mod opening;

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::events;
use super::model::Account;
use crate::domain::model::AccountDomain;
use crate::domain::operations::choose_primary;
use crate::error::{FieldCode, Refusal};
use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId, MemberId, UserId};
use crate::membership::model::OWNER;
use crate::metadata::Metadata;
use crate::organization::model::Organization;
use crate::organization::operations as organizations;
use crate::organization::operations::{NewOrganization, OrganizationPatch};
use crate::page::{Page, PageRequest};
use crate::rights::Grantor;
use crate::scope::Scope;
use crate::store::{Change, Reads};

pub use closing::{close, require_owner};
pub use opening::{OpenedAccount, OwnAccount, open_own};

/// An account with the organization that it is a facade of.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountWithOrganization {
    /// The account.
    pub account: Account,
    /// Its organization.
    pub organization: Organization,
    /// Its custom hosts, newest first.
    pub domains: Vec<AccountDomain>,
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id, which is the tenant that the change is made for.
    pub id: AccountId,
    /// The platform issuer, where its organization lives.
    pub platform: IssuerId,
    /// Name of its organization.
    pub name: String,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    /// `name`, `description` and `logo_url` of the organization, to merge.
    pub organization: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// Another owner; `Some(None)` for none, which only an account without one can be.
    pub owner: Option<Option<UserId>>,
    /// The host that becomes primary: one of the account's, verified.
    pub primary: Option<Hostname>,
    /// What bounds the rights that the change may give: naming an owner takes one (core-api 1.9).
    pub grantor: Grantor,
}

/// One account.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn find(reads: &dyn Reads, id: AccountId) -> Result<Option<AccountWithOrganization>, Refusal> {
    // The account first: should both change in between, its version is too old for what is shown, which a condition on
    // it finds out, and never too new.
    let Some(account) = reads.accounts().find(id).await? else { return Ok(None) };
    let Some(platform) = reads.instance().platform().await? else { return Ok(None) };
    let organization = reads.organizations().find(platform.issuer_id, account.organization_id()).await?;
    let domains = reads.domains().of_accounts(&[id]).await?;
    Ok(organization.map(|organization| AccountWithOrganization { account, organization, domains }))
}

/// The account of the change, whose organization is locked first: rules over account, organization and members hold
/// until the commit, and no version moves meanwhile.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn find_locked(change: &mut Change<'_>) -> Result<Option<AccountWithOrganization>, Refusal> {
    let id = change.account();
    let Some(platform) = change.reads().instance().platform().await? else { return Ok(None) };
    change.unit().organizations().lock(platform.issuer_id, id.organization()).await?;
    find(change.reads(), id).await
}

/// Those of `among` that exist, newest first.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn list(
    reads: &dyn Reads,
    among: &[AccountId],
    page: &PageRequest<AccountId>,
) -> Result<Page<AccountWithOrganization>, Refusal> {
    let Some(platform) = reads.instance().platform().await? else { return Ok(Page::default()) };
    let found = reads.accounts().list(among, page).await?;
    let ids: Vec<_> = found.items.iter().map(Account::organization_id).collect();
    let organizations = reads.organizations().find_all(platform.issuer_id, &ids).await?;
    let mut organizations: HashMap<_, _> = organizations.into_iter().map(|one| (one.id, one)).collect();
    let ids: Vec<_> = found.items.iter().map(|account| account.id).collect();
    let mut domains: HashMap<_, Vec<_>> = HashMap::new();
    for domain in reads.domains().of_accounts(&ids).await? {
        domains.entry(domain.account_id).or_default().push(domain);
    }
    let with_organization = |account: Account| {
        let organization = organizations.remove(&account.organization_id())?;
        let domains = domains.remove(&account.id).unwrap_or_default();
        Some(AccountWithOrganization { account, organization, domains })
    };
    Ok(Page { has_more: found.has_more, items: found.items.into_iter().filter_map(with_organization).collect() })
}

/// Opens an account with its organization.
///
/// # Errors
/// [`Refusal`].
pub async fn open(change: &mut Change<'_>, new: NewAccount) -> Result<AccountWithOrganization, Refusal> {
    let now = change.now();
    let account =
        Account { id: new.id, owner_user_id: None, metadata: Metadata::default(), created_at: now, updated_at: now };
    change.unit().accounts().insert(&account).await?;
    change.emit(events::created(&account))?;
    let organization = NewOrganization::named(new.name);
    let organization = organizations::create_with_id(change, new.platform, new.id.organization(), organization).await?;
    Ok(AccountWithOrganization { account, organization, domains: Vec::new() })
}

/// Merges a patch into an account that [`find_locked`] found, and the organization behind it. A patch that changes
/// nothing leaves versions and events alone.
///
/// # Errors
/// [`Refusal::Fields`] for an owner who is no member; [`Refusal::InsufficientScope`] for an owner whom the grantor may
/// not name; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: AccountWithOrganization,
    patch: AccountPatch,
) -> Result<AccountWithOrganization, Refusal> {
    let AccountWithOrganization { account, organization, mut domains } = before;
    let mut after = Account { metadata: account.metadata.patched(patch.metadata.as_ref())?, ..account.clone() };
    let mut changes = Vec::new();
    if after.metadata != account.metadata {
        changes.push("metadata".to_owned());
    }
    if let Some(owner) = patch.owner.filter(|owner| account.owner_user_id != *owner) {
        require_member(change, &account, owner).await?;
        let right: Scope = OWNER.parse().map_err(Refusal::internal)?;
        patch.grantor.permit(&[right].into_iter().collect())?;
        after.owner_user_id = owner;
        changes.push("owner_user_id".to_owned());
    }
    if let Some(primary) = &patch.primary
        && choose_primary(change, &mut domains, primary).await?
    {
        changes.push("domains".to_owned());
    }
    let renamed = written_through(change, organization.clone(), patch.organization).await?;
    changes.extend(renamed_fields(&organization, &renamed));
    if changes.is_empty() {
        return Ok(AccountWithOrganization { account, organization, domains });
    }
    // The organization has moved the account on already, if it has changed: by this rule, from the version we know.
    let is_followed = renamed.updated_at != organization.updated_at;
    let version = account.updated_at.next_version(if is_followed { renamed.updated_at } else { change.now() });
    let expected = if is_followed { version } else { account.updated_at };
    after.updated_at = version;
    change.unit().accounts().update(&after, expected).await?.required()?;
    change.emit(events::updated(&after, changes))?;
    Ok(AccountWithOrganization { account: after, organization: renamed, domains })
}

async fn require_member(change: &Change<'_>, account: &Account, owner: Option<UserId>) -> Result<(), Refusal> {
    let Some(owner) = owner else {
        return Err(Refusal::field("owner_user_id", FieldCode::InvalidType, "an owner can only be replaced"));
    };
    let (organization, owner) = (account.organization_id(), MemberId::User(owner));
    if change.reads().memberships().is_active_member(organization, owner).await? {
        return Ok(());
    }
    let message = "must be an active member of the account's organization";
    Err(Refusal::field("owner_user_id", FieldCode::UnknownReference, message))
}

async fn written_through(
    change: &mut Change<'_>,
    organization: Organization,
    details: Map<String, Value>,
) -> Result<Organization, Refusal> {
    let patch = OrganizationPatch { details, ..OrganizationPatch::default() };
    organizations::update(change, organization, patch).await
}

fn renamed_fields(before: &Organization, after: &Organization) -> Vec<String> {
    let (before, after) = (&before.details, &after.details);
    let fields = [
        ("name", before.name == after.name),
        ("description", before.description == after.description),
        ("logo_url", before.logo_url == after.logo_url),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name.to_owned()).collect()
}
