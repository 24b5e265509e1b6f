//! Verbs of memberships. The held scopes and the counters of the organization change with the row.

use async_trait::async_trait;
use authpi_core::id::{GroupId, Id, IssuerId, MemberId, MemberKind, OrganizationId};
use authpi_core::membership::model::Membership;
use authpi_core::membership::repository::MembershipRepository;
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::{kind, one, written};
use crate::entity::membership::{ActiveModel, Column, Entity};
use crate::entity::membership_group::{self, Column as Grouped};
use crate::entity::membership_scope::{self, Column as Held};
use crate::entity::organization;
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::Unit;
use crate::version::next_version;

impl Unit {
    /// Counts members into organizations, or out of them. Their version stays: counters are derived data.
    async fn count_members(&self, organizations: &[Uuid], kind: MemberKind, by: i64) -> Result<(), StoreError> {
        let counted = |column: organization::Column| Expr::col(column).add(by);
        let mut update = organization::Entity::update_many()
            .col_expr(organization::Column::NMembers, counted(organization::Column::NMembers));
        if kind == MemberKind::Agent {
            update = update.col_expr(organization::Column::NAgents, counted(organization::Column::NAgents));
        }
        update
            .filter(organization::Column::Id.is_in(organizations.iter().copied()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.count"))
    }

    async fn insert_scopes(&self, membership: &Membership) -> Result<(), StoreError> {
        let rows: Vec<_> = membership
            .details
            .scopes
            .iter()
            .map(|scope| membership_scope::ActiveModel {
                org_id: Set(membership.org_id.uuid()),
                member_id: Set(membership.member_id.uuid()),
                scope: Set(scope.as_str().to_owned()),
                status: Set(membership.details.status.as_str().to_owned()),
                joined_at: Set(membership.joined_at.as_millis()),
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        membership_scope::Entity::insert_many(rows)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.insert_scopes"))
    }

    async fn insert_groups(&self, membership: &Membership) -> Result<(), StoreError> {
        let rows: Vec<_> = membership
            .groups
            .iter()
            .map(|group| membership_group::ActiveModel {
                org_id: Set(membership.org_id.uuid()),
                member_id: Set(membership.member_id.uuid()),
                group_id: Set(group.uuid()),
                status: Set(membership.details.status.as_str().to_owned()),
                joined_at: Set(membership.joined_at.as_millis()),
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        membership_group::Entity::insert_many(rows)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.insert_groups"))
    }

    async fn delete_groups(&self, of: Condition) -> Result<(), StoreError> {
        membership_group::Entity::delete_many()
            .filter(of)
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.delete_groups"))
    }

    async fn delete_scopes(&self, of: Condition) -> Result<(), StoreError> {
        membership_scope::Entity::delete_many()
            .filter(of)
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.delete_scopes"))
    }

    /// Removes memberships, with the scopes and groups they hold. Returns how many there were.
    async fn delete_members(
        &self,
        of: Condition,
        scopes_of: Condition,
        groups_of: Condition,
    ) -> Result<u64, StoreError> {
        self.delete_scopes(scopes_of).await?;
        self.delete_groups(groups_of).await?;
        let done =
            Entity::delete_many().filter(of).exec(&self.connection).await.map_err(failed("membership.delete"))?;
        Ok(done.rows_affected)
    }
}

/// The held scopes of one member.
fn held_by(organization: OrganizationId, member: MemberId) -> Condition {
    Condition::all().add(Held::OrgId.eq(organization.uuid())).add(Held::MemberId.eq(member.uuid()))
}

/// The groups of one member.
fn grouped(organization: OrganizationId, member: MemberId) -> Condition {
    Condition::all().add(Grouped::OrgId.eq(organization.uuid())).add(Grouped::MemberId.eq(member.uuid()))
}

#[async_trait]
impl MembershipRepository for Unit {
    async fn insert(&mut self, membership: &Membership) -> Result<InsertOutcome, StoreError> {
        let row = ActiveModel {
            org_id: Set(membership.org_id.uuid()),
            member_id: Set(membership.member_id.uuid()),
            member_type: Set(kind(membership.member_id)?),
            issuer_id: Set(membership.issuer_id.uuid()),
            joined_at: Set(membership.joined_at.as_millis()),
            ..written(membership)?
        };
        let key = [Column::OrgId, Column::MemberId];
        let outcome = insert_unless_taken(Entity::insert(row), key, &self.connection)
            .await
            .map_err(failed("membership.insert"))?;
        if outcome == InsertOutcome::Taken {
            return Ok(outcome);
        }
        self.insert_scopes(membership).await?;
        self.insert_groups(membership).await?;
        self.count_members(&[membership.org_id.uuid()], membership.member_id.kind(), 1).await?;
        Ok(InsertOutcome::Inserted)
    }

    async fn update(&mut self, membership: &Membership, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(membership)?)
            .filter(one(membership.issuer_id, membership.org_id, membership.member_id)?)
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("membership.update"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.delete_scopes(held_by(membership.org_id, membership.member_id)).await?;
            self.insert_scopes(membership).await?;
            self.delete_groups(grouped(membership.org_id, membership.member_id)).await?;
            self.insert_groups(membership).await?;
        }
        Ok(outcome)
    }

    async fn detach_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const OPERATION: &str = "membership.detach_group";
        let of_group =
            Condition::all().add(Grouped::OrgId.eq(organization.uuid())).add(Grouped::GroupId.eq(group.uuid()));
        let members: Vec<Uuid> = membership_group::Entity::find()
            .select_only()
            .column(Grouped::MemberId)
            .filter(of_group.clone())
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if members.is_empty() {
            return Ok(0);
        }
        self.delete_groups(of_group.add(Grouped::MemberId.is_in(members.iter().copied()))).await?;
        Entity::update_many()
            .col_expr(Column::UpdatedAt, next_version(Column::UpdatedAt, self.now))
            .filter(Column::OrgId.eq(organization.uuid()))
            .filter(Column::MemberId.is_in(members.iter().copied()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(members.len() as u64)
    }

    async fn remove(&mut self, membership: &Membership) -> Result<WriteOutcome, StoreError> {
        let (organization, member) = (membership.org_id, membership.member_id);
        let done = Entity::delete_many()
            .filter(one(membership.issuer_id, organization, member)?)
            .filter(Column::UpdatedAt.eq(membership.updated_at.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("membership.remove"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.delete_scopes(held_by(organization, member)).await?;
            self.delete_groups(grouped(organization, member)).await?;
            self.count_members(&[organization.uuid()], member.kind(), -1).await?;
        }
        Ok(outcome)
    }

    async fn remember_removal(&mut self, membership: &Membership) -> Result<(), StoreError> {
        self.note_removal(membership).await
    }

    async fn purge_removals(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.sweep_removals(before, limit).await
    }

    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError> {
        let members: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::MemberId)
            .filter(Column::OrgId.eq(organization.uuid()))
            .order_by_asc(Column::MemberId)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("membership.remove_of_organization"))?;
        if members.is_empty() {
            return self.forget_removals_from(organization, limit).await;
        }
        let of = Condition::all()
            .add(Column::OrgId.eq(organization.uuid()))
            .add(Column::MemberId.is_in(members.iter().copied()));
        let scopes_of = Condition::all()
            .add(Held::OrgId.eq(organization.uuid()))
            .add(Held::MemberId.is_in(members.iter().copied()));
        let groups_of =
            Condition::all().add(Grouped::OrgId.eq(organization.uuid())).add(Grouped::MemberId.is_in(members));
        self.delete_members(of, scopes_of, groups_of).await
    }

    async fn remove_of_member(&mut self, issuer: IssuerId, member: MemberId, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "membership.remove_of_member";
        let theirs = Condition::all()
            .add(Column::IssuerId.eq(issuer.uuid()))
            .add(Column::MemberId.eq(member.uuid()))
            .add(Column::MemberType.eq(kind(member)?));
        let organizations = Entity::find().select_only().column(Column::OrgId).filter(theirs.clone());
        let found: Vec<Uuid> = organizations
            .clone()
            .order_by_asc(Column::OrgId)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        // Organizations first, in the order of their ids: whoever changes members locks them in this order, too.
        organization::Entity::find()
            .select_only()
            .column(organization::Column::Id)
            .filter(organization::Column::Id.is_in(found.iter().copied()))
            .order_by_asc(organization::Column::Id)
            .lock(LockType::Update)
            .into_tuple::<Uuid>()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        // Somebody else may have removed some of them while this waited.
        let left: Vec<Uuid> = organizations
            .filter(Column::OrgId.is_in(found))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if left.is_empty() {
            return Ok(0);
        }
        self.count_members(&left, member.kind(), -1).await?;
        let scopes_of =
            Condition::all().add(Held::MemberId.eq(member.uuid())).add(Held::OrgId.is_in(left.iter().copied()));
        let groups_of =
            Condition::all().add(Grouped::MemberId.eq(member.uuid())).add(Grouped::OrgId.is_in(left.iter().copied()));
        self.delete_members(theirs.add(Column::OrgId.is_in(left)), scopes_of, groups_of).await
    }
}
