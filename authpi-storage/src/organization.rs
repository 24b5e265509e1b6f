//! Organizations in SQL.

mod list;
mod revocation;

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, OrganizationId};
use authpi_core::organization::model::{AccessRevocation, Organization, OrganizationStats};
use authpi_core::organization::repository::{
    DeletingOrganization, OrganizationFilter, OrganizationListing, OrganizationReads, OrganizationRepository,
};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{PageRequest, SearchPage};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::issuer;
use crate::entity::organization::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::session::{Session, Unit};

fn organization(row: Model) -> Result<Organization, StoreError> {
    let place = Place { table: "authpi_organization", id: row.id };
    let value = place.word("status", &row.status)?;
    Ok(Organization {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: place.json("details", row.details)?,
        metadata: place.json("metadata", row.metadata)?,
        stats: OrganizationStats {
            n_members: place.count("n_members", row.n_members)?,
            n_agents: place.count("n_agents", row.n_agents)?,
            n_groups: place.count("n_groups", row.n_groups)?,
        },
        sso: place.json("sso", row.sso)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(organization: &Organization) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "organization.write";
    let status = &organization.status;
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &status.value)?),
        status_at: Set(millis(status.at)),
        status_reason: Set(status.reason.clone()),
        status_by: Set(status.by.clone()),
        mfa_required: Set(organization.details.security.mfa_required),
        invitation_enabled: Set(organization.details.invitation_enabled),
        org_type: Set(organization.details.org_type.clone()),
        details: Set(to_json(OPERATION, &organization.details)?),
        metadata: Set(to_json(OPERATION, &organization.metadata)?),
        updated_at: Set(organization.updated_at.as_millis()),
        ..Default::default()
    })
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> OrganizationReads for Session<C> {
    async fn revocation(&self, issuer: IssuerId, id: OrganizationId) -> Result<Option<AccessRevocation>, StoreError> {
        revocation::find(&self.connection, issuer, id).await
    }

    async fn revocations(&self, limit: u32) -> Result<Vec<AccessRevocation>, StoreError> {
        revocation::oldest(&self.connection, limit).await
    }

    async fn find(&self, issuer: IssuerId, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .one(&self.connection)
            .await
            .map_err(failed("organization.find"))?;
        row.map(organization).transpose()
    }

    async fn find_all(&self, issuer: IssuerId, ids: &[OrganizationId]) -> Result<Vec<Organization>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .all(&self.connection)
            .await
            .map_err(failed("organization.find_all"))?;
        rows.into_iter().map(organization).collect()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        filter: &OrganizationFilter,
        page: &PageRequest<OrganizationId>,
    ) -> Result<SearchPage<OrganizationListing, OrganizationId>, StoreError> {
        list::page(&self.connection, issuer, filter, page).await
    }

    async fn has_type(&self, issuer: IssuerId, org_type: &str) -> Result<bool, StoreError> {
        let found: Option<uuid::Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::OrgType.eq(org_type))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("organization.has_type"))?;
        Ok(found.is_some())
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingOrganization>, StoreError> {
        let issuers = Entity::belongs_to(issuer::Entity).from(Column::IssuerId).to(issuer::Column::Id);
        let rows: Vec<(Uuid, Uuid, Uuid)> = Entity::find()
            .select_only()
            .column(issuer::Column::AccountId)
            .columns([Column::IssuerId, Column::Id])
            .join(JoinType::InnerJoin, issuers.into())
            .filter(Column::Deleting.eq(true))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("organization.deleting"))?;
        let deleting = |(account, issuer, organization)| DeletingOrganization {
            account_id: id(account),
            issuer_id: id(issuer),
            id: id(organization),
        };
        Ok(rows.into_iter().map(deleting).collect())
    }
}

#[async_trait]
impl OrganizationRepository for Unit {
    async fn insert(&mut self, organization: &Organization) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(organization.id.uuid()),
            issuer_id: Set(organization.issuer_id.uuid()),
            deleting: Set(false),
            n_members: Set(organization.stats.n_members.into()),
            n_agents: Set(organization.stats.n_agents.into()),
            n_groups: Set(organization.stats.n_groups.into()),
            sso: Set(to_json("organization.insert", &organization.sso)?),
            sso_enabled: Set(organization.sso.settings.enabled),
            sso_only: Set(organization.sso.settings.sso_only),
            sso_secret: Set(None),
            created_at: Set(organization.created_at.as_millis()),
            ..written(organization)?
        };
        Entity::insert(row)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("organization.insert"))
    }

    async fn update(&mut self, organization: &Organization, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(organization)?)
            .filter(Column::Id.eq(organization.id.uuid()))
            .filter(Column::IssuerId.eq(organization.issuer_id.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("organization.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: OrganizationId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                deleting: Set(true),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("organization.begin_delete"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn lock(&mut self, issuer: IssuerId, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed("organization.lock"))?;
        row.map(organization).transpose()
    }

    async fn remove(&mut self, issuer: IssuerId, id: OrganizationId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("organization.remove"))
    }

    async fn order_revocation(&mut self, order: &AccessRevocation) -> Result<(), StoreError> {
        revocation::replace(&self.connection, order).await
    }

    async fn finish_revocation(&mut self, order: &AccessRevocation) -> Result<(), StoreError> {
        revocation::finish(&self.connection, order).await
    }
}
