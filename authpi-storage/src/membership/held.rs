//! What members hold through groups.

use std::collections::{BTreeMap, BTreeSet};

use authpi_core::group::model::Group;
use authpi_core::id::{Id, IssuerId, MemberId, OrganizationId};
use authpi_core::issuer::repository::IssuerReads;
use authpi_core::membership::model::{Membership, MembershipStatus, effective as effective_of};
use authpi_core::membership::repository::{EFFECTIVE_MEMBERSHIPS, EffectiveMembership, HeldScope, MemberPosition};
use authpi_core::organization::model::{OrganizationDetails, OrganizationStatus};
use authpi_core::page::PageRequest;
use authpi_core::role::Roles;
use authpi_core::scope::Scopes;
use authpi_core::store::StoreError;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use uuid::Uuid;

use super::reads::behind;
use super::row::kind;
use crate::convert::{Place, id, time};
use crate::entity::group;
use crate::entity::membership::{Column, Entity};
use crate::entity::membership_group::{self, Column as Grouped};
use crate::entity::membership_scope::{self, Column as Held};
use crate::entity::organization::{self, Column as Organizations};
use crate::error::failed;
use crate::session::Session;

/// Name of the holders in a statement that joins them.
const HOLDERS: &str = "holders";

/// Ids of one statement: keeps the number of bound values below every backend's limit.
const IDS: usize = 500;

/// Members of an organization who hold a scope directly or through a group. Each way to hold it is walked along its own
/// index, no further than one page: what the groups give may change at any time, and no row of a member says it.
pub(super) fn by_scope_or_group(
    organization: OrganizationId,
    held: &HeldScope,
    status: Option<MembershipStatus>,
    page: &PageRequest<MemberPosition>,
) -> Select<Entity> {
    let mut directly = membership_scope::Entity::find()
        .select_only()
        .columns([Held::OrgId, Held::MemberId])
        .filter(Held::OrgId.eq(organization.uuid()))
        .filter(Held::Scope.eq(held.scope.as_str()))
        .order_by_desc(Held::JoinedAt)
        .order_by_desc(Held::MemberId)
        .limit(u64::from(page.limit.get()) + 1);
    if let Some(status) = status {
        directly = directly.filter(Held::Status.eq(status.as_str()));
    }
    if let Some(last) = page.after {
        directly = directly.filter(behind(Held::JoinedAt, Held::MemberId, last));
    }
    let mut holders = part(directly.into_query());
    for group in &held.groups {
        let mut through = membership_group::Entity::find()
            .select_only()
            .columns([Grouped::OrgId, Grouped::MemberId])
            .filter(Grouped::OrgId.eq(organization.uuid()))
            .filter(Grouped::GroupId.eq(group.uuid()))
            .order_by_desc(Grouped::JoinedAt)
            .order_by_desc(Grouped::MemberId)
            .limit(u64::from(page.limit.get()) + 1);
        if let Some(status) = status {
            through = through.filter(Grouped::Status.eq(status.as_str()));
        }
        if let Some(last) = page.after {
            through = through.filter(behind(Grouped::JoinedAt, Grouped::MemberId, last));
        }
        holders.union(UnionType::Distinct, part(through.into_query()));
    }
    let same = |column: &'static str| Expr::col((Alias::new(HOLDERS), Alias::new(column)));
    let on = Condition::all()
        .add(Column::OrgId.into_expr().eq(same("org_id")))
        .add(Column::MemberId.into_expr().eq(same("member_id")));
    let mut query = Entity::find();
    QuerySelect::query(&mut query).join_subquery(JoinType::InnerJoin, holders, Alias::new(HOLDERS), on);
    query.order_by(Column::JoinedAt, Order::Desc).order_by(Column::MemberId, Order::Desc)
}

/// A limited statement in a form that can be united with others on every backend.
fn part(limited: SelectStatement) -> SelectStatement {
    Query::select()
        .columns([Alias::new("org_id"), Alias::new("member_id")])
        .from_subquery(limited, Alias::new("part"))
        .to_owned()
}

/// Memberships with the groups they belong to; those being deleted are left out.
pub(super) async fn with_groups(
    connection: &impl ConnectionTrait,
    mut memberships: Vec<Membership>,
) -> Result<Vec<Membership>, StoreError> {
    let mut found: BTreeMap<(Uuid, Uuid), BTreeSet<_>> = BTreeMap::new();
    for some in memberships.chunks(IDS) {
        let organizations: BTreeSet<Uuid> = some.iter().map(|membership| membership.org_id.uuid()).collect();
        let rows: Vec<(Uuid, Uuid, Uuid)> = membership_group::Entity::find()
            .select_only()
            .columns([Grouped::OrgId, Grouped::MemberId, Grouped::GroupId])
            .join(JoinType::InnerJoin, live_group())
            .filter(Grouped::OrgId.is_in(organizations))
            .filter(Grouped::MemberId.is_in(some.iter().map(|membership| membership.member_id.uuid())))
            .filter(group::Column::Deleting.eq(false))
            .into_tuple()
            .all(connection)
            .await
            .map_err(failed("membership.groups"))?;
        for (organization, member, group) in rows {
            found.entry((organization, member)).or_default().insert(id(group));
        }
    }
    for membership in &mut memberships {
        let key = (membership.org_id.uuid(), membership.member_id.uuid());
        membership.groups = found.remove(&key).unwrap_or_default();
    }
    Ok(memberships)
}

fn live_group() -> sea_orm::RelationDef {
    membership_group::Entity::belongs_to(group::Entity).from(Grouped::GroupId).to(group::Column::Id).into()
}

/// What somebody holds in each of the first organizations: in a few statements, whatever they are a member of.
pub(super) async fn effective<C: ConnectionTrait + Send + Sync>(
    session: &Session<C>,
    issuer: IssuerId,
    member: MemberId,
) -> Result<Vec<EffectiveMembership>, StoreError> {
    const OPERATION: &str = "membership.effective_scopes";
    let organization = Entity::belongs_to(organization::Entity).from(Column::OrgId).to(organization::Column::Id);
    let theirs = Condition::all()
        .add(Column::IssuerId.eq(issuer.uuid()))
        .add(Column::MemberId.eq(member.uuid()))
        .add(Column::MemberType.eq(kind(member)?));
    let rows: Vec<HeldRow> = Entity::find()
        .select_only()
        .columns([Column::OrgId, Column::Status, Column::Scopes, Column::UserTitle, Column::JoinedAt])
        .columns([Organizations::Details, Organizations::MfaRequired, Organizations::SsoOnly])
        .column_as(Organizations::Status, "org_status")
        .join(JoinType::InnerJoin, organization.into())
        .filter(theirs)
        .filter(Organizations::Deleting.eq(false))
        .order_by_asc(Column::OrgId)
        .limit(u64::from(EFFECTIVE_MEMBERSHIPS))
        .into_model()
        .all(&session.connection)
        .await
        .map_err(failed(OPERATION))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let organizations: Vec<_> = rows.iter().map(|row| row.org_id).collect();
    let groups = groups_of(session, issuer, member, &organizations).await?;
    rows.into_iter()
        .map(|row| {
            let through = groups.get(&row.org_id).map_or(&[][..], Vec::as_slice);
            row.effective(member, through)
        })
        .collect()
}

/// A membership with what its organization asks for.
#[derive(FromQueryResult)]
struct HeldRow {
    org_id: Uuid,
    status: String,
    scopes: serde_json::Value,
    user_title: Option<String>,
    joined_at: i64,
    details: serde_json::Value,
    mfa_required: bool,
    sso_only: bool,
    org_status: String,
}

impl HeldRow {
    fn effective(self, member: MemberId, through: &[Scopes]) -> Result<EffectiveMembership, StoreError> {
        let place = Place { table: "authpi_membership", id: member.uuid() };
        let of_organization = Place { table: "authpi_organization", id: self.org_id };
        let details: OrganizationDetails = of_organization.json("details", self.details)?;
        let direct: Scopes = place.json("scopes", self.scopes)?;
        let status: OrganizationStatus = of_organization.word("status", &self.org_status)?;
        Ok(EffectiveMembership {
            org_id: id(self.org_id),
            status: place.word("status", &self.status)?,
            title: self.user_title,
            joined_at: time(self.joined_at),
            scopes: effective_of(&details.scopes, &direct, through),
            suspended_organization: status == OrganizationStatus::Suspended,
            mfa_required: self.mfa_required,
            sso_only: self.sso_only,
        })
    }
}

/// The scopes of somebody's groups, by organization.
async fn groups_of<C: ConnectionTrait + Send + Sync>(
    session: &Session<C>,
    issuer: IssuerId,
    member: MemberId,
    organizations: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Scopes>>, StoreError> {
    let mut rows = Vec::new();
    for some in organizations.chunks(IDS) {
        let of_member =
            group::Entity::belongs_to(membership_group::Entity).from(group::Column::Id).to(Grouped::GroupId);
        let found = group::Entity::find()
            .join(JoinType::InnerJoin, of_member.into())
            .filter(Grouped::MemberId.eq(member.uuid()))
            .filter(Grouped::OrgId.is_in(some.iter().copied()))
            .filter(group::Column::IssuerId.eq(issuer.uuid()))
            .filter(group::Column::Deleting.eq(false))
            .order_by_asc(group::Column::Id)
            .all(&session.connection)
            .await
            .map_err(failed("membership.groups_of"))?;
        rows.extend(found);
    }
    let groups = rows.into_iter().map(crate::group::group).collect::<Result<Vec<Group>, _>>()?;
    let carries_roles = groups.iter().any(|group| group.role.is_some());
    let roles = if carries_roles { session.roles(issuer).await? } else { Roles::default() };
    let mut found: BTreeMap<Uuid, Vec<Scopes>> = BTreeMap::new();
    for group in groups {
        found.entry(group.org_id.uuid()).or_default().push(group.shown(&roles).details.scopes);
    }
    Ok(found)
}
