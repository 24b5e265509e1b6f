//! What can be done with memberships.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::events;
use super::model::{Membership, MembershipDetails, MembershipStatus, NamedRole, NewMember, with_groups};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::group::operations as group;
use crate::id::{GroupId, IssuerId, MemberId, OrganizationId};
use crate::merge::{changed_fields, merged};
use crate::outcome::InsertOutcome;
use crate::rights::Grantor;
use crate::scope::Scopes;
use crate::store::{Change, Reads};

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct MembershipPatch {
    /// Members of [`MembershipDetails`] to merge.
    pub details: Map<String, Value>,
    /// Groups instead of those before; `None` leaves them.
    pub groups: Option<Vec<GroupId>>,
    /// Roles whose groups take the place of those before; `None` leaves them.
    pub roles: Option<Vec<NamedRole>>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// What bounds the scopes that the change may give.
    pub grantor: Grantor,
}

/// Adds a member. Without scopes, groups and roles they get what the organization gives by default, as far as it is
/// below its ceiling.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such organization; [`Refusal::Fields`] for an unknown member, group or role,
/// for scopes above the ceiling and when there is nothing to hold; [`Refusal::InsufficientScope`] for scopes that the
/// grantor may not give; [`Refusal::Conflict`] when they are a member already, or the organization is full.
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
    new.scopes.check_below(ceiling, &mut errors);
    let place = (issuer, organization.id);
    let mut groups = known_groups(change, place, &new.groups, &mut errors).await?;
    groups.extend(resolved(change, place, &new.roles, &mut errors).await?);
    let mut scopes = new.scopes;
    if scopes.is_empty() && new.groups.is_empty() && new.roles.is_empty() {
        scopes = organization.details.default_member_scopes.below(ceiling);
        let by_type = default_role(change, issuer, &organization.details.org_type).await?;
        groups.extend(resolved(change, place, by_type.as_slice(), &mut errors).await?);
        check_some(&scopes, &groups, &mut errors);
    }
    errors.into_result()?;
    let membership = Membership {
        org_id: organization.id,
        member_id: new.member_id,
        issuer_id: issuer,
        details: MembershipDetails { status: new.status, scopes, user_title: new.user_title },
        groups,
        metadata: new.metadata,
        joined_at: change.now(),
        updated_at: change.now(),
    };
    check_given(change, &new.grantor, None, &membership).await?;
    let known = change.reads().memberships().find(issuer, organization.id, new.member_id).await?;
    if known.is_some() {
        return Err(already_a_member());
    }
    if organization.details.max_members.is_some_and(|most| organization.stats.n_members >= most) {
        return Err(Refusal::conflict("The organization has as many members as it may have."));
    }
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
    let place = (before.issuer_id, before.org_id);
    let locked = change.unit().organizations().lock(place.0, place.1).await?;
    let organization = locked.ok_or(Refusal::NotFound)?;
    let details: MembershipDetails = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let mut errors = FieldErrors::new();
    let groups = match (&patch.groups, &patch.roles) {
        (None, Some(roles)) => resolved(change, place, roles, &mut errors).await?,
        (Some(groups), None) => known_groups(change, place, groups, &mut errors).await?,
        (Some(groups), Some(roles)) => {
            // What was read can be sent back; anything else says two things at once.
            let groups = known_groups(change, place, groups, &mut errors).await?;
            if resolved(change, place, roles, &mut errors).await? != groups {
                errors.add("groups", FieldCode::NotAllowed, "contradicts the roles");
            }
            groups
        }
        (None, None) => before.groups.clone(),
    };
    if groups != before.groups {
        changes.push("groups".to_owned());
    }
    if details.scopes != before.details.scopes {
        details.scopes.check_below(&organization.details.scopes, &mut errors);
    }
    if details.scopes != before.details.scopes || groups != before.groups {
        check_some(&details.scopes, &groups, &mut errors);
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
    let after = Membership { details, groups, metadata, updated_at, ..before.clone() };
    check_given(change, &patch.grantor, Some(&before), &after).await?;
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
    // Agents become members by no rule.
    if matches!(membership.member_id, MemberId::User(_)) {
        change.unit().memberships().remember_removal(membership).await?;
    }
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

/// The groups of the organization among those that a caller named.
async fn known_groups(
    change: &Change<'_>,
    (issuer, organization): (IssuerId, OrganizationId),
    named: &[GroupId],
    errors: &mut FieldErrors,
) -> Result<BTreeSet<GroupId>, Refusal> {
    if named.is_empty() {
        return Ok(BTreeSet::new());
    }
    let known = change.reads().groups().of_organization(issuer, organization).await?;
    let known: BTreeSet<GroupId> = known.iter().map(|group| group.id).collect();
    for (index, _) in named.iter().enumerate().filter(|(_, group)| !known.contains(group)) {
        let message = "the organization has no such group";
        errors.add(format!("groups.{index}"), FieldCode::UnknownReference, message);
    }
    Ok(named.iter().copied().collect())
}

/// The groups that carry out roles; a group that is missing is made.
async fn resolved(
    change: &mut Change<'_>,
    (issuer, organization): (IssuerId, OrganizationId),
    roles: &[NamedRole],
    errors: &mut FieldErrors,
) -> Result<BTreeSet<GroupId>, Refusal> {
    let mut groups = BTreeSet::new();
    for role in roles {
        match group::resolve(change, issuer, organization, &role.name, &role.field).await {
            Ok(group) => {
                groups.insert(group.id);
            }
            Err(Refusal::Fields(found)) => {
                found.iter().for_each(|error| errors.add(&error.field, error.code, &error.message));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(groups)
}

/// The role that the type of an organization gives by default.
async fn default_role(change: &Change<'_>, issuer: IssuerId, org_type: &str) -> Result<Option<NamedRole>, Refusal> {
    let settings = change.reads().issuers().organization_settings(issuer).await?;
    let role = settings.and_then(|settings| settings.types.get(org_type)?.default_role.clone());
    Ok(role.map(|name| NamedRole { name, field: "role".to_owned() }))
}

fn check_some(scopes: &Scopes, groups: &BTreeSet<GroupId>, errors: &mut FieldErrors) {
    if scopes.is_empty() && groups.is_empty() {
        errors.add("scopes", FieldCode::Required, "a member holds at least one scope, or belongs to a group");
    }
}

/// Lets the grantor give scopes in an organization. In that of an account they are rights on the account (core-api 1.9);
/// in any other they mean what the tenant makes of them.
///
/// # Errors
/// [`Refusal::InsufficientScope`], naming the first scope that the grantor may not give.
pub async fn check_grant(
    reads: &dyn Reads,
    grantor: &Grantor,
    organization: OrganizationId,
    given: &Scopes,
) -> Result<(), Refusal> {
    match grantor.permit(given) {
        Err(refusal) if reads.accounts().exists(organization.account()).await? => Err(refusal),
        _ => Ok(()),
    }
}

/// As [`check_grant`], for all that a membership comes to, directly or through a group.
async fn check_given(
    change: &Change<'_>,
    grantor: &Grantor,
    before: Option<&Membership>,
    after: &Membership,
) -> Result<(), Refusal> {
    let organization = after.org_id;
    if *grantor == Grantor::Unbounded || !change.reads().accounts().exists(organization.account()).await? {
        return Ok(());
    }
    let groups = change.reads().groups().of_organization(after.issuer_id, organization).await?;
    let groups = group::shown(change.reads(), after.issuer_id, groups).await?;
    let held = |membership: &Membership| {
        let theirs = groups.iter().filter(|group| membership.groups.contains(&group.id));
        with_groups(&membership.details.scopes, theirs.map(|group| &group.details.scopes))
    };
    let given = match before {
        None => held(after),
        Some(before) => before.gives(&held(before), after, &held(after)),
    };
    grantor.permit(&given)
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
