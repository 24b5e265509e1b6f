//! Verbs of webhooks.

use std::collections::HashSet;

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id, WebhookId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::{DeliveryStatus, Webhook};
use authpi_core::webhook::repository::{DeliveryQueue as _, Requeue, Requeued, WebhookRepository};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::queue::free;
use super::row::{at, circuit_of, written};
use super::sweeps;
use crate::entity::webhook::{ActiveModel, Column, Entity};
use crate::entity::webhook_delivery::{Column as DeliveryColumn, Entity as Deliveries};
use crate::entity::{event, webhook_delivery};
use crate::error::failed;
use crate::session::Unit;
use crate::version::next_version;

/// Ids of one statement: keeps the number of bound values below every backend's limit.
pub(super) const IDS: usize = 500;

impl Unit {
    async fn events_that_exist(&self, among: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        let mut known = HashSet::new();
        for batch in among.chunks(IDS) {
            let found: Vec<Uuid> = event::Entity::find()
                .select_only()
                .column(event::Column::Id)
                .filter(event::Column::Id.is_in(batch.iter().copied()))
                .into_tuple()
                .all(&self.connection)
                .await
                .map_err(failed("webhook.requeue"))?;
            known.extend(found);
        }
        Ok(known)
    }

    async fn failed_deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        which: &Requeue,
    ) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let mut query = Deliveries::find()
            .select_only()
            .columns([DeliveryColumn::Id, DeliveryColumn::EventId])
            .filter(DeliveryColumn::WebhookId.eq(webhook.uuid()))
            .filter(DeliveryColumn::AccountId.eq(account.uuid()))
            .filter(DeliveryColumn::Status.eq(DeliveryStatus::Failed.as_str()))
            .filter(free(self.now))
            .order_by_desc(DeliveryColumn::CreatedAt)
            .order_by_desc(DeliveryColumn::Id)
            .limit(u64::from(which.limit));
        if !which.event_types.is_empty() {
            query = query.filter(DeliveryColumn::EventType.is_in(which.event_types.iter().map(|kind| kind.as_str())));
        }
        if let Some(after) = which.after {
            query = query.filter(DeliveryColumn::CreatedAt.gt(at(after)));
        }
        if let Some(before) = which.before {
            query = query.filter(DeliveryColumn::CreatedAt.lt(at(before)));
        }
        query.into_tuple().all(&self.connection).await.map_err(failed("webhook.requeue"))
    }
}

#[async_trait]
impl WebhookRepository for Unit {
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let circuit = circuit_of(webhook);
        let row = ActiveModel {
            id: Set(webhook.id.uuid()),
            account_id: Set(webhook.account_id.uuid()),
            deleted: Set(false),
            deleted_at: Set(None),
            draining: Set(false),
            wake_at: Set(None),
            hastened_at: Set(None),
            failures: circuit.failures,
            open_since: circuit.open_since,
            probe_at: circuit.probe_at,
            probes: circuit.probes,
            events_after: Set(webhook.events_after.map(Id::uuid)),
            created_at: Set(at(webhook.created_at)),
            ..written(webhook)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("webhook.insert"))
    }

    async fn update(&mut self, webhook: &Webhook, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(webhook)?)
            .filter(Column::Id.eq(webhook.id.uuid()))
            .filter(Column::AccountId.eq(webhook.account_id.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::UpdatedAt.eq(at(before)))
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn set_circuit(&mut self, webhook: &Webhook) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(circuit_of(webhook))
            .filter(Column::Id.eq(webhook.id.uuid()))
            .filter(Column::AccountId.eq(webhook.account_id.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::UpdatedAt.eq(at(webhook.updated_at)))
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.set_circuit"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn delete(
        &mut self,
        account: AccountId,
        id: WebhookId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel { updated_at: Set(at(before.next_version(self.now))), ..sweeps::deleted(self.now) })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::UpdatedAt.eq(at(before)))
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.delete"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn requeue(
        &mut self,
        account: AccountId,
        webhook: WebhookId,
        which: &Requeue,
    ) -> Result<Requeued, StoreError> {
        self.wake(&[webhook], self.now).await?;
        let failures = self.failed_deliveries(account, webhook, which).await?;
        let events: Vec<_> = failures.iter().map(|(_, event)| *event).collect();
        let known = self.events_that_exist(&events).await?;
        let due: Vec<_> = failures.iter().filter(|(_, event)| known.contains(event)).map(|(id, _)| *id).collect();
        let mut queued = 0;
        for batch in due.chunks(IDS) {
            let done = Deliveries::update_many()
                .set(webhook_delivery::ActiveModel {
                    status: Set(DeliveryStatus::Pending.as_str().to_owned()),
                    attempt_count: Set(0),
                    attempt_budget: Set(which.budget.into()),
                    next_attempt_at: Set(Some(at(self.now))),
                    due_at: Set(Some(at(self.now))),
                    enqueued_at: Set(at(self.now)),
                    leased_until: Set(None),
                    lost_leases: Set(0),
                    ..Default::default()
                })
                .col_expr(DeliveryColumn::UpdatedAt, next_version(DeliveryColumn::UpdatedAt, self.now))
                .filter(DeliveryColumn::Id.is_in(batch.iter().copied()))
                .filter(DeliveryColumn::Status.eq(DeliveryStatus::Failed.as_str()))
                .filter(free(self.now))
                .exec(&self.connection)
                .await
                .map_err(failed("webhook.requeue"))?;
            queued += done.rows_affected;
        }
        Ok(Requeued { queued, skipped: (failures.len() - due.len()) as u64 })
    }

    async fn hasten(&mut self, account: AccountId, webhook: WebhookId, limit: u32) -> Result<(), StoreError> {
        let which = Condition::all()
            .add(DeliveryColumn::WebhookId.eq(webhook.uuid()))
            .add(DeliveryColumn::AccountId.eq(account.uuid()));
        let of_account = Condition::all().add(Column::Id.eq(webhook.uuid())).add(Column::AccountId.eq(account.uuid()));
        let awake = ActiveModel { wake_at: Set(Some(at(self.now))), ..Default::default() };
        let query = Entity::update_many().set(awake).filter(of_account.clone()).filter(Column::Deleted.eq(false));
        query.exec(&self.connection).await.map_err(failed("webhook.hasten"))?;
        let is_left = sweeps::hasten(self, which, self.now, limit).await? >= u64::from(limit);
        let rest = ActiveModel { hastened_at: Set(is_left.then(|| at(self.now))), ..Default::default() };
        let query = Entity::update_many().set(rest).filter(of_account);
        query.exec(&self.connection).await.map_err(failed("webhook.hasten"))?;
        Ok(())
    }

    async fn hasten_on(&mut self, limit: u32) -> Result<u64, StoreError> {
        sweeps::hasten_on(self, limit).await
    }

    async fn erase_previous_secrets(&mut self, limit: u32) -> Result<u64, StoreError> {
        sweeps::erase_previous_secrets(self, limit).await
    }

    async fn cancel_orphans(&mut self, limit: u32) -> Result<Option<u64>, StoreError> {
        sweeps::cancel_orphans(self, limit).await
    }

    async fn purge_deliveries(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sweeps::purge_deliveries(self, older_than, limit).await
    }

    async fn purge_deleted(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sweeps::purge_deleted(self, older_than, limit).await
    }

    async fn delete_of_account(&mut self, account: AccountId) -> Result<u64, StoreError> {
        sweeps::delete_of_account(self, account).await
    }

    async fn remove_of_account(&mut self, account: AccountId, limit: u32) -> Result<u64, StoreError> {
        sweeps::remove_of_account(self, account, limit).await
    }
}
