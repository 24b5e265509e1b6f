//! What can be done with groups, and how a role becomes one.

use serde_json::{Map, Value};

use super::events;
use super::model::{Group, GroupDetails, MAX_GROUPS, NameKey};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{GroupId, IssuerId, OrganizationId};
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::outcome::InsertOutcome;
use crate::role::Roles;
use crate::scope::Scopes;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;

/// The group that carries out `role` in an organization (core-api 12.2): the group of this name, whatever the case, else
/// the one of the issuer's role, which is made when there is none yet. Shown with the scopes that it gives now.
///
/// # Errors
/// [`Refusal::Fields`] on `field` when there is no such role; [`Refusal::Conflict`] when the organization has as many
/// groups as it may have; [`Refusal::NotFound`] when there is no such organization.
pub async fn resolve(
    change: &mut Change<'_>,
    issuer: IssuerId,
    org: OrganizationId,
    role: &str,
    field: &str,
) -> Result<Group, Refusal> {
    let roles = change.reads().issuers().roles(issuer).await?;
    if let Some(group) = carrying(change.reads(), issuer, org, role, &roles).await? {
        return Ok(group.shown(&roles));
    }
    if roles.assignable(role).is_none() {
        return Err(unknown(field));
    }
    // Of those who need the group at once, one makes it and the others find it. Nor does the role go meanwhile: who
    // removes it holds the issuer.
    let locked = change.unit().organizations().lock(issuer, org).await?.ok_or(Refusal::NotFound)?;
    if !change.unit().issuers().lock(issuer).await? {
        return Err(Refusal::NotFound);
    }
    let roles = change.reads().issuers().roles(issuer).await?;
    if let Some(group) = carrying(change.reads(), issuer, org, role, &roles).await? {
        return Ok(group.shown(&roles));
    }
    let Some((name, _)) = roles.assignable(role) else { return Err(unknown(field)) };
    check_room(locked.stats.n_groups)?;
    let group = Group {
        id: change.mint()?,
        org_id: org,
        issuer_id: issuer,
        details: GroupDetails { name: name.to_owned(), ..GroupDetails::default() },
        role: Some(name.to_owned()),
        metadata: Metadata::default(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    if change.unit().groups().insert(&group).await? == InsertOutcome::Taken {
        return Err(Refusal::Stale);
    }
    let group = group.shown(&roles);
    change.emit(events::created(change.account(), &group))?;
    Ok(group)
}

/// The scopes that `role` gives in an organization; `None` when there is no such role. Makes nothing.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn role_scopes(
    reads: &dyn Reads,
    issuer: IssuerId,
    org: OrganizationId,
    role: &str,
) -> Result<Option<Scopes>, Refusal> {
    let roles = reads.issuers().roles(issuer).await?;
    if let Some(group) = carrying(reads, issuer, org, role, &roles).await? {
        return Ok(Some(group.shown(&roles).details.scopes));
    }
    Ok(roles.assignable(role).map(|(_, role)| role.scopes.clone()))
}

/// A group as answers show it, and the version that is stored.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Store`].
pub async fn find(
    reads: &dyn Reads,
    issuer: IssuerId,
    org: OrganizationId,
    id: GroupId,
) -> Result<(Group, Timestamp), Refusal> {
    let group = reads.groups().find(issuer, org, id).await?.ok_or(Refusal::NotFound)?;
    let stored = group.updated_at;
    Ok((shown(reads, issuer, vec![group]).await?.pop().ok_or(Refusal::NotFound)?, stored))
}

/// Groups as answers show them.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn shown(reads: &dyn Reads, issuer: IssuerId, groups: Vec<Group>) -> Result<Vec<Group>, Refusal> {
    if groups.iter().all(|group| group.role.is_none()) {
        return Ok(groups);
    }
    let roles = reads.issuers().roles(issuer).await?;
    Ok(groups.into_iter().map(|group| group.shown(&roles)).collect())
}

/// A new group.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// What it is.
    pub details: GroupDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct GroupPatch {
    /// Members of [`GroupDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
}

/// Makes a group.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such organization; [`Refusal::Fields`] for scopes above its ceiling;
/// [`Refusal::Conflict`] when the name is taken, or there are as many groups as there may be.
pub async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    org: OrganizationId,
    new: NewGroup,
) -> Result<Group, Refusal> {
    let locked = change.unit().organizations().lock(issuer, org).await?.ok_or(Refusal::NotFound)?;
    check_ceiling(&locked.details.scopes, &new.details.scopes)?;
    check_name(change.reads(), issuer, org, &new.details.name).await?;
    check_room(locked.stats.n_groups)?;
    let group = Group {
        id: change.mint()?,
        org_id: org,
        issuer_id: issuer,
        details: new.details,
        role: None,
        metadata: new.metadata,
        created_at: change.now(),
        updated_at: change.now(),
    };
    if change.unit().groups().insert(&group).await? == InsertOutcome::Taken {
        return Err(name_taken());
    }
    change.emit(events::created(change.account(), &group))?;
    Ok(group)
}

/// Merges a patch into a group as it is shown, which is stored with the version `stored`. Other scopes than those of its
/// role make it a group of its own. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Conflict`] when the name is taken;
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Group,
    stored: Timestamp,
    patch: GroupPatch,
) -> Result<Group, Refusal> {
    let (issuer, org) = (before.issuer_id, before.org_id);
    let locked = change.unit().organizations().lock(issuer, org).await?.ok_or(Refusal::NotFound)?;
    let details: GroupDetails = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    if changes.is_empty() {
        return Ok(before);
    }
    let mut role = before.role.clone();
    if details.scopes != before.details.scopes {
        check_ceiling(&locked.details.scopes, &details.scopes)?;
        changes.extend(role.take().map(|_| "role".to_owned()));
    }
    if NameKey::of(&details.name) != NameKey::of(&before.details.name) {
        check_name(change.reads(), issuer, org, &details.name).await?;
    }
    let updated_at = before.updated_at.next_version(change.now());
    let after = Group { details, role, metadata, updated_at, ..before };
    change.unit().groups().update(&after, stored).await?.required()?;
    change.emit(events::updated(change.account(), &after, changes))?;
    Ok(after)
}

/// Accepts the deletion of a group, which is stored with the version `stored`: it gives nothing from here on, and a
/// worker takes its members out of it.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, group: &Group, stored: Timestamp) -> Result<(), Refusal> {
    // Nobody is put into it meanwhile.
    let locked = change.unit().organizations().lock(group.issuer_id, group.org_id).await?;
    locked.ok_or(Refusal::NotFound)?;
    change.unit().groups().begin_delete(group, stored).await?.required()?;
    let members = change.reads().memberships().count_in_group(group.org_id, group.id).await?;
    change.emit(events::deleted(change.account(), group, members))
}

/// The group of a name, else the group of the issuer's role of this name, which may have been renamed.
async fn carrying(
    reads: &dyn Reads,
    issuer: IssuerId,
    org: OrganizationId,
    role: &str,
    roles: &Roles,
) -> Result<Option<Group>, Refusal> {
    if let Some(group) = reads.groups().find_by_name(issuer, org, role).await? {
        return Ok(Some(group));
    }
    let Some((name, _)) = roles.assignable(role) else { return Ok(None) };
    Ok(reads.groups().find_by_role(issuer, org, name).await?)
}

fn unknown(field: &str) -> Refusal {
    Refusal::field(field, FieldCode::UnknownReference, "neither the organization nor the issuer has such a role")
}

async fn check_name(reads: &dyn Reads, issuer: IssuerId, org: OrganizationId, name: &str) -> Result<(), Refusal> {
    match reads.groups().find_by_name(issuer, org, name).await? {
        Some(_) => Err(name_taken()),
        None => Ok(()),
    }
}

fn name_taken() -> Refusal {
    Refusal::not_unique("name", "Another group of the organization has this name.")
}

fn check_ceiling(ceiling: &Scopes, scopes: &Scopes) -> Result<(), Refusal> {
    let mut errors = FieldErrors::new();
    scopes.check_below(ceiling, &mut errors);
    errors.into_result()
}

fn check_room(groups: u32) -> Result<(), Refusal> {
    if groups < MAX_GROUPS {
        return Ok(());
    }
    Err(Refusal::conflict("The organization has as many groups as it may have."))
}
