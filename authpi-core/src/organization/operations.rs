//! What can be done with organizations.

pub mod access;

use serde_json::{Map, Value};

use super::events::{self, Cascade};
use super::model::{Organization, OrganizationDetails, OrganizationStats, OrganizationStatus};
use crate::delegation::model::DelegationParty;
use crate::error::{FieldCode, Refusal};
use crate::id::{IssuerId, MemberId, OrganizationId, UserId};
use crate::membership::model::{MembershipOrigin, NewMember};
use crate::membership::operations as membership;
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::organization_type::{DEFAULT_TYPE, OrganizationSettings};
use crate::rights::Grantor;
use crate::scope::Scope;
use crate::sso::Sso;
use crate::status::{Status, StatusNote};
use crate::store::Change;

/// A new organization.
#[derive(Clone, Debug, Default)]
pub struct NewOrganization {
    /// Members of [`OrganizationDetails`]; what is left out is as its type has it.
    pub details: Map<String, Value>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// A user of the issuer who becomes the first member, with the scope `owner`, and how that came to be.
    pub first_member: Option<(UserId, MembershipOrigin)>,
}

impl NewOrganization {
    /// An organization with a name, and everything else as its type has it.
    pub fn named(name: impl Into<String>) -> Self {
        Self { details: Map::from_iter([("name".to_owned(), Value::String(name.into()))]), ..Self::default() }
    }
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
        details: completed(change, issuer, &new.details).await?,
        metadata: new.metadata,
        stats: OrganizationStats::default(),
        sso: Sso::default(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().organizations().insert(&organization).await?;
    change.emit(events::created(change.account(), &organization))?;
    match new.first_member {
        None => Ok(organization),
        Some(first) => with_owner(change, organization, first).await,
    }
}

/// The details of a new organization: what its creation says, onto the defaults of its type.
async fn completed(
    change: &mut Change<'_>,
    issuer: IssuerId,
    sent: &Map<String, Value>,
) -> Result<OrganizationDetails, Refusal> {
    let name = sent.get("org_type").and_then(Value::as_str).unwrap_or(DEFAULT_TYPE);
    let settings = settings_with(change, issuer, name).await?;
    let org_type = settings.types.get(name).ok_or_else(unknown_type)?;
    let details: OrganizationDetails = merged(&OrganizationDetails::of_type(name, org_type), sent)?;
    let custom_fields = settings.fields_of(name).completed(details.custom_fields)?;
    Ok(OrganizationDetails { custom_fields, ..details })
}

/// The types of the issuer, held so that the named one stays until the commit.
async fn settings_with(
    change: &mut Change<'_>,
    issuer: IssuerId,
    org_type: &str,
) -> Result<OrganizationSettings, Refusal> {
    // The default type cannot be removed: most organizations wait for nobody.
    if org_type != DEFAULT_TYPE && !change.unit().issuers().lock(issuer).await? {
        return Err(Refusal::NotFound);
    }
    // The very first organization is made before its issuer is.
    Ok(change.reads().issuers().organization_settings(issuer).await?.unwrap_or_default())
}

fn unknown_type() -> Refusal {
    Refusal::field("org_type", FieldCode::UnknownReference, "the issuer has no such organization type")
}

/// Custom fields fit what the issuer and the type say: all of them where the type changes, else what was written.
async fn check_fields(
    change: &mut Change<'_>,
    before: &Organization,
    after: &OrganizationDetails,
) -> Result<(), Refusal> {
    let (issuer, was) = (before.issuer_id, &before.details);
    if was.org_type == after.org_type && was.custom_fields == after.custom_fields {
        return Ok(());
    }
    if was.org_type == after.org_type {
        let settings = change.reads().issuers().organization_settings(issuer).await?.unwrap_or_default();
        return settings.fields_of(&after.org_type).followed(&was.custom_fields, &after.custom_fields);
    }
    // First the organization, then the issuer, as everybody does.
    change.unit().organizations().lock(issuer, before.id).await?;
    let settings = settings_with(change, issuer, &after.org_type).await?;
    if !settings.types.contains_key(&after.org_type) {
        return Err(unknown_type());
    }
    settings.fields_of(&after.org_type).fit(&after.custom_fields)
}

async fn with_owner(
    change: &mut Change<'_>,
    organization: Organization,
    (user, origin): (UserId, MembershipOrigin),
) -> Result<Organization, Refusal> {
    let (issuer, id) = (organization.issuer_id, organization.id);
    if !change.reads().users().exists(issuer, user).await? {
        let message = "the issuer has no such user";
        return Err(Refusal::field("by_user_id", FieldCode::UnknownReference, message));
    }
    let owner: Scope = "owner".parse().map_err(Refusal::internal)?;
    let member = NewMember { origin, ..NewMember::with_scope(MemberId::User(user), owner) };
    membership::add(change, issuer, id, member).await?;
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
    let details: OrganizationDetails = merged(&before.details, &patch.details)?;
    check_fields(change, &before, &details).await?;
    // Checked when they are written, and again when a member gets them.
    let added = details.default_member_scopes.without(&before.details.default_member_scopes);
    membership::check_grant(change.reads(), &patch.grantor, before.id, &added).await?;
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

/// Accepts the deletion of an organization; a worker removes what belongs to it.
///
/// # Errors
/// [`Refusal::Conflict`] for the organization of an account; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, organization: &Organization) -> Result<(), Refusal> {
    if change.reads().accounts().exists(organization.id.account()).await? {
        return Err(Refusal::conflict("The organization of an account is closed with the account."));
    }
    let (issuer, id, version) = (organization.issuer_id, organization.id, organization.updated_at);
    let delegations = DelegationParty::Organization(id);
    let cascade = Cascade {
        invitations: change.reads().invitations().count_of_organization(issuer, id).await?,
        delegations: change.reads().delegations().count_active(issuer, delegations, change.now()).await?,
    };
    change.unit().organizations().begin_delete(issuer, id, version).await?.required()?;
    change.emit(events::deleted(change.account(), organization, cascade))
}
