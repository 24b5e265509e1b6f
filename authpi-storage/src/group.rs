//! Groups in SQL. The counter of the organization changes with the rows.

use async_trait::async_trait;
use authpi_core::group::model::{Group, GroupDetails, NameKey};
use authpi_core::group::repository::{DeletingGroup, GroupReads, GroupRepository};
use authpi_core::id::{GroupId, Id, IssuerId, OrganizationId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::page::{Page, PageRequest};
use authpi_core::scope::Scopes;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::batch;
use crate::convert::{Place, id, scopes_json, time, to_json};
use crate::entity::group::{ActiveModel, Column, Entity, Model};
use crate::entity::organization;
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};
use crate::version::next_version;

pub(crate) fn group(row: Model) -> Result<Group, StoreError> {
    let place = Place { table: "authpi_group", id: row.id };
    Ok(Group {
        id: id(row.id),
        org_id: id(row.org_id),
        issuer_id: id(row.issuer_id),
        details: GroupDetails {
            name: row.name,
            description: row.description,
            scopes: place.json("scopes", row.scopes)?,
        },
        role: row.role,
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(group: &Group) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        name: Set(group.details.name.clone()),
        name_key: Set(Some(NameKey::of(&group.details.name).as_bytes().to_vec())),
        role: Set(group.role.clone()),
        description: Set(group.details.description.clone()),
        scopes: Set(scopes_json(&group.own_scopes())),
        metadata: Set(to_json("group.write", &group.metadata)?),
        updated_at: Set(group.updated_at.as_millis()),
        ..Default::default()
    })
}

/// Groups of an organization of the issuer.
fn of(issuer: IssuerId, organization: OrganizationId) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrgId.eq(organization.uuid()))
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .filter(Column::Deleting.eq(false))
}

/// The row of a group in this very version.
fn version(group: &Group, before: Timestamp) -> Condition {
    Condition::all()
        .add(Column::Id.eq(group.id.uuid()))
        .add(Column::OrgId.eq(group.org_id.uuid()))
        .add(Column::IssuerId.eq(group.issuer_id.uuid()))
        .add(Column::Deleting.eq(false))
        .add(Column::UpdatedAt.eq(before.as_millis()))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> GroupReads for Session<C> {
    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<Group>, StoreError> {
        let row = of(issuer, organization)
            .filter(Column::Id.eq(id.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("group.find"))?;
        row.map(group).transpose()
    }

    async fn find_by_name(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        name: &str,
    ) -> Result<Option<Group>, StoreError> {
        let row = of(issuer, organization)
            .filter(Column::NameKey.eq(NameKey::of(name).as_bytes().to_vec()))
            .one(&self.connection)
            .await
            .map_err(failed("group.find_by_name"))?;
        row.map(group).transpose()
    }

    async fn find_by_role(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        role: &str,
    ) -> Result<Option<Group>, StoreError> {
        let row = of(issuer, organization)
            .filter(Column::Role.eq(role))
            .order_by_asc(Column::Id)
            .one(&self.connection)
            .await
            .map_err(failed("group.find_by_role"))?;
        row.map(group).transpose()
    }

    async fn of_organization(&self, issuer: IssuerId, organization: OrganizationId) -> Result<Vec<Group>, StoreError> {
        let rows = of(issuer, organization)
            .order_by_asc(Column::Id)
            .all(&self.connection)
            .await
            .map_err(failed("group.of_organization"))?;
        rows.into_iter().map(group).collect()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        page: &PageRequest<GroupId>,
    ) -> Result<Page<Group>, StoreError> {
        let mut query = of(issuer, organization).order_by_desc(Column::Id).limit(u64::from(page.limit.get()) + 1);
        if let Some(after) = page.after {
            query = query.filter(Column::Id.lt(after.uuid()));
        }
        let rows = query.all(&self.connection).await.map_err(failed("group.list"))?;
        Ok(Page::cut(rows.into_iter().map(group).collect::<Result<_, StoreError>>()?, page.limit))
    }

    async fn role_is_carried_outside(
        &self,
        issuer: IssuerId,
        role: &str,
        but: Option<OrganizationId>,
    ) -> Result<bool, StoreError> {
        let mut query = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Role.eq(role))
            .filter(Column::Deleting.eq(false));
        if let Some(but) = but {
            query = query.filter(Column::OrgId.ne(but.uuid()));
        }
        let found: Option<Uuid> =
            query.into_tuple().one(&self.connection).await.map_err(failed("group.role_is_carried_outside"))?;
        Ok(found.is_some())
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingGroup>, StoreError> {
        let rows: Vec<(Uuid, Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::IssuerId, Column::OrgId, Column::Id])
            .filter(Column::Deleting.eq(true))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("group.deleting"))?;
        let deleting = |(issuer, org, group)| DeletingGroup { issuer_id: id(issuer), org_id: id(org), id: id(group) };
        Ok(rows.into_iter().map(deleting).collect())
    }
}

impl Unit {
    /// Counts groups into an organization, or out of it. Its version stays: counters are derived data.
    async fn count_groups(&self, organization: OrganizationId, by: i64) -> Result<(), StoreError> {
        let counter = organization::Column::NGroups;
        organization::Entity::update_many()
            .col_expr(counter, Expr::col(counter).add(by))
            .filter(organization::Column::Id.eq(organization.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("group.count"))
    }
}

#[async_trait]
impl GroupRepository for Unit {
    async fn insert(&mut self, group: &Group) -> Result<InsertOutcome, StoreError> {
        let row = ActiveModel {
            id: Set(group.id.uuid()),
            org_id: Set(group.org_id.uuid()),
            issuer_id: Set(group.issuer_id.uuid()),
            deleting: Set(false),
            created_at: Set(group.created_at.as_millis()),
            ..written(group)?
        };
        let key = [Column::OrgId, Column::NameKey];
        let outcome =
            insert_unless_taken(Entity::insert(row), key, &self.connection).await.map_err(failed("group.insert"))?;
        if outcome == InsertOutcome::Taken {
            return Ok(outcome);
        }
        self.count_groups(group.org_id, 1).await?;
        Ok(InsertOutcome::Inserted)
    }

    async fn update(&mut self, group: &Group, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(group)?)
            .filter(version(group, before))
            .exec(&self.connection)
            .await
            .map_err(failed("group.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn begin_delete(&mut self, group: &Group, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let gone = ActiveModel {
            deleting: Set(true),
            name_key: Set(None),
            updated_at: Set(before.next_version(self.now).as_millis()),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(gone)
            .filter(version(group, before))
            .exec(&self.connection)
            .await
            .map_err(failed("group.begin_delete"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.count_groups(group.org_id, -1).await?;
        }
        Ok(outcome)
    }

    async fn remove(&mut self, issuer: IssuerId, id: GroupId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("group.remove"))
    }

    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError> {
        let which = Entity::find().filter(Column::OrgId.eq(organization.uuid()));
        let removed = batch::remove_first(&self.connection, which, Column::Id, limit).await;
        removed.map_err(failed("group.remove_of_organization"))
    }

    async fn detach_role(
        &mut self,
        issuer: IssuerId,
        role: &str,
        scopes: &Scopes,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const OPERATION: &str = "group.detach_role";
        let carrying = Condition::all().add(Column::IssuerId.eq(issuer.uuid())).add(Column::Role.eq(role));
        let which = Entity::find().filter(carrying.clone());
        let found = batch::first_keys(&self.connection, which, Column::Id, limit).await;
        let found = found.map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        let done = Entity::update_many()
            .set(ActiveModel { role: Set(None), scopes: Set(scopes_json(scopes)), ..Default::default() })
            .col_expr(Column::UpdatedAt, next_version(Column::UpdatedAt, self.now))
            .filter(carrying)
            .filter(Column::Id.is_in(found))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
