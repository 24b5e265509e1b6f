//! Endpoints of members of organizations (core-api section 17).

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::model::{Grantor, Membership, MembershipDetails, MembershipOrigin, MembershipStatus, NewMember};
use super::operations::{self, MembershipPatch};
use super::repository::{MemberPosition, MembershipFilter};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{GroupId, IssuerId, MemberId, MemberKind, OrganizationId, is_opaque_id};
use crate::merge::merged;
use crate::metadata::{self, Metadata};
use crate::page::{CursorKey, PageRequest};
use crate::scope::{Scope, Scopes};
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::caller::Credential;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::members::{MetadataMember, present};
use crate::web::query::Parameter;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members/{member_id}";
const READ: &str = "issuers.organizations.members:read";
const WRITE: &str = "issuers.organizations.members:write";

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

/// A membership on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationMembership)]
pub struct MembershipView {
    org_id: OrganizationId,
    member_id: MemberId,
    member_type: MemberKind,
    issuer_id: IssuerId,
    status: MembershipStatus,
    scopes: Scopes,
    groups: Vec<GroupId>,
    user_title: Option<String>,
    metadata: Metadata,
    joined_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        Self {
            org_id: membership.org_id,
            member_id: membership.member_id,
            member_type: membership.member_id.kind(),
            issuer_id: membership.issuer_id,
            status: membership.details.status,
            scopes: membership.details.scopes,
            groups: Vec::new(),
            user_title: membership.details.user_title,
            metadata: membership.metadata,
            joined_at: membership.joined_at,
            updated_at: membership.updated_at,
        }
    }
}

impl From<&MembershipView> for MemberPosition {
    fn from(view: &MembershipView) -> Self {
        Self { joined_at: view.joined_at, member: view.member_id.uuid() }
    }
}

/// The organization in the path is there.
async fn existing(reads: &dyn Reads, issuer: IssuerId, organization: OrganizationId) -> Result<(), Refusal> {
    reads.organizations().find(issuer, organization).await?.map(|_| ()).ok_or(Refusal::NotFound)
}

/// The membership in the path.
async fn member(
    reads: &dyn Reads,
    (issuer, organization, member): (IssuerId, OrganizationId, MemberId),
) -> Result<Membership, Refusal> {
    existing(reads, issuer, organization).await?;
    reads.memberships().find(issuer, organization, member).await?.ok_or(Refusal::NotFound)
}

/// What bounds the scopes that the caller may give in `organization`.
fn grantor<B: Body>(call: &Call<B>, organization: OrganizationId) -> Result<Grantor, Refusal> {
    let caller = call.caller()?;
    let Credential::ApiKey(_) = caller.credential;
    Ok(Grantor::ApiKey(caller.in_account(organization.account()).cloned().unwrap_or_default()))
}

/// `listOrganizationMembers`
struct List;

/// Where a page begins: at a place in the list, or behind a member who is still there.
#[derive(Clone, Copy)]
enum MemberCursor {
    Position(MemberPosition),
    Member(MemberId),
}

impl CursorKey for MemberCursor {
    fn encode(&self) -> String {
        match self {
            Self::Position(position) => position.encode(),
            Self::Member(member) => member.to_string(),
        }
    }

    fn decode(cursor: &str) -> Option<Self> {
        let position = || MemberPosition::decode(cursor).map(Self::Position);
        cursor.parse().ok().map(Self::Member).or_else(position)
    }
}

impl MemberCursor {
    async fn position(
        self,
        reads: &dyn Reads,
        issuer: IssuerId,
        organization: OrganizationId,
    ) -> Result<MemberPosition, Refusal> {
        let member = match self {
            Self::Position(position) => return Ok(position),
            Self::Member(member) => member,
        };
        let found = reads.memberships().find(issuer, organization, member).await?;
        let gone = || Refusal::field("cursor", FieldCode::InvalidFormat, "is not a member of the organization");
        found.as_ref().map(MemberPosition::from).ok_or_else(gone)
    }
}

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listOrganizationMembers", "List the members of an organization, newest first")
            .about("members", "membership")
            .scope(READ)
            .query([
                Parameter::one_of("status", &["active", "suspended"], "Only in this status."),
                Parameter::text("scope", "Only who holds this very scope directly."),
            ])
            .answers_page::<MembershipView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(reads, issuer, organization).await?;
        let query = call.query()?;
        let filter = MembershipFilter {
            status: query.text("status").map(|status| match status {
                "suspended" => MembershipStatus::Suspended,
                _ => MembershipStatus::Active,
            }),
            scope: query.parsed::<Scope>("scope")?,
        };
        let asked = query.page::<MemberCursor>()?;
        let after = match asked.after {
            Some(cursor) => Some(cursor.position(reads, issuer, organization).await?),
            None => None,
        };
        let page = PageRequest { limit: asked.limit, after };
        let found = reads.memberships().list(issuer, organization, &filter, &page).await?;
        Ok(Answer::page(&found.map(MembershipView::from), |last| MemberPosition::from(last).encode()))
    }
}

/// Body of [`Create`].
#[derive(Debug, Deserialize)]
pub struct AddMember {
    member_id: MemberId,
    #[serde(default)]
    groups: Vec<GroupId>,
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`AddMember`] besides details, groups and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct MemberIdMember {
    /// A user or an agent of the issuer.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_]{1,64}$")]
    member_id: MemberId,
}

/// Groups in a body.
#[derive(Default, ToSchema, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "states the schema only")]
struct GroupsMember {
    /// Groups of the organization.
    #[schema(value_type = Vec<String>, max_items = 100)]
    groups: Vec<GroupId>,
}

impl Body for AddMember {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<MembershipDetails>("AddMember")
            .and::<MemberIdMember>()
            .and::<GroupsMember>()
            .and::<MetadataMember>()
            .ignoring::<MembershipView>();
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        // An opaque text that is no id names nobody (conventions §3).
        let text = sent.get("member_id").and_then(Value::as_str);
        if text.is_some_and(|text| is_opaque_id(text) && text.parse::<MemberId>().is_err()) {
            errors.add("member_id", FieldCode::UnknownReference, "the issuer has no such user or agent");
        }
        check_members(sent, errors);
    }
}

fn check_members(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    if let Some(value) = sent.get("metadata") {
        metadata::check("metadata", value, errors);
    }
    let groups = sent.get("groups").and_then(Value::as_array).into_iter().flatten();
    for (index, group) in groups.enumerate() {
        if group.as_str().is_some_and(|text| text.parse::<GroupId>().is_err()) {
            let message = "the organization has no such group";
            errors.add(format!("groups.{index}"), FieldCode::UnknownReference, message);
        }
    }
}

/// `addOrganizationMember`
struct Create;

#[async_trait]
impl Write for Create {
    type Body = AddMember;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("addOrganizationMember", "Add a user or an agent to an organization")
            .about("members", "membership")
            .scope(WRITE)
            .answers::<MembershipView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<AddMember>) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(change.reads(), issuer, organization).await?;
        let body = call.body()?;
        let details: MembershipDetails = merged(&MembershipDetails::default(), &body.details)?;
        let new = NewMember {
            member_id: body.member_id,
            scopes: details.scopes,
            groups: body.groups.clone(),
            user_title: details.user_title,
            status: details.status,
            metadata: Metadata::from_create(&body.metadata),
            origin: MembershipOrigin::Direct,
            grantor: grantor(call, organization)?,
        };
        let membership = operations::add(change, issuer, organization, new).await?;
        let version = membership.updated_at;
        Ok(Answer::created(MembershipView::from(membership)).etag(version))
    }
}

/// `getOrganizationMember`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getOrganizationMember", "Get a membership")
            .about("members", "membership")
            .scope(READ)
            .extension()
            .conditional()
            .answers::<MembershipView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let membership = member(reads, call.path()?).await?;
        let version = membership.updated_at;
        Ok(Answer::of(MembershipView::from(membership)).etag(version))
    }
}

/// Body of [`Update`].
#[derive(Debug, Deserialize)]
pub struct UpdateMember {
    #[serde(default)]
    groups: Option<Vec<GroupId>>,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl Body for UpdateMember {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<MembershipDetails>("UpdateMember")
            .and::<GroupsMember>()
            .and::<MetadataMember>()
            .ignoring::<MembershipView>();
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_members(sent, errors);
    }
}

/// `updateOrganizationMember`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateMember;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateOrganizationMember", "Update a membership; suspend or reactivate it")
            .about("members", "membership")
            .scope(WRITE)
            .conditional()
            .answers::<MembershipView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateMember>) -> Result<Answer, Refusal> {
        let before = member(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let patch = MembershipPatch {
            details: body.details.clone(),
            groups: body.groups.clone(),
            metadata: body.metadata.clone(),
            grantor: grantor(call, before.org_id)?,
        };
        let after = operations::update(change, before, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(MembershipView::from(after)).etag(version))
    }
}

/// `removeOrganizationMember`
struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("removeOrganizationMember", "Remove a member from an organization")
            .about("members", "membership")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let membership = member(change.reads(), call.path()?).await?;
        call.precondition(membership.updated_at)?;
        operations::remove(change, &membership).await?;
        Ok(Answer::no_content())
    }
}
