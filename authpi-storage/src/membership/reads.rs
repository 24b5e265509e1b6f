//! Questions about memberships.

use async_trait::async_trait;
use authpi_core::id::{GroupId, Id, IssuerId, MemberId, MemberKind, OrganizationId};
use authpi_core::membership::model::{Membership, MembershipStatus, OWNER};
use authpi_core::membership::repository::{
    DepartedMember, EffectiveMembership, MemberPosition, MembershipFilter, MembershipReads,
};
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::held;
use super::removal;
use super::row::{kind, membership, one};
use crate::convert::{id, to_word};
use crate::departed;
use crate::entity::membership::{Column, Entity};
use crate::entity::membership_group;
use crate::entity::membership_removal;
use crate::entity::membership_scope::{self, Column as Held};
use crate::entity::user;
use crate::error::failed;
use crate::session::Session;

/// Owners of an organization that are looked at for one who stays.
const OWNERS_EXAMINED: u64 = 1_000;

/// Behind a place in the list, in whichever table the list is walked along.
pub(super) fn behind<C: ColumnTrait>(joined_at: C, member: C, last: MemberPosition) -> Condition {
    let at = last.joined_at.as_millis();
    let same_time = Condition::all().add(joined_at.eq(at)).add(member.lt(last.member));
    // The first condition alone is what the index serves.
    Condition::all().add(joined_at.lte(at)).add(Condition::any().add(joined_at.lt(at)).add(same_time))
}

/// Members of an organization, found along the index of the membership itself.
fn by_time(organization: OrganizationId, filter: &MembershipFilter, after: Option<MemberPosition>) -> Select<Entity> {
    let mut query = Entity::find().filter(Column::OrgId.eq(organization.uuid()));
    if let Some(status) = filter.status {
        query = query.filter(Column::Status.eq(status.as_str()));
    }
    if let Some(last) = after {
        query = query.filter(behind(Column::JoinedAt, Column::MemberId, last));
    }
    query.order_by_desc(Column::JoinedAt).order_by_desc(Column::MemberId)
}

/// Members of an organization who hold a scope directly, found along the index of held scopes.
fn by_scope(
    organization: OrganizationId,
    scope: &str,
    status: Option<MembershipStatus>,
    after: Option<MemberPosition>,
) -> Select<Entity> {
    let holders = Entity::belongs_to(membership_scope::Entity)
        .from((Column::OrgId, Column::MemberId))
        .to((Held::OrgId, Held::MemberId))
        .into();
    let mut query = Entity::find()
        .join(JoinType::InnerJoin, holders)
        .filter(Held::OrgId.eq(organization.uuid()))
        .filter(Held::Scope.eq(scope));
    if let Some(status) = status {
        query = query.filter(Held::Status.eq(status.as_str()));
    }
    if let Some(last) = after {
        query = query.filter(behind(Held::JoinedAt, Held::MemberId, last));
    }
    query.order_by_desc(Held::JoinedAt).order_by_desc(Held::MemberId)
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> MembershipReads for Session<C> {
    async fn was_removed(
        &self,
        organization: OrganizationId,
        member: MemberId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = membership_removal::Entity::find()
            .filter(removal::one(organization.uuid(), member.uuid()))
            .filter(membership_removal::Column::RemovedAt.gte(since.as_millis()))
            .count(&self.connection)
            .await
            .map_err(failed("membership.was_removed"))?;
        Ok(found > 0)
    }

    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<Option<Membership>, StoreError> {
        let row = Entity::find()
            .filter(one(issuer, organization, member)?)
            .one(&self.connection)
            .await
            .map_err(failed("membership.find"))?;
        let Some(found) = row.map(membership).transpose()? else { return Ok(None) };
        Ok(held::with_groups(&self.connection, vec![found]).await?.pop())
    }

    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        filter: &MembershipFilter,
        page: &PageRequest<MemberPosition>,
    ) -> Result<Page<Membership>, StoreError> {
        let query = match &filter.scope {
            Some(held) if held.groups.is_empty() => {
                by_scope(organization, held.scope.as_str(), filter.status, page.after)
            }
            Some(held) => held::by_scope_or_group(organization, held, filter.status, page),
            None => by_time(organization, filter, page.after),
        };
        let rows = query
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .limit(u64::from(page.limit.get()) + 1)
            .all(&self.connection)
            .await
            .map_err(failed("membership.list"))?;
        let memberships = rows.into_iter().map(membership).collect::<Result<_, StoreError>>()?;
        let page = Page::cut(memberships, page.limit);
        Ok(Page { items: held::with_groups(&self.connection, page.items).await?, has_more: page.has_more })
    }

    async fn effective_scopes(
        &self,
        issuer: IssuerId,
        member: MemberId,
    ) -> Result<Vec<EffectiveMembership>, StoreError> {
        held::effective(self, issuer, member).await
    }

    async fn count_in_group(&self, organization: OrganizationId, group: GroupId) -> Result<u64, StoreError> {
        membership_group::Entity::find()
            .filter(membership_group::Column::OrgId.eq(organization.uuid()))
            .filter(membership_group::Column::GroupId.eq(group.uuid()))
            .count(&self.connection)
            .await
            .map_err(failed("membership.count_in_group"))
    }

    async fn is_active_member(&self, organization: OrganizationId, member: MemberId) -> Result<bool, StoreError> {
        let found: Option<Uuid> = Entity::find_by_id((organization.uuid(), member.uuid()))
            .select_only()
            .column(Column::MemberId)
            .filter(Column::MemberType.eq(kind(member)?))
            .filter(Column::Status.eq(MembershipStatus::Active.as_str()))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("membership.is_active_member"))?;
        Ok(found.is_some())
    }

    async fn has_other_owner(&self, organization: OrganizationId, member: MemberId) -> Result<bool, StoreError> {
        let owners: Vec<Uuid> = membership_scope::Entity::find()
            .select_only()
            .column(Held::MemberId)
            .filter(Held::OrgId.eq(organization.uuid()))
            .filter(Held::Scope.eq(OWNER))
            .filter(Held::Status.eq(MembershipStatus::Active.as_str()))
            .filter(Held::MemberId.ne(member.uuid()))
            .limit(OWNERS_EXAMINED)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("membership.has_other_owner"))?;
        // Whose deletion was accepted stays a member until a worker comes by, and an agent owns no account.
        let departed = user::Entity::find()
            .filter(user::Column::Id.is_in(owners.iter().copied()))
            .filter(user::Column::Deleted.eq(true))
            .count(&self.connection)
            .await
            .map_err(failed("membership.has_other_owner"))?;
        let agents = Entity::find()
            .filter(Column::OrgId.eq(organization.uuid()))
            .filter(Column::MemberId.is_in(owners.iter().copied()))
            .filter(Column::MemberType.eq(to_word("membership.has_other_owner", &MemberKind::Agent)?))
            .count(&self.connection)
            .await
            .map_err(failed("membership.has_other_owner"))?;
        Ok(departed + agents < owners.len() as u64)
    }

    async fn owned_by(
        &self,
        issuer: IssuerId,
        member: MemberId,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let memberships = Entity::find()
            .select_only()
            .column(Column::OrgId)
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::MemberId.eq(member.uuid()))
            .filter(Column::Status.eq(MembershipStatus::Active.as_str()))
            .into_query();
        let owned: Vec<Uuid> = membership_scope::Entity::find()
            .select_only()
            .column(Held::OrgId)
            .filter(Held::OrgId.in_subquery(memberships))
            .filter(Held::MemberId.eq(member.uuid()))
            .filter(Held::Scope.eq(OWNER))
            .filter(Condition::all().add_option(after.map(|last| Held::OrgId.gt(last.uuid()))))
            .order_by_asc(Held::OrgId)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("membership.owned_by"))?;
        Ok(owned.into_iter().map(OrganizationId::from_uuid).collect())
    }

    async fn count_of_member(&self, issuer: IssuerId, member: MemberId) -> Result<u64, StoreError> {
        Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::MemberId.eq(member.uuid()))
            .filter(Column::MemberType.eq(kind(member)?))
            .count(&self.connection)
            .await
            .map_err(failed("membership.count_of_member"))
    }

    async fn departed(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedMember>, StoreError> {
        const OPERATION: &str = "membership.departed";
        let members = || (Entity::find(), [Column::IssuerId, Column::MemberId]);
        let users = departed::users(&self.connection, since, members(), limit).await.map_err(failed(OPERATION))?;
        let agents = departed::agents(&self.connection, since, members(), limit).await.map_err(failed(OPERATION))?;
        let users = users.into_iter().map(|(issuer, user)| (issuer, MemberId::User(id(user))));
        let agents = agents.into_iter().map(|(issuer, agent)| (issuer, MemberId::Agent(id(agent))));
        let departed = |(issuer, member)| DepartedMember { issuer_id: id(issuer), member };
        Ok(users.chain(agents).map(departed).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}
