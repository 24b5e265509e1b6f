//! Orders to take away all access through an organization, in SQL.

use authpi_core::id::{Id, IssuerId, OrganizationId};
use authpi_core::organization::model::AccessRevocation;
use authpi_core::status::StatusNote;
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::{id, time};
use crate::entity::access_revocation::{ActiveModel, Column, Entity, Model};
use crate::error::failed;

fn order(row: Model) -> AccessRevocation {
    AccessRevocation {
        org_id: id(row.org_id),
        issuer_id: id(row.issuer_id),
        account_id: id(row.account_id),
        ordered_at: time(row.ordered_at),
        note: StatusNote { reason: row.reason, by: row.ordered_by },
    }
}

fn of(issuer: IssuerId, organization: OrganizationId) -> Select<Entity> {
    Entity::find_by_id(organization.uuid()).filter(Column::IssuerId.eq(issuer.uuid()))
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    issuer: IssuerId,
    organization: OrganizationId,
) -> Result<Option<AccessRevocation>, StoreError> {
    let row = of(issuer, organization).one(connection).await.map_err(failed("organization.revocation"))?;
    Ok(row.map(order))
}

pub(super) async fn oldest(connection: &impl ConnectionTrait, limit: u32) -> Result<Vec<AccessRevocation>, StoreError> {
    let rows = Entity::find()
        .order_by_asc(Column::OrderedAt)
        .limit(u64::from(limit))
        .all(connection)
        .await
        .map_err(failed("organization.revocations"))?;
    Ok(rows.into_iter().map(order).collect())
}

pub(super) async fn replace(connection: &impl ConnectionTrait, order: &AccessRevocation) -> Result<(), StoreError> {
    const OPERATION: &str = "organization.order_revocation";
    Entity::delete_many()
        .filter(Column::OrgId.eq(order.org_id.uuid()))
        .filter(Column::IssuerId.eq(order.issuer_id.uuid()))
        .exec(connection)
        .await
        .map_err(failed(OPERATION))?;
    let row = ActiveModel {
        org_id: Set(order.org_id.uuid()),
        issuer_id: Set(order.issuer_id.uuid()),
        account_id: Set(order.account_id.uuid()),
        ordered_at: Set(order.ordered_at.as_millis()),
        reason: Set(order.note.reason.clone()),
        ordered_by: Set(order.note.by.clone()),
    };
    Entity::insert(row).exec_without_returning(connection).await.map(|_| ()).map_err(failed(OPERATION))
}

pub(super) async fn finish(connection: &impl ConnectionTrait, order: &AccessRevocation) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::OrgId.eq(order.org_id.uuid()))
        .filter(Column::IssuerId.eq(order.issuer_id.uuid()))
        .filter(Column::OrderedAt.eq(order.ordered_at.as_millis()))
        .exec(connection)
        .await
        .map(|_| ())
        .map_err(failed("organization.finish_revocation"))
}
