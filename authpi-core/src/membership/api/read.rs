//! Lists members, and shows one.

use async_trait::async_trait;

use super::view::{GroupNames, MembershipView, shown};
use super::{ALL, ONE, READ};
use crate::error::{FieldCode, Refusal};
use crate::group::operations as group;
use crate::id::{IssuerId, MemberId, OrganizationId};
use crate::membership::model::{Membership, MembershipStatus};
use crate::membership::repository::{HeldScope, MemberPosition, MembershipFilter};
use crate::page::{CursorKey, PageRequest};
use crate::scope::Scope;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// The organization in the path is there.
pub(super) async fn existing(reads: &dyn Reads, issuer: IssuerId, organization: OrganizationId) -> Result<(), Refusal> {
    reads.organizations().find(issuer, organization).await?.map(|_| ()).ok_or(Refusal::NotFound)
}

/// The membership in the path.
pub(super) async fn member(
    reads: &dyn Reads,
    (issuer, organization, member): (IssuerId, OrganizationId, MemberId),
) -> Result<Membership, Refusal> {
    existing(reads, issuer, organization).await?;
    reads.memberships().find(issuer, organization, member).await?.ok_or(Refusal::NotFound)
}

/// `listOrganizationMembers`
pub(super) struct List;

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
                Parameter::one_of("status", MembershipStatus::WORDS, "Only in this status."),
                Parameter::text("scope", "Only who holds this very scope, directly or through a group."),
            ])
            .answers_page::<MembershipView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, organization) = call.path()?;
        existing(reads, issuer, organization).await?;
        let query = call.query()?;
        let scope = match query.parsed::<Scope>("scope")? {
            Some(scope) => Some(held(reads, issuer, organization, scope).await?),
            None => None,
        };
        let filter = MembershipFilter { status: query.parsed("status")?, scope };
        let asked = query.page::<MemberCursor>()?;
        let after = match asked.after {
            Some(cursor) => Some(cursor.position(reads, issuer, organization).await?),
            None => None,
        };
        let page = PageRequest { limit: asked.limit, after };
        let found = reads.memberships().list(issuer, organization, &filter, &page).await?;
        let names = GroupNames::of(reads, (issuer, organization), &found.items).await?;
        let shown = found.map(|membership| MembershipView::of(membership, &names));
        Ok(Answer::page(&shown, |last| MemberPosition::from(last).encode()))
    }
}

/// A scope with the groups of the organization that give it now.
async fn held(
    reads: &dyn Reads,
    issuer: IssuerId,
    organization: OrganizationId,
    scope: Scope,
) -> Result<HeldScope, Refusal> {
    let groups = reads.groups().of_organization(issuer, organization).await?;
    let groups = group::shown(reads, issuer, groups).await?;
    let giving = groups.iter().filter(|group| group.details.scopes.contains(&scope));
    let groups = giving.map(|group| group.id).collect();
    Ok(HeldScope { scope, groups })
}

/// `getOrganizationMember`
pub(super) struct Get;

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
        Ok(Answer::of(shown(reads, membership).await?).etag(version))
    }
}
