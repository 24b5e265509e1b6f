//! Makes and changes invitations.

use std::time::Duration;

use serde_json::Value;

use super::rules::{check_room, given, rules};
use super::send::{Post, new_link, post};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::folding::address_hash;
use crate::group::operations::role_scopes;
use crate::id::{IssuerId, OrganizationId};
use crate::invitation::events;
use crate::invitation::model::{
    Approval, Invitation, InvitationGrant, InvitationState, InvitationStatus, Invitee, MAX_LIFETIME, MIN_LIFETIME,
};
use crate::mailbox::Mailbox;
use crate::membership::model::NamedRole;
use crate::membership::operations::check_grant;
use crate::metadata::Metadata;
use crate::rights::Grantor;
use crate::scope::{Reading, Scopes};
use crate::store::Change;
use crate::timestamp::Timestamp;

/// Who invites, as the caller names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inviter {
    /// By an id of the caller's.
    pub id: Option<String>,
    /// By name.
    pub name: Option<String>,
}

/// A new invitation.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Who is invited.
    pub email: Mailbox,
    /// What becoming a member gives; the defaults of the organization where it has neither scopes nor roles.
    pub grant: InvitationGrant,
    /// Roles instead of those of the grant.
    pub roles: Vec<NamedRole>,
    /// What the inviter says.
    pub message: Option<String>,
    /// Who invites.
    pub inviter: Inviter,
    /// How long it can be accepted; as the organization says where there is none.
    pub lifetime: Option<Duration>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// What bounds the scopes that it may give.
    pub grantor: Grantor,
}

/// What a PATCH says about who invites; `None` leaves what is.
#[derive(Clone, Debug, Default)]
pub struct InviterPatch {
    /// Another id, or none.
    pub id: Option<Option<String>>,
    /// Another name, or none.
    pub name: Option<Option<String>>,
}

/// What a PATCH asks for; `None` leaves what is.
#[derive(Clone, Debug, Default)]
pub struct InvitationPatch {
    /// Scopes instead of those before.
    pub scopes: Option<Scopes>,
    /// Roles instead of those before.
    pub roles: Option<Vec<NamedRole>>,
    /// Another title, or none.
    pub user_title: Option<Option<String>>,
    /// Another message, or none.
    pub message: Option<Option<String>>,
    /// What is said about who invites.
    pub inviter: InviterPatch,
    /// Another end.
    pub expires_at: Option<Timestamp>,
    /// Metadata to merge.
    pub metadata: Option<Value>,
    /// What bounds the scopes that the change may give.
    pub grantor: Grantor,
}

/// Invites an address into an organization. The mail is on its way with the commit, unless somebody has to approve it.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such organization; [`Refusal::Fields`] for what cannot be given;
/// [`Refusal::InsufficientScope`] for what the grantor may not give; [`Refusal::Conflict`] when invitations are off or
/// frozen, for an address that is invited or a member, and when the organization is full.
pub async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    organization: OrganizationId,
    new: NewInvitation,
) -> Result<Invitation, Refusal> {
    let locked = change.unit().organizations().lock(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    let rules = rules(change, issuer, &locked.details.org_type, locked.details.invitations).await?;
    let defaults = InvitationGrant {
        scopes: locked.details.default_member_scopes.below(&locked.details.scopes),
        roles: rules.default_role.iter().cloned().collect(),
        user_title: None,
    };
    let grant = with_defaults(InvitationGrant { roles: names(&new.roles), ..new.grant }, defaults);
    let scopes = checked_grant(change, (issuer, organization), &locked.details.scopes, &grant, &new.roles).await?;
    check_grant(change.reads(), &new.grantor, organization, &scopes).await?;
    if !locked.is_active() {
        return Err(Refusal::conflict("The organization is suspended, and its invitations are frozen."));
    }
    if !locked.details.invitation_enabled {
        return Err(Refusal::conflict("The organization has invitations turned off."));
    }
    let email = new.email.lower_cased();
    let address_hash = address_hash(change.root_of(issuer)?, email.as_str());
    check_room(change, (issuer, organization), &address_hash, None).await?;

    let lifetime = new.lifetime.unwrap_or(rules.lifetime);
    let id = change.mint()?;
    let now = change.now();
    let invitee = Invitee { email: email.as_str().to_owned(), message: new.message, inviter_name: new.inviter.name };
    let known = change.reads().users().with_address(issuer, &address_hash.into()).await?;
    let link = if rules.require_approval { None } else { Some(new_link(change, id)?) };
    let invitation = Invitation {
        id,
        issuer_id: issuer,
        org_id: organization,
        state: match &link {
            Some(link) => InvitationState::Pending { token: link.hash.clone() },
            None => InvitationState::PendingApproval,
        },
        grant,
        address_hash,
        sealed: Some(invitee.sealed(change.root_of(issuer)?, id)?),
        inviter_id: new.inviter.id,
        user_id_invited: known.first().copied(),
        approval: rules.require_approval.then(|| Approval::requested(now)),
        granted_by: change.actor().clone(),
        lifetime,
        expires_at: now.plus(lifetime),
        last_email_sent_at: link.is_some().then_some(now),
        metadata: new.metadata,
        created_at: now,
        updated_at: now,
    };
    change.unit().invitations().insert(&invitation).await?;
    change.emit(events::created(change.account(), &invitation, invitation.status(now), &scopes))?;
    match link {
        Some(link) => post(change, Post { invitation: &invitation, email, link }).await?,
        None => change.emit(events::approval_requested(change.account(), &invitation, &scopes))?,
    }
    Ok(invitation)
}

/// The names of roles, each once.
fn names(roles: &[NamedRole]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for role in roles {
        if !names.contains(&role.name) {
            names.push(role.name.clone());
        }
    }
    names
}

fn with_defaults(grant: InvitationGrant, defaults: InvitationGrant) -> InvitationGrant {
    let is_empty = grant.scopes.is_empty() && grant.roles.is_empty();
    if is_empty { InvitationGrant { user_title: grant.user_title, ..defaults } } else { grant }
}

/// All that the grant gives, when it gives something and the organization has it.
async fn checked_grant(
    change: &Change<'_>,
    (issuer, organization): (IssuerId, OrganizationId),
    ceiling: &Scopes,
    grant: &InvitationGrant,
    stated: &[NamedRole],
) -> Result<Scopes, Refusal> {
    let mut errors = FieldErrors::new();
    grant.scopes.check_below(ceiling, &mut errors);
    if grant.scopes.is_empty() && grant.roles.is_empty() {
        errors.add("scopes", FieldCode::Required, "an invitation gives at least one scope or a role");
    }
    for role in &grant.roles {
        if role_scopes(change.reads(), issuer, organization, role).await?.is_none() {
            let field = stated.iter().find(|stated| stated.name == *role).map_or("role", |stated| &stated.field);
            let message = "neither the organization nor the issuer has such a role";
            errors.add(field, FieldCode::UnknownReference, message);
        }
    }
    errors.into_result()?;
    given(change.reads(), issuer, organization, grant).await
}

/// Merges a patch into an invitation. A patch that changes nothing leaves version and events alone; one that gives more
/// than was approved lets the invitation wait for approval again.
///
/// # Errors
/// [`Refusal::Conflict`] unless it is open; [`Refusal::Fields`] for what cannot be given;
/// [`Refusal::InsufficientScope`] for what the grantor may not give; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Invitation,
    patch: InvitationPatch,
) -> Result<Invitation, Refusal> {
    let (issuer, organization) = (before.issuer_id, before.org_id);
    let locked = change.unit().organizations().lock(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    before.changeable(change.now())?;
    let held = given(change.reads(), issuer, organization, &before.grant).await?;
    let grantor = patch.grantor.clone();
    let stated = patch.roles.clone().unwrap_or_default();
    let (mut after, changes) = patched(change, &before, &held, patch)?;
    if changes.is_empty() {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    let mut asks_again = None;
    if after.grant.scopes != before.grant.scopes || after.grant.roles != before.grant.roles {
        let ceiling = &locked.details.scopes;
        let scopes = checked_grant(change, (issuer, organization), ceiling, &after.grant, &stated).await?;
        if !held.covers_all(&scopes, Reading::Application).is_empty() {
            // Who adds answers for the whole.
            check_grant(change.reads(), &grantor, organization, &scopes).await?;
            after.granted_by = change.actor().clone();
            if before.was_approved() && before.status(change.now()) == InvitationStatus::Pending {
                after = after.back_to_approval(change.now())?;
                asks_again = Some(scopes);
            }
        }
    }
    change.unit().invitations().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(change.account(), &after, changes))?;
    if let Some(scopes) = asks_again {
        change.unit().mails().remove_of_invitation(issuer, after.id).await?;
        change.emit(events::approval_requested(change.account(), &after, &scopes))?;
    }
    Ok(after)
}

/// The invitation as the patch wants it, and the names of what differs.
fn patched(
    change: &Change<'_>,
    before: &Invitation,
    held: &Scopes,
    patch: InvitationPatch,
) -> Result<(Invitation, Vec<String>), Refusal> {
    let root = change.root_of(before.issuer_id)?;
    let told = before.invitee(root)?.unwrap_or_default();
    let mut invitee = told.clone();
    let mut after = before.clone();
    // Sent back as they are shown, with those of the roles, they are no others.
    if let Some(scopes) = patch.scopes.filter(|scopes| scopes != held) {
        after.grant.scopes = scopes;
    }
    if let Some(roles) = patch.roles {
        after.grant.roles = names(&roles);
    }
    if let Some(title) = patch.user_title {
        after.grant.user_title = title;
    }
    if let Some(message) = patch.message {
        invitee.message = message;
    }
    if let Some(id) = patch.inviter.id {
        after.inviter_id = id;
    }
    if let Some(name) = patch.inviter.name {
        invitee.inviter_name = name;
    }
    if let Some(end) = patch.expires_at.filter(|end| *end != before.expires_at) {
        after.lifetime = lifetime_until(change.now(), end)?;
        after.expires_at = end;
    }
    after.metadata = before.metadata.patched(patch.metadata.as_ref())?;
    let inviter_differs = invitee.inviter_name != told.inviter_name || after.inviter_id != before.inviter_id;
    let differing = [
        ("expires_at", after.expires_at != before.expires_at),
        ("inviter", inviter_differs),
        ("message", invitee.message != told.message),
        ("metadata", after.metadata != before.metadata),
        ("role", after.grant.roles != before.grant.roles),
        ("scopes", after.grant.scopes != before.grant.scopes),
        ("user_title", after.grant.user_title != before.grant.user_title),
    ];
    if invitee != told {
        after.sealed = Some(invitee.sealed(root, before.id)?);
    }
    let changes = differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    Ok((after, changes.collect()))
}

/// The lifetime that ends at `end`.
///
/// # Errors
/// [`Refusal::Fields`] when it is no lifetime of an invitation.
pub fn lifetime_until(now: Timestamp, end: Timestamp) -> Result<Duration, Refusal> {
    let lifetime = end.since(now);
    if lifetime < MIN_LIFETIME {
        return Err(Refusal::field("expires_at", FieldCode::TooSmall, "must be at least 1 hour from now"));
    }
    if lifetime > MAX_LIFETIME {
        return Err(Refusal::field("expires_at", FieldCode::TooBig, "must be at most 90 days from now"));
    }
    Ok(lifetime)
}
