//! Single sign-on of organizations in SQL: columns of the organization, and the domains that one of an issuer has
//! proven.

use async_trait::async_trait;
use authpi_core::connection::model::Connection;
use authpi_core::connection::repository::{ConnectionReads, ConnectionRepository};
use authpi_core::hostname::Hostname;
use authpi_core::id::{Id, IssuerId, OrganizationId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::convert::{Place, id, time, to_json};
use crate::entity::organization::{ActiveModel, Column, Entity};
use crate::entity::sso_domain::{self, Column as Domain, Entity as Domains};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct ConnectionRow {
    id: Uuid,
    issuer_id: Uuid,
    sso: sea_orm::JsonValue,
    sso_secret: Option<Vec<u8>>,
    updated_at: i64,
}

fn connection(row: ConnectionRow) -> Result<Connection, StoreError> {
    let place = Place { table: "authpi_organization", id: row.id };
    Ok(Connection {
        org_id: id(row.id),
        issuer_id: id(row.issuer_id),
        sso: place.json("sso", row.sso)?,
        secret: row.sso_secret.map(Sealed::from_bytes),
        updated_at: time(row.updated_at),
    })
}

fn proven(issuer: IssuerId, domain: &Hostname) -> Condition {
    Condition::all().add(Domain::IssuerId.eq(issuer.uuid())).add(Domain::Domain.eq(domain.as_str()))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> ConnectionReads for Session<C> {
    async fn find(&self, issuer: IssuerId, organization: OrganizationId) -> Result<Option<Connection>, StoreError> {
        let row = Entity::find_by_id(organization.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .into_partial_model::<ConnectionRow>()
            .one(&self.connection)
            .await
            .map_err(failed("connection.find"))?;
        row.map(connection).transpose()
    }

    async fn owner(&self, issuer: IssuerId, domain: &Hostname) -> Result<Option<OrganizationId>, StoreError> {
        let row = Domains::find()
            .filter(proven(issuer, domain))
            .one(&self.connection)
            .await
            .map_err(failed("connection.owner"))?;
        Ok(row.map(|row| id(row.org_id)))
    }
}

#[async_trait]
impl ConnectionRepository for Unit {
    async fn update(&mut self, connection: &Connection, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let settings = &connection.sso.settings;
        let done = Entity::update_many()
            .set(ActiveModel {
                sso: Set(to_json("connection.update", &connection.sso)?),
                sso_enabled: Set(settings.enabled),
                sso_only: Set(settings.sso_only),
                sso_secret: Set(connection.secret.as_ref().map(|secret| secret.as_bytes().to_vec())),
                updated_at: Set(connection.updated_at.as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(connection.org_id.uuid()))
            .filter(Column::IssuerId.eq(connection.issuer_id.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("connection.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn claim(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
        domain: &Hostname,
    ) -> Result<InsertOutcome, StoreError> {
        let row = sso_domain::ActiveModel {
            issuer_id: Set(issuer.uuid()),
            domain: Set(domain.to_string()),
            org_id: Set(organization.uuid()),
        };
        let key = [Domain::IssuerId, Domain::Domain];
        insert_unless_taken(Domains::insert(row), key, &self.connection).await.map_err(failed("connection.claim"))
    }

    async fn release(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
        domain: &Hostname,
    ) -> Result<(), StoreError> {
        Domains::delete_many()
            .filter(proven(issuer, domain))
            .filter(Domain::OrgId.eq(organization.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("connection.release"))
    }

    async fn release_of_organization(
        &mut self,
        issuer: IssuerId,
        organization: OrganizationId,
    ) -> Result<u64, StoreError> {
        let done = Domains::delete_many()
            .filter(Domain::IssuerId.eq(issuer.uuid()))
            .filter(Domain::OrgId.eq(organization.uuid()))
            .exec(&self.connection)
            .await
            .map_err(failed("connection.release_of_organization"))?;
        Ok(done.rows_affected)
    }
}
