//! Endpoints of organizations (core-api section 16).

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::model::{Organization, OrganizationDetails, OrganizationSecurity, OrganizationStats, OrganizationStatus};
use super::operations::{self, NewOrganization, OrganizationPatch};
use super::repository::{OrganizationFilter, OrganizationListing, StatusFilter};
use crate::error::Refusal;
use crate::id::{IssuerId, OrganizationId, UserId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::page::Page;
use crate::scope::Scopes;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::members::{Joined, MetadataMember, StatusNoteMembers, present};
use crate::web::query::Parameter;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}";
const READ: &str = "issuers.organizations:read";
const WRITE: &str = "issuers.organizations:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::write(Create),
        Operation::read(Get),
        Operation::write(Update),
        Operation::write(Delete),
    ]
}

/// What the server knows of an organization besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationHead {
    id: OrganizationId,
    issuer_id: IssuerId,
    status: OrganizationStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    stats: OrganizationStats,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An organization on the wire.
pub type OrganizationView = Joined<OrganizationHead, OrganizationDetails>;

impl From<&Organization> for OrganizationView {
    fn from(organization: &Organization) -> Self {
        let status = organization.status.clone();
        let first = OrganizationHead {
            id: organization.id,
            issuer_id: organization.issuer_id,
            status: status.value,
            status_at: status.at,
            status_reason: status.reason,
            status_by: status.by,
            stats: organization.stats,
            metadata: organization.metadata.clone(),
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        };
        Self { first, second: organization.details.clone() }
    }
}

/// An organization in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssuerOrganizationsListItem {
    id: OrganizationId,
    issuer_id: IssuerId,
    /// `active`, `suspended` or `deleting`.
    status: String,
    name: Option<String>,
    logo_url: Option<String>,
    org_type: String,
    stats: OrganizationStats,
    security: OrganizationSecurity,
    scopes: Scopes,
    default_member_scopes: Scopes,
    invitation_enabled: bool,
    max_members: Option<u32>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OrganizationListing> for IssuerOrganizationsListItem {
    fn from(listing: OrganizationListing) -> Self {
        let OrganizationListing { organization, deleting } = listing;
        let status = match (deleting, organization.status.value) {
            (true, _) => "deleting",
            (false, OrganizationStatus::Active) => "active",
            (false, OrganizationStatus::Suspended) => "suspended",
        };
        let details = organization.details;
        Self {
            id: organization.id,
            issuer_id: organization.issuer_id,
            status: status.to_owned(),
            name: details.name,
            logo_url: details.logo_url,
            org_type: details.org_type,
            stats: organization.stats,
            security: details.security,
            scopes: details.scopes,
            default_member_scopes: details.default_member_scopes,
            invitation_enabled: details.invitation_enabled,
            max_members: details.max_members,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

/// `listOrganizations`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listOrganizations", "List organizations, newest first")
            .about("organizations", "organization")
            .scope(READ)
            .query([
                Parameter::one_of("status", StatusFilter::WORDS, "Only in this status."),
                Parameter::flag("sso_enabled", "Only with, or without, enterprise sign-on."),
                Parameter::flag("sso_only", "Only where enterprise sign-on is, or is not, the only way in."),
                Parameter::flag("mfa_required", "Only where a second factor is, or is not, required."),
                Parameter::flag("invitation_enabled", "Only with, or without, invitations."),
            ])
            .answers_page::<IssuerOrganizationsListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let query = call.query()?;
        let page = query.page::<OrganizationId>()?;
        // No organization has enterprise sign-on.
        if query.flag("sso_enabled") == Some(true) || query.flag("sso_only") == Some(true) {
            return Ok(Answer::page(&Page::<IssuerOrganizationsListItem>::default(), |item| item.id.to_string()));
        }
        let filter = OrganizationFilter {
            status: query.parsed("status")?,
            mfa_required: query.flag("mfa_required"),
            invitation_enabled: query.flag("invitation_enabled"),
        };
        let found = reads.organizations().list(issuer, &filter, &page).await?;
        Ok(Answer::page(&found.map(IssuerOrganizationsListItem::from), |item| item.id.to_string()))
    }
}

/// Body of [`Create`].
#[derive(Debug, Deserialize)]
pub struct CreateOrganization {
    #[serde(default)]
    by_user_id: Option<UserId>,
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`CreateOrganization`] besides details and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    /// A user of the issuer who becomes the first member, with the scope `owner`.
    by_user_id: Option<UserId>,
}

impl Body for CreateOrganization {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<OrganizationDetails>("CreateOrganization")
            .and::<CreateMembers>()
            .and::<MetadataMember>()
            .requiring(&["name"])
            .ignoring::<OrganizationView>()
            .alias("type", "org_type");
        Some(schema)
    }
}

/// `createOrganization`
struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateOrganization;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createOrganization", "Create an organization")
            .about("organizations", "organization")
            .scope(WRITE)
            .answers::<OrganizationView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateOrganization>) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let new = NewOrganization {
            details: merged(&OrganizationDetails::default(), &body.details)?,
            metadata: Metadata::from_create(&body.metadata),
            first_member: body.by_user_id,
        };
        let organization = operations::create(change, issuer, new).await?;
        Ok(Answer::created(OrganizationView::from(&organization)).etag(organization.updated_at))
    }
}

/// `getOrganization`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getOrganization", "Get an organization")
            .about("organizations", "organization")
            .scope(READ)
            .conditional()
            .answers::<OrganizationView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let organization = reads.organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(OrganizationView::from(&organization)).etag(organization.updated_at))
    }
}

/// Body of [`Update`].
#[derive(Debug, Deserialize)]
pub struct UpdateOrganization {
    #[serde(default)]
    status: Option<OrganizationStatus>,
    #[serde(default)]
    status_reason: Option<String>,
    #[serde(default)]
    status_by: Option<String>,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`UpdateOrganization`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<OrganizationStatus>,
}

impl Body for UpdateOrganization {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<OrganizationDetails>("UpdateOrganization")
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .ignoring::<OrganizationView>()
            .alias("type", "org_type");
        Some(schema)
    }
}

/// `updateOrganization`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateOrganization;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateOrganization", "Update an organization; suspend or reactivate it")
            .about("organizations", "organization")
            .scope(WRITE)
            .conditional()
            .answers::<OrganizationView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateOrganization>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = change.status_note(body.status_reason.clone(), body.status_by.clone());
        let patch = OrganizationPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status, note)),
            grantor: call.caller()?.grantor(id),
        };
        let after = operations::update(change, before, patch).await?;
        Ok(Answer::of(OrganizationView::from(&after)).etag(after.updated_at))
    }
}

/// `deleteOrganization`
struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteOrganization", "Delete an organization with its memberships")
            .about("organizations", "organization")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let organization = change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(organization.updated_at)?;
        operations::delete(change, &organization).await?;
        Ok(Answer::no_content())
    }
}
