//! What can be done with organizations.

pub mod access;

use serde_json::{Map, Value};

use super::events;
use super::model::{Organization, OrganizationDetails, OrganizationStats, OrganizationStatus};
use crate::error::{FieldCode, Refusal};
use crate::id::{IssuerId, MemberId, OrganizationId, UserId};
use crate::membership::model::{Grantor, NewMember};
use crate::membership::operations as membership;
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::scope::Scope;
use crate::status::{Status, StatusNote};
use crate::store::Change;

/// A new organization.
#[derive(Clone, Debug, Default)]
pub struct NewOrganization {
    /// What it is.
    pub details: OrganizationDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// A user of the issuer who becomes the first member, with the scope `owner`.
    pub first_member: Option<UserId>,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct OrganizationPatch {
    /// Members of [`OrganizationDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(OrganizationStatus, StatusNote)>,
    /// What bounds the default scopes that the change may give.
    pub grantor: Grantor,
}

/// Makes an organization.
///
/// # Errors
/// [`Refusal::Fields`] for an unknown type or user.
pub async fn create(change: &mut Change<'_>, issuer: IssuerId, new: NewOrganization) -> Result<Organization, Refusal> {
    let id = change.mint()?;
    create_with_id(change, issuer, id, new).await
}

/// Makes an organization whose id is given: that of an account, which it shares.
///
/// # Errors
/// As [`create`].
pub async fn create_with_id(
    change: &mut Change<'_>,
    issuer: IssuerId,
    id: OrganizationId,
    new: NewOrganization,
) -> Result<Organization, Refusal> {
    let organization = Organization {
        id,
        issuer_id: issuer,
        status: Status::initial(OrganizationStatus::Active),
        details: new.details.checked()?,
        metadata: new.metadata,
        stats: OrganizationStats::default(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().organizations().insert(&organization).await?;
    change.emit(events::created(change.account(), &organization))?;
    match new.first_member {
        None => Ok(organization),
        Some(user) => with_owner(change, organization, user).await,
    }
}

async fn with_owner(
    change: &mut Change<'_>,
    organization: Organization,
    user: UserId,
) -> Result<Organization, Refusal> {
    let (issuer, id) = (organization.issuer_id, organization.id);
    if !change.reads().users().exists(issuer, user).await? {
        let message = "the issuer has no such user";
        return Err(Refusal::field("by_user_id", FieldCode::UnknownReference, message));
    }
    let owner: Scope = "owner".parse().map_err(Refusal::internal)?;
    membership::add(change, issuer, id, NewMember::with_scope(MemberId::User(user), owner)).await?;
    change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::Stale)
}

/// Merges a patch into an organization. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::InsufficientScope`] for default scopes that the
/// grantor may not give; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Organization,
    patch: OrganizationPatch,
) -> Result<Organization, Refusal> {
    let details = merged(&before.details, &patch.details)?.checked()?;
    check_default_scopes(change, &before, &details, &patch.grantor).await?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let was = before.status.value;
    let mut after = Organization { details, metadata, ..before.clone() };
    after = match patch.status {
        None => after,
        Some((OrganizationStatus::Suspended, note)) => after.suspended(change.now(), note),
        Some((OrganizationStatus::Active, note)) => after.reactivated(change.now(), note),
    };
    if after.status.value != was {
        check_revocation(change, &after).await?;
    }
    if changes.is_empty() && after.status.value == was {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().organizations().update(&after, before.updated_at).await?.required()?;
    change.unit().accounts().follow(after.id, after.updated_at).await?;
    let account = change.account();
    if !changes.is_empty() {
        change.emit(events::updated(account, &after, changes))?;
    }
    match (was, after.status.value) {
        (OrganizationStatus::Active, OrganizationStatus::Suspended) => {
            change.emit(events::suspended(account, &after))?;
        }
        (OrganizationStatus::Suspended, OrganizationStatus::Active) => {
            change.emit(events::reactivated(account, &after))?;
        }
        _ => {}
    }
    Ok(after)
}

/// While access through an organization is being taken away, nothing of it comes back.
async fn check_revocation(change: &mut Change<'_>, after: &Organization) -> Result<(), Refusal> {
    if after.status.value != OrganizationStatus::Active {
        return Ok(());
    }
    change.unit().organizations().lock(after.issuer_id, after.id).await?;
    match change.reads().organizations().revocation(after.issuer_id, after.id).await? {
        None => Ok(()),
        Some(_) => Err(Refusal::conflict("Access through the organization is still being revoked; try again soon.")),
    }
}

/// In the organization of an account default scopes are rights on the account: checked when they are written, and again
/// when a member gets them (core-api 1.9).
async fn check_default_scopes(
    change: &Change<'_>,
    before: &Organization,
    after: &OrganizationDetails,
    grantor: &Grantor,
) -> Result<(), Refusal> {
    let known = &before.details.default_member_scopes;
    let added = after.default_member_scopes.iter().filter(|scope| !known.contains(scope)).cloned().collect();
    match grantor.refuses(&added) {
        Some(scope) if change.reads().accounts().exists(before.id.account()).await? => {
            Err(Refusal::InsufficientScope(scope))
        }
        _ => Ok(()),
    }
}

/// Accepts the deletion of an organization; a worker removes what belongs to it.
///
/// # Errors
/// [`Refusal::Conflict`] for the organization of an account; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, organization: &Organization) -> Result<(), Refusal> {
    if change.reads().accounts().exists(organization.id.account()).await? {
        return Err(Refusal::conflict("The organization of an account is closed with the account."));
    }
    let (issuer, id, version) = (organization.issuer_id, organization.id, organization.updated_at);
    change.unit().organizations().begin_delete(issuer, id, version).await?.required()?;
    change.emit(events::deleted(change.account(), organization))
}
