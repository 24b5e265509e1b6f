//! The queue of deliveries in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use authpi_core::id::{Id, WebhookId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::{Delivery, DeliveryStatus, EXPIRED, Webhook, WebhookStatus};
use authpi_core::webhook::repository::{DeliveryQueue, WebhooksFound};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, LockBehavior, LockType, OnConflict};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::{at, delivery, found, new_delivery, progress, webhook};
use super::sweeps::WAITING;
use crate::batch;
use crate::convert::{readable, time, to_word};
use crate::entity::webhook::{ActiveModel, Column, Entity};
use crate::entity::webhook_delivery::{self, Column as DeliveryColumn, Entity as Deliveries};
use crate::error::failed;
use crate::session::Unit;
use crate::version::next_version;

/// Rows of one insert: keeps the number of bound values below every backend's limit.
const ROWS: usize = 250;

/// Deliveries that one statement writes, as all of them become the same.
struct Alike {
    becomes: webhook_delivery::ActiveModel,
    before: Timestamp,
    ids: Vec<Uuid>,
    accounts: BTreeSet<Uuid>,
}

fn grouped(deliveries: &[(Delivery, Timestamp)]) -> Vec<Alike> {
    let mut groups: Vec<Alike> = Vec::new();
    for (after, before) in deliveries {
        let becomes = progress(after);
        let (id, account) = (after.id.uuid(), after.account_id.uuid());
        if let Some(group) = groups.iter_mut().find(|group| group.before == *before && group.becomes == becomes) {
            group.ids.push(id);
            group.accounts.insert(account);
        } else {
            groups.push(Alike { becomes, before: *before, ids: vec![id], accounts: BTreeSet::from([account]) });
        }
    }
    groups
}

/// In nobody's hands.
pub(super) fn free(now: Timestamp) -> Condition {
    Condition::any().add(DeliveryColumn::LeasedUntil.is_null()).add(DeliveryColumn::LeasedUntil.lte(at(now)))
}

#[async_trait]
impl DeliveryQueue for Unit {
    async fn enqueue(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut webhooks: Vec<WebhookId> = deliveries.iter().map(|delivery| delivery.webhook_id).collect();
        webhooks.sort_unstable();
        webhooks.dedup();
        self.wake(&webhooks, self.now).await?;
        let key = [DeliveryColumn::WebhookId, DeliveryColumn::EventId];
        for some in deliveries.chunks(ROWS) {
            Deliveries::insert_many(some.iter().map(new_delivery))
                .on_conflict(OnConflict::columns(key).do_nothing_on(key).to_owned())
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed("webhook.enqueue"))?;
        }
        Ok(())
    }

    async fn wake(&mut self, webhooks: &[WebhookId], time: Timestamp) -> Result<(), StoreError> {
        if webhooks.is_empty() {
            return Ok(());
        }
        // Written whatever it is: who looks at the webhook has to be waited for, or what they say last would stand.
        let earliest = Expr::col(Column::WakeAt).is_null().or(Expr::col(Column::WakeAt).gt(at(time)));
        let wake_at = CaseStatement::new().case(earliest, at(time)).finally(Expr::col(Column::WakeAt));
        Entity::update_many()
            .col_expr(Column::WakeAt, wake_at.into())
            .filter(Column::Id.is_in(webhooks.iter().map(|webhook| webhook.uuid())))
            .filter(Column::Deleted.eq(false))
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.wake"))?;
        Ok(())
    }

    async fn awake(&mut self, busy: &[WebhookId], limit: u32) -> Result<Vec<Webhook>, StoreError> {
        let mut query = Entity::find().filter(Column::WakeAt.lte(at(self.now))).filter(Column::Deleted.eq(false));
        if !busy.is_empty() {
            query = query.filter(Column::Id.is_not_in(busy.iter().map(|webhook| webhook.uuid())));
        }
        let rows = query
            .order_by_asc(Column::WakeAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&self.connection)
            .await
            .map_err(failed("webhook.awake"))?;
        Ok(readable(rows.into_iter().map(webhook)))
    }

    async fn rest(&mut self, webhook: &Webhook, until: Option<Timestamp>) -> Result<(), StoreError> {
        Entity::update_many()
            .set(ActiveModel { wake_at: Set(until.map(at)), ..Default::default() })
            .filter(Column::Id.eq(webhook.id.uuid()))
            .filter(Column::AccountId.eq(webhook.account_id.uuid()))
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.rest"))?;
        Ok(())
    }

    async fn lock(&mut self, webhooks: &[WebhookId]) -> Result<WebhooksFound, StoreError> {
        let rows = Entity::find()
            .filter(Column::Id.is_in(webhooks.iter().map(|webhook| webhook.uuid())))
            .filter(Column::Deleted.eq(false))
            .order_by_asc(Column::Id)
            .lock(LockType::Update)
            .all(&self.connection)
            .await
            .map_err(failed("webhook.lock"))?;
        Ok(found(rows))
    }

    async fn due(&mut self, webhook: &Webhook, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = Deliveries::find()
            .filter(DeliveryColumn::WebhookId.eq(webhook.id.uuid()))
            .filter(DeliveryColumn::AccountId.eq(webhook.account_id.uuid()))
            .filter(DeliveryColumn::DueAt.lte(at(self.now)))
            .order_by_asc(DeliveryColumn::DueAt)
            .order_by_asc(DeliveryColumn::EventId)
            .limit(u64::from(limit))
            .lock(LockType::Update)
            .all(&self.connection)
            .await
            .map_err(failed("webhook.due"))?;
        Ok(readable(rows.into_iter().map(delivery)))
    }

    async fn next_due(&mut self, webhook: &Webhook) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<i64> = Deliveries::find()
            .select_only()
            .column(DeliveryColumn::DueAt)
            .filter(DeliveryColumn::WebhookId.eq(webhook.id.uuid()))
            .filter(DeliveryColumn::AccountId.eq(webhook.account_id.uuid()))
            .filter(DeliveryColumn::DueAt.gt(at(self.now)))
            .order_by_asc(DeliveryColumn::DueAt)
            .limit(1)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("webhook.next_due"))?;
        Ok(next.map(time))
    }

    async fn write(&mut self, deliveries: &[(Delivery, Timestamp)]) -> Result<u64, StoreError> {
        let mut written = 0;
        for group in grouped(deliveries) {
            let done = Deliveries::update_many()
                .set(group.becomes)
                .filter(DeliveryColumn::Id.is_in(group.ids))
                .filter(DeliveryColumn::AccountId.is_in(group.accounts))
                .filter(DeliveryColumn::UpdatedAt.eq(at(group.before)))
                .exec(&self.connection)
                .await
                .map_err(failed("webhook.write"))?;
            written += done.rows_affected;
        }
        Ok((deliveries.len() as u64).saturating_sub(written))
    }

    async fn keep_body(&mut self, delivery: &Delivery, body: &Sealed) -> Result<WriteOutcome, StoreError> {
        let kept = webhook_delivery::ActiveModel { body: Set(Some(body.as_bytes().to_vec())), ..Default::default() };
        let done = Deliveries::update_many()
            .set(kept)
            .filter(DeliveryColumn::Id.eq(delivery.id.uuid()))
            .filter(DeliveryColumn::AccountId.eq(delivery.account_id.uuid()))
            .filter(DeliveryColumn::UpdatedAt.eq(at(delivery.updated_at)))
            .filter(DeliveryColumn::Body.is_null())
            .exec(&self.connection)
            .await
            .map_err(failed("webhook.keep_body"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn expire(&mut self, enqueued_before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "webhook.expire";
        let resting = [to_word(OPERATION, &WebhookStatus::Disabled)?, to_word(OPERATION, &WebhookStatus::Failing)?];
        let mut webhooks = Entity::find().filter(Column::Status.is_in(resting)).filter(Column::Deleted.eq(false));
        let webhooks = QuerySelect::query(&mut webhooks).clear_selects().column(Column::Id).to_owned();
        let query = Deliveries::find()
            .filter(DeliveryColumn::WebhookId.in_subquery(webhooks))
            .filter(DeliveryColumn::Status.is_in(WAITING))
            // What was made later was enqueued later: this is what the index serves.
            .filter(DeliveryColumn::CreatedAt.lt(at(enqueued_before)))
            .filter(DeliveryColumn::EnqueuedAt.lt(at(enqueued_before)))
            .filter(free(self.now));
        let ids =
            batch::first_keys(&self.connection, query, DeliveryColumn::Id, limit).await.map_err(failed(OPERATION))?;
        if ids.is_empty() {
            return Ok(0);
        }
        let done = Deliveries::update_many()
            .set(webhook_delivery::ActiveModel {
                status: Set(DeliveryStatus::Failed.as_str().to_owned()),
                last_error: Set(Some(EXPIRED.to_owned())),
                next_attempt_at: Set(None),
                due_at: Set(None),
                body: Set(None),
                ..Default::default()
            })
            .col_expr(DeliveryColumn::UpdatedAt, next_version(DeliveryColumn::UpdatedAt, self.now))
            .filter(DeliveryColumn::Id.is_in(ids))
            .filter(DeliveryColumn::Status.is_in(WAITING))
            .filter(free(self.now))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
