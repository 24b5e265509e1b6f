//! Clients that are to be told of ended sessions, in SQL.

use async_trait::async_trait;
use authpi_core::id::{ClientId, Id};
use authpi_core::logout::model::LogoutNotice;
use authpi_core::logout::repository::{LogoutReads, LogoutRepository};
use authpi_core::outcome::WriteOutcome;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::batch;
use crate::convert::{Place, id, readable, time};
use crate::entity::logout_notice::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::lease::{LeaseColumns, lease};
use crate::session::{Session, Unit};

/// Where the lease of a notice stands.
const LEASE: LeaseColumns<Column> =
    LeaseColumns { attempts: Column::Attempts, taken: Column::LeasesTaken, due_at: Column::DueAt };

fn notice(row: &Model) -> Result<LogoutNotice, StoreError> {
    let place = Place { table: "authpi_logout_notice", id: row.session_id };
    Ok(LogoutNotice {
        session_id: id(row.session_id),
        issuer_id: id(row.issuer_id),
        client_id: id(row.client_id),
        user_id: id(row.user_id),
        lease: lease(place, row.attempts, row.leases_taken, row.due_at)?,
        created_at: time(row.created_at),
    })
}

/// The notice as somebody read it.
fn still(notice: &LogoutNotice) -> Condition {
    LEASE
        .still(notice.lease)
        .add(Column::SessionId.eq(notice.session_id.uuid()))
        .add(Column::IssuerId.eq(notice.issuer_id.uuid()))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> LogoutReads for Session<C> {
    async fn due(&self, now: Timestamp, limit: u32, busy: &[ClientId]) -> Result<Vec<LogoutNotice>, StoreError> {
        let mut query = Entity::find().filter(Column::DueAt.lte(now.as_millis()));
        if !busy.is_empty() {
            query = query.filter(Column::ClientId.is_not_in(busy.iter().map(|client| client.uuid())));
        }
        let rows = query
            .order_by_asc(Column::DueAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("logout.due"))?;
        Ok(readable(rows.iter().map(notice)))
    }
}

#[async_trait]
impl LogoutRepository for Unit {
    async fn enqueue(&mut self, notice: &LogoutNotice) -> Result<(), StoreError> {
        let row = ActiveModel {
            session_id: Set(notice.session_id.uuid()),
            issuer_id: Set(notice.issuer_id.uuid()),
            client_id: Set(notice.client_id.uuid()),
            user_id: Set(notice.user_id.uuid()),
            created_at: Set(notice.created_at.as_millis()),
            ..Default::default()
        };
        let row = LEASE.written(notice.lease, row).map_err(failed("logout.enqueue"))?;
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("logout.enqueue"))
    }

    async fn update(&mut self, notice: &LogoutNotice, before: &LogoutNotice) -> Result<WriteOutcome, StoreError> {
        let row = LEASE.written(notice.lease, ActiveModel::default()).map_err(failed("logout.update"))?;
        let done = Entity::update_many().set(row).filter(still(before)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("logout.update"))?.rows_affected))
    }

    async fn remove(&mut self, notice: &LogoutNotice) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many().filter(still(notice)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("logout.remove"))?.rows_affected))
    }

    async fn purge(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = Entity::find().filter(Column::CreatedAt.lt(at.as_millis())).order_by_asc(Column::CreatedAt);
        batch::remove_first(&self.connection, old, Column::SessionId, limit).await.map_err(failed("logout.purge"))
    }
}
