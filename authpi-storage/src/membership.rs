//! Memberships in SQL.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, MemberId, MemberKind, OrganizationId};
use authpi_core::membership::model::{Membership, MembershipDetails, MembershipStatus, OWNER};
use authpi_core::membership::repository::{MemberPosition, MembershipFilter, MembershipReads, MembershipRepository};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use crate::convert::{Place, id, scopes_json, time, to_json, to_word};
use crate::entity::membership::{ActiveModel, Column, Entity, Model};
use crate::entity::{membership_scope, organization};
use crate::error::failed;
use crate::session::{Session, Unit};

use membership_scope::Column as Held;

fn membership(row: Model) -> Result<Membership, StoreError> {
    let place = Place { table: "authpi_membership", id: row.member_id };
    let member_id = match place.word("member_type", &row.member_type)? {
        MemberKind::User => MemberId::User(id(row.member_id)),
        MemberKind::Agent => MemberId::Agent(id(row.member_id)),
    };
    Ok(Membership {
        org_id: id(row.org_id),
        member_id,
        issuer_id: id(row.issuer_id),
        details: MembershipDetails {
            status: place.word("status", &row.status)?,
            scopes: place.json("scopes", row.scopes)?,
            user_title: row.user_title,
        },
        metadata: place.json("metadata", row.metadata)?,
        joined_at: time(row.joined_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(membership: &Membership) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        status: Set(membership.details.status.as_str().to_owned()),
        scopes: Set(scopes_json(&membership.details.scopes)),
        user_title: Set(membership.details.user_title.clone()),
        metadata: Set(to_json("membership.write", &membership.metadata)?),
        updated_at: Set(membership.updated_at.as_millis()),
        ..Default::default()
    })
}

fn kind(member: MemberId) -> Result<String, StoreError> {
    to_word("membership.member", &member.kind())
}

/// The rows of one membership, whose primary key says nothing about the kind of the member.
fn one(issuer: IssuerId, organization: OrganizationId, member: MemberId) -> Result<Condition, StoreError> {
    Ok(Condition::all()
        .add(Column::OrgId.eq(organization.uuid()))
        .add(Column::MemberId.eq(member.uuid()))
        .add(Column::MemberType.eq(kind(member)?))
        .add(Column::IssuerId.eq(issuer.uuid())))
}

/// Behind a place in the list, in whichever table the list is walked along.
fn behind<C: ColumnTrait>(joined_at: C, member: C, last: MemberPosition) -> Condition {
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

/// Members of an organization who hold a scope, found along the index of held scopes.
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
        row.map(membership).transpose()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        filter: &MembershipFilter,
        page: &PageRequest<MemberPosition>,
    ) -> Result<Page<Membership>, StoreError> {
        let query = match &filter.scope {
            Some(scope) => by_scope(organization, scope.as_str(), filter.status, page.after),
            None => by_time(organization, filter, page.after),
        };
        let rows = query
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .limit(u64::from(page.limit.get()) + 1)
            .all(&self.connection)
            .await
            .map_err(failed("membership.list"))?;
        let memberships = rows.into_iter().map(membership).collect::<Result<_, StoreError>>()?;
        Ok(Page::cut(memberships, page.limit))
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
        let found: Option<Uuid> = membership_scope::Entity::find()
            .select_only()
            .column(Held::MemberId)
            .filter(Held::OrgId.eq(organization.uuid()))
            .filter(Held::Scope.eq(OWNER))
            .filter(Held::Status.eq(MembershipStatus::Active.as_str()))
            .filter(Held::MemberId.ne(member.uuid()))
            .limit(1)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("membership.has_other_owner"))?;
        Ok(found.is_some())
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
}

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

    async fn delete_scopes(&self, of: Condition) -> Result<(), StoreError> {
        membership_scope::Entity::delete_many()
            .filter(of)
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.delete_scopes"))
    }

    /// Removes memberships, with the scopes they hold. Returns how many there were.
    async fn delete_members(&self, of: Condition, scopes_of: Condition) -> Result<u64, StoreError> {
        self.delete_scopes(scopes_of).await?;
        let done =
            Entity::delete_many().filter(of).exec(&self.connection).await.map_err(failed("membership.delete"))?;
        Ok(done.rows_affected)
    }
}

/// The held scopes of one member.
fn held_by(organization: OrganizationId, member: MemberId) -> Condition {
    Condition::all().add(Held::OrgId.eq(organization.uuid())).add(Held::MemberId.eq(member.uuid()))
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
        let rows = Entity::insert(row)
            .on_conflict(OnConflict::columns(key).do_nothing_on(key).to_owned())
            .exec_without_returning(&self.connection)
            .await
            .map_err(failed("membership.insert"))?;
        if rows == 0 {
            return Ok(InsertOutcome::Taken);
        }
        self.insert_scopes(membership).await?;
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
        }
        Ok(outcome)
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
            self.count_members(&[organization.uuid()], member.kind(), -1).await?;
        }
        Ok(outcome)
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
            return Ok(0);
        }
        let of = Condition::all()
            .add(Column::OrgId.eq(organization.uuid()))
            .add(Column::MemberId.is_in(members.iter().copied()));
        let scopes_of = Condition::all().add(Held::OrgId.eq(organization.uuid())).add(Held::MemberId.is_in(members));
        self.delete_members(of, scopes_of).await
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
        self.delete_members(theirs.add(Column::OrgId.is_in(left)), scopes_of).await
    }
}
