//! Endpoints that change something.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::OrganizationView;
use super::{ALL, ONE, WRITE};
use crate::connection::api::{SsoMember, SsoSent, discovered, written};
use crate::connection::model::Discovery;
use crate::error::Refusal;
use crate::id::{IssuerId, OrganizationId, UserId};
use crate::membership::model::MembershipOrigin;
use crate::metadata::Metadata;
use crate::organization::model::{Organization, OrganizationDetails, OrganizationStatus};
use crate::organization::operations::{self, NewOrganization, OrganizationPatch};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::members::{MetadataMember, StatusNoteMembers, present};
use crate::web::route::Route;

/// Body of `Create`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateOrganization {
    #[serde(default)]
    by_user_id: Option<UserId>,
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    sso: SsoSent,
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
            .and::<SsoMember>()
            .and::<MetadataMember>()
            .requiring(&["name"])
            .ignoring::<OrganizationView>()
            .alias("type", "org_type");
        Some(schema)
    }
}

/// `createOrganization`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateOrganization;
    type Prepared = Discovery;

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createOrganization", "Create an organization")
            .about("organizations", "organization")
            .scope(WRITE)
            .answers::<OrganizationView>(201)
    }

    async fn prepare(&self, call: &Call<CreateOrganization>) -> Result<Discovery, Refusal> {
        let (Ok((issuer,)), Ok(body)) = (call.path::<(IssuerId,)>(), call.body()) else {
            return Ok(Discovery::Unasked);
        };
        discovered(call.services(), call.account()?, issuer, None, &body.sso).await
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreateOrganization, Discovery>,
    ) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let new = NewOrganization {
            details: body.details.clone(),
            metadata: Metadata::from_create(&body.metadata),
            first_member: body.by_user_id.map(|user| (user, MembershipOrigin::Direct)),
        };
        let mut organization = operations::create(change, issuer, new).await?;
        if written(change, (issuer, organization.id), &body.sso, call.prepared()).await? {
            organization = existing(change, issuer, organization.id).await?;
        }
        let view = OrganizationView::counted(&organization, change.reads(), change.now()).await?;
        Ok(Answer::created(view).etag(organization.updated_at))
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateOrganization {
    #[serde(default)]
    status: Option<OrganizationStatus>,
    #[serde(flatten)]
    note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    sso: SsoSent,
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
            .and::<SsoMember>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .ignoring::<OrganizationView>()
            .alias("type", "org_type");
        Some(schema)
    }
}

/// `updateOrganization`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateOrganization;
    type Prepared = Discovery;

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateOrganization", "Update an organization; suspend or reactivate it")
            .about("organizations", "organization")
            .scope(WRITE)
            .conditional()
            .answers::<OrganizationView>(200)
    }

    async fn prepare(&self, call: &Call<UpdateOrganization>) -> Result<Discovery, Refusal> {
        let (Ok((issuer, id)), Ok(body)) = (call.path::<(IssuerId, OrganizationId)>(), call.body()) else {
            return Ok(Discovery::Unasked);
        };
        discovered(call.services(), call.account()?, issuer, Some(id), &body.sso).await
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<UpdateOrganization, Discovery>,
    ) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = existing(change, issuer, id).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = body.note.note(change);
        let patch = OrganizationPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status, note)),
            grantor: call.caller()?.grantor(id),
        };
        let mut after = operations::update(change, before, patch).await?;
        if written(change, (issuer, id), &body.sso, call.prepared()).await? {
            after = existing(change, issuer, id).await?;
        }
        let view = OrganizationView::counted(&after, change.reads(), change.now()).await?;
        Ok(Answer::of(view).etag(after.updated_at))
    }
}

async fn existing(change: &Change<'_>, issuer: IssuerId, id: OrganizationId) -> Result<Organization, Refusal> {
    change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)
}

/// `deleteOrganization`
pub(super) struct Delete;

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
