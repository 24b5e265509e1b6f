//! What can be done with issuers.

pub mod auth_methods;

use serde_json::{Map, Value};
use url::Url;

use super::events;
use super::model::auth_method::{AuthMethod, DEFAULT_KINDS};
use super::model::portals::{FOREIGN, OURS, is_page, refuse_url};
use super::model::{Issuer, IssuerDetails, IssuerStatus, MethodCounts};
use crate::domain::model::AccountDomain;
use crate::domain::operations::release;
use crate::error::{FieldErrors, Refusal};
use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId};
use crate::keyring::NewRoot;
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::rights::Grantor;
use crate::role::Roles;
use crate::scope::{Scope, Scopes};
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::urls::Urls;

/// A new issuer.
pub struct NewIssuer<'a> {
    /// Whose it is.
    pub account_id: AccountId,
    /// Its id and root key.
    pub root: &'a NewRoot,
    /// It is the issuer whose organizations are the accounts.
    pub platform: bool,
    /// The status it begins with.
    pub status: IssuerStatus,
    /// What it is.
    pub details: IssuerDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct IssuerPatch {
    /// Members of [`IssuerDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(IssuerStatus, StatusNote)>,
    /// What bounds the scopes that roles may give, at the issuer whose organizations are accounts.
    pub grantor: Grantor,
}

/// Makes an issuer with the default login methods.
///
/// # Errors
/// [`Refusal::NotFound`] when the account has ended; [`Refusal::Fields`] for settings that are not allowed.
pub async fn create(change: &mut Change<'_>, new: NewIssuer<'_>) -> Result<Issuer, Refusal> {
    // An account ends only without issuers, which is decided under the same lock.
    if !change.unit().accounts().lock(new.account_id).await? {
        return Err(Refusal::NotFound);
    }
    let now = change.now();
    let id = new.root.issuer_id;
    let methods = DEFAULT_KINDS
        .into_iter()
        .map(|kind| Ok(AuthMethod::with_defaults(change.mint()?, id, kind, now)))
        .collect::<Result<Vec<_>, Refusal>>()?;
    let details = new.details.checked()?;
    check_pages(change, new.account_id, None, &details).await?;
    let issuer = Issuer {
        id,
        account_id: new.account_id,
        platform: new.platform,
        status: Status::initial(new.status),
        roles: Roles::default().following(&details.settings.roles, now),
        details,
        metadata: new.metadata,
        methods: MethodCounts::of(&methods),
        created_at: now,
        updated_at: now,
    };
    change.unit().issuers().insert(&issuer, &new.root.wrapped, &methods).await?;
    change.emit(events::created(&issuer))?;
    Ok(issuer)
}

/// Merges a patch into an issuer. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(change: &mut Change<'_>, before: Issuer, patch: IssuerPatch) -> Result<Issuer, Refusal> {
    let (mut after, mut changes) = patched(&before, &patch)?;
    check_removals(change, &before, &after).await?;
    check_pages(change, before.account_id, Some(&before.details), &after.details).await?;
    check_role_grants(change, &before, &after, &patch.grantor).await?;
    let was = before.status.value;
    if let Some((status, note)) = patch.status {
        after = after.in_status(status, change.now(), note);
    }
    if after.status.value != was {
        changes.push("status".to_owned());
    }
    if changes.is_empty() {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    after.roles = before.roles.following(&after.details.settings.roles, after.updated_at);
    change.unit().issuers().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(&after, was, changes))?;
    Ok(after)
}

fn patched(before: &Issuer, patch: &IssuerPatch) -> Result<(Issuer, Vec<String>), Refusal> {
    let states_context =
        patch.details.get("settings").and_then(|settings| settings.pointer("/security/event_context")).is_some();
    let mut details: IssuerDetails = merged(&before.details, &patch.details)?;
    details.settings = details.settings.following(&before.details.settings, states_context);
    let details = details.checked()?;
    details.settings.check_kept(&before.details.settings)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    Ok((Issuer { details, metadata, ..before.clone() }, changes))
}

/// Pages in the place of ours lie on verified domains of the account, and lead away from us (D183).
async fn check_pages(
    change: &Change<'_>,
    account: AccountId,
    before: Option<&IssuerDetails>,
    after: &IssuerDetails,
) -> Result<(), Refusal> {
    let known: Vec<_> = before.into_iter().flat_map(|before| before.settings.portals.pages()).collect();
    let pages = after.settings.portals.pages().into_iter().filter(|page| page.1.url.is_some() && !known.contains(page));
    let pages: Vec<_> = pages.collect();
    if pages.is_empty() {
        return Ok(());
    }
    let domains = change.reads().domains().of_accounts(&[account]).await?;
    let mut errors = FieldErrors::new();
    for (name, page) in pages {
        let url = page.url.as_deref().unwrap_or_default();
        if let Some(rule) = fault_of_page(url, change.urls(), &domains) {
            refuse_url(name, rule, &mut errors);
        }
    }
    errors.into_result()
}

/// Why a URL cannot replace a page of ours; none where it can. `domains` are those of the account.
pub fn fault_of_page(text: &str, urls: &Urls, domains: &[AccountDomain]) -> Option<&'static str> {
    let Some(url) = Url::parse(text).ok().filter(|_| is_page(text)) else { return Some(FOREIGN) };
    let host: Option<Hostname> = url.host_str().and_then(|host| host.parse().ok());
    let Some(host) = host else { return Some(FOREIGN) };
    // An issuer has all of the host that it is served at, over TLS at its own port.
    let is_served = |domain: &AccountDomain| url.port().is_none() && domain.host == host && domain.issuer().is_some();
    if urls.covers(&url) || domains.iter().any(is_served) {
        return Some(OURS);
    }
    let is_vouched_for = domains.iter().any(|domain| domain.vouches_for(&host));
    (!is_vouched_for).then_some(FOREIGN)
}

/// A type goes when no organization is of it, and a role comes back when its last removal is done.
async fn check_removals(change: &mut Change<'_>, before: &Issuer, after: &Issuer) -> Result<(), Refusal> {
    let settings = (&before.details.settings, &after.details.settings);
    let removed: Vec<_> = settings.0.organizations.removed_in(&settings.1.organizations).collect();
    if !removed.is_empty() {
        // Whoever gives an organization a type holds the issuer, too.
        change.unit().issuers().lock(before.id).await?;
    }
    for org_type in removed {
        if change.reads().organizations().has_type(before.id, org_type).await? {
            let description = format!("There are organizations of the type {org_type}.");
            return Err(Refusal::conflict(description));
        }
    }
    match before.roles.removed().find(|(name, _)| settings.1.roles.contains_key(*name)) {
        Some((name, _)) => {
            Err(Refusal::conflict(format!("The role {name} was removed, and its groups are still being detached.")))
        }
        None => Ok(()),
    }
}

/// At the issuer whose organizations are accounts a role gives rights on every account that carries it out, so that
/// scopes are added to it by who holds them there (core-api 1.9).
async fn check_role_grants(
    change: &mut Change<'_>,
    before: &Issuer,
    after: &Issuer,
    grantor: &Grantor,
) -> Result<(), Refusal> {
    if !before.platform || *grantor == Grantor::Unbounded {
        return Ok(());
    }
    let own = before.account_id.organization();
    for (name, definition) in after.details.settings.roles.iter() {
        let known = before.details.settings.roles.get(name);
        let is_new = |scope: &&Scope| known.is_none_or(|known| !known.scopes.contains(scope));
        let added: Scopes = definition.scopes.iter().filter(is_new).cloned().collect();
        let Some(scope) = added.iter().next().cloned() else { continue };
        grantor.permit(&added)?;
        change.unit().issuers().lock(before.id).await?;
        if change.reads().groups().role_is_carried_outside(before.id, name, Some(own)).await? {
            return Err(Refusal::InsufficientScope(scope));
        }
    }
    Ok(())
}

/// Accepts the deletion of an issuer; a worker removes what belongs to it.
///
/// # Errors
/// [`Refusal::Conflict`] for the platform issuer; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, issuer: &Issuer) -> Result<(), Refusal> {
    if issuer.platform {
        return Err(Refusal::conflict("The platform's own issuer cannot be deleted."));
    }
    let id: IssuerId = issuer.id;
    // First, as it takes the lock: no domain is assigned to the issuer after this look.
    release(change, issuer.account_id, id).await?;
    change.unit().issuers().begin_delete(issuer.account_id, id, issuer.updated_at).await?.required()?;
    let cascade = change.reads().issuers().children(id, change.now()).await?;
    change.emit(events::deleted(issuer, &cascade))
}
