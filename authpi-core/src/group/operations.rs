//! What can be done with groups, and how a role becomes one.

use super::events;
use super::model::{Group, GroupDetails, MAX_GROUPS};
use crate::error::{FieldCode, Refusal};
use crate::id::{IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::outcome::InsertOutcome;
use crate::role::Roles;
use crate::scope::Scopes;
use crate::store::{Change, Reads};

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

fn check_room(groups: u32) -> Result<(), Refusal> {
    if groups < MAX_GROUPS {
        return Ok(());
    }
    Err(Refusal::conflict("The organization has as many groups as it may have."))
}
