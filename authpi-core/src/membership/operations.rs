//! What can be done with memberships.

use serde_json::{Map, Value};

use super::events;
use super::model::{Grantor, Membership, MembershipDetails, MembershipStatus, NewMember, below_ceiling, check_ceiling};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{GroupId, IssuerId, MemberId, OrganizationId};
use crate::merge::{changed_fields, merged};
use crate::outcome::InsertOutcome;
use crate::scope::Scopes;
use crate::store::Change;

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct MembershipPatch {
    /// Members of [`MembershipDetails`] to merge.
    pub details: Map<String, Value>,
    /// Groups instead of those before; `None` leaves them.
    pub groups: Option<Vec<GroupId>>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// What bounds the scopes that the change may give.
    pub grantor: Grantor,
}

/// Adds a member. Without scopes they get the organization's default ones, as far as these are below its ceiling.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such organization; [`Refusal::Fields`] for an unknown member or group, for
/// scopes above the ceiling and when there are no scopes; [`Refusal::InsufficientScope`] for scopes that the grantor may
/// not give; [`Refusal::Conflict`] when they are a member already, or the organization is full.
pub async fn add(
    change: &mut Change<'_>,
    issuer: IssuerId,
    organization: OrganizationId,
    new: NewMember,
) -> Result<Membership, Refusal> {
    let locked = change.unit().organizations().lock(issuer, organization).await?;
    let organization = locked.ok_or(Refusal::NotFound)?;
    let ceiling = &organization.details.scopes;
    let mut errors = FieldErrors::new();
    if !is_of_issuer(change, issuer, new.member_id).await? {
        errors.add("member_id", FieldCode::UnknownReference, "the issuer has no such user or agent");
    }
    check_groups(&new.groups, &mut errors);
    check_ceiling(ceiling, &new.scopes, &mut errors);
    let given = !new.scopes.is_empty();
    let defaults = &organization.details.default_member_scopes;
    let scopes = if given { new.scopes } else { below_ceiling(ceiling, defaults) };
    check_some(&scopes, &mut errors);
    errors.into_result()?;
    check_grant(change, organization.id, &new.grantor, &scopes).await?;

    let known = change.reads().memberships().find(issuer, organization.id, new.member_id).await?;
    if known.is_some() {
        return Err(already_a_member());
    }
    if organization.details.max_members.is_some_and(|most| organization.stats.n_members >= most) {
        return Err(Refusal::conflict("The organization has as many members as it may have."));
    }
    let membership = Membership {
        org_id: organization.id,
        member_id: new.member_id,
        issuer_id: issuer,
        details: MembershipDetails { status: new.status, scopes, user_title: new.user_title },
        metadata: new.metadata,
        joined_at: change.now(),
        updated_at: change.now(),
    };
    if change.unit().memberships().insert(&membership).await? == InsertOutcome::Taken {
        return Err(already_a_member());
    }
    change.emit(events::created(change.account(), &membership, new.origin))?;
    Ok(membership)
}

/// Merges a patch into a membership. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::InsufficientScope`] for scopes that the grantor
/// may not give; [`Refusal::Conflict`] for the last owner of an account; [`Refusal::Stale`] when the membership has
/// changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Membership,
    patch: MembershipPatch,
) -> Result<Membership, Refusal> {
    let locked = change.unit().organizations().lock(before.issuer_id, before.org_id).await?;
    let organization = locked.ok_or(Refusal::NotFound)?;
    let details: MembershipDetails = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let mut errors = FieldErrors::new();
    check_groups(patch.groups.as_deref().unwrap_or_default(), &mut errors);
    if details.scopes != before.details.scopes {
        check_ceiling(&organization.details.scopes, &details.scopes, &mut errors);
        check_some(&details.scopes, &mut errors);
    }
    errors.into_result()?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    if changes.is_empty() {
        return Ok(before);
    }
    let updated_at = before.updated_at.next_version(change.now());
    let after = Membership { details, metadata, updated_at, ..before.clone() };
    check_grant(change, after.org_id, &patch.grantor, &before.gives(&after)).await?;
    keep_an_owner(change, &before, Some(&after)).await?;
    change.unit().memberships().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(change.account(), &before, &after, changes))?;
    Ok(after)
}

/// Removes a member.
///
/// # Errors
/// [`Refusal::Conflict`] for the last owner of an account; [`Refusal::Stale`] when the membership has changed meanwhile.
pub async fn remove(change: &mut Change<'_>, membership: &Membership) -> Result<(), Refusal> {
    let locked = change.unit().organizations().lock(membership.issuer_id, membership.org_id).await?;
    locked.ok_or(Refusal::NotFound)?;
    keep_an_owner(change, membership, None).await?;
    change.unit().memberships().remove(membership).await?.required()?;
    change.emit(events::removed(change.account(), membership))
}

fn already_a_member() -> Refusal {
    Refusal::not_unique("member_id", "They are a member of the organization already.")
}

async fn is_of_issuer(change: &Change<'_>, issuer: IssuerId, member: MemberId) -> Result<bool, Refusal> {
    match member {
        MemberId::User(user) => Ok(change.reads().users().exists(issuer, user).await?),
        MemberId::Agent(agent) => Ok(change.reads().agents().exists(issuer, agent).await?),
    }
}

/// No organization has groups: every one is unknown.
fn check_groups(groups: &[GroupId], errors: &mut FieldErrors) {
    for index in 0..groups.len() {
        let message = "the organization has no such group";
        errors.add(format!("groups.{index}"), FieldCode::UnknownReference, message);
    }
}

fn check_some(scopes: &Scopes, errors: &mut FieldErrors) {
    if scopes.is_empty() {
        errors.add("scopes", FieldCode::Required, "a member holds at least one scope");
    }
}

/// Scopes in the organization of an account are rights on the account (core-api 1.9).
async fn check_grant(
    change: &Change<'_>,
    organization: OrganizationId,
    grantor: &Grantor,
    scopes: &Scopes,
) -> Result<(), Refusal> {
    match grantor.refuses(scopes) {
        Some(scope) if change.reads().accounts().exists(organization.account()).await? => {
            Err(Refusal::InsufficientScope(scope))
        }
        _ => Ok(()),
    }
}

/// An account always has somebody who owns it, and the owner that it names is a member. The organization is locked by
/// now.
async fn keep_an_owner(change: &Change<'_>, before: &Membership, after: Option<&Membership>) -> Result<(), Refusal> {
    let stays_active = after.is_some_and(|after| after.details.status == MembershipStatus::Active);
    if !stays_active
        && let Some(account) = change.reads().accounts().find(before.org_id.account()).await?
        && account.owner_user_id.map(MemberId::User) == Some(before.member_id)
    {
        return Err(Refusal::conflict("The owner of an account is a member; name another owner first."));
    }
    if !before.loses_owner(after) || !change.reads().accounts().exists(before.org_id.account()).await? {
        return Ok(());
    }
    if change.reads().memberships().has_other_owner(before.org_id, before.member_id).await? {
        return Ok(());
    }
    Err(Refusal::conflict("An account keeps at least one active member with the scope owner."))
}
