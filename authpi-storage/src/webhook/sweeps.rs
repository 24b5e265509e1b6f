//! What goes in batches: deliveries of deleted webhooks, and what has been kept long enough.

use authpi_core::id::{AccountId, Id};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::DeliveryStatus;
use authpi_core::webhook::repository::DeliveryQueue as _;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::at;
use super::verbs::IDS;
use crate::batch;
use crate::convert::{id, time};
use crate::entity::webhook::{ActiveModel, Column, Entity};
use crate::entity::webhook_delivery::{self, Column as DeliveryColumn, Entity as Deliveries};
use crate::error::failed;
use crate::session::Unit;
use crate::version::next_version;

/// An attempt is due at some time.
pub(super) const WAITING: [&str; 2] = [DeliveryStatus::Pending.as_str(), DeliveryStatus::Retrying.as_str()];

/// What a deleted webhook has become: without secrets, its deliveries to be cancelled.
pub(super) fn deleted(now: Timestamp) -> ActiveModel {
    ActiveModel {
        deleted: Set(true),
        deleted_at: Set(Some(at(now))),
        draining: Set(true),
        wake_at: Set(None),
        hastened_at: Set(None),
        status_at: Set(Some(at(now))),
        bearer_sealed: Set(None),
        bearer_hint: Set(None),
        signing_sealed: Set(None),
        signing_hint: Set(None),
        previous_signing_sealed: Set(None),
        previous_signing_until: Set(None),
        ..Default::default()
    }
}

impl Unit {
    async fn delivery_ids(&self, which: Condition, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        let found =
            batch::first_keys(&self.connection, Deliveries::find().filter(which), DeliveryColumn::Id, limit).await;
        found.map_err(failed("webhook.delivery_ids"))
    }

    async fn remove_deliveries(&self, which: Condition, limit: u32) -> Result<u64, StoreError> {
        let removed =
            batch::remove_first(&self.connection, Deliveries::find().filter(which), DeliveryColumn::Id, limit).await;
        removed.map_err(failed("webhook.remove_deliveries"))
    }

    async fn webhook_ids(&self, which: Condition, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        let which = Entity::find().filter(which).order_by_asc(Column::DeletedAt);
        let found = batch::first_keys(&self.connection, which, Column::Id, limit).await;
        found.map_err(failed("webhook.webhook_ids"))
    }
}

pub(super) async fn cancel_orphans(unit: &mut Unit, limit: u32) -> Result<Option<u64>, StoreError> {
    const OPERATION: &str = "webhook.cancel_orphans";
    let Some(webhook) = unit.webhook_ids(Condition::all().add(Column::Draining.eq(true)), 1).await?.pop() else {
        return Ok(None);
    };
    let waiting =
        Condition::all().add(DeliveryColumn::WebhookId.eq(webhook)).add(DeliveryColumn::Status.is_in(WAITING));
    let ids = unit.delivery_ids(waiting, limit).await?;
    if ids.is_empty() {
        Entity::update_many()
            .set(ActiveModel { draining: Set(false), ..Default::default() })
            .filter(Column::Id.eq(webhook))
            .exec(&unit.connection)
            .await
            .map_err(failed(OPERATION))?;
        return Ok(Some(0));
    }
    let done = Deliveries::update_many()
        .set(webhook_delivery::ActiveModel {
            status: Set(DeliveryStatus::Cancelled.as_str().to_owned()),
            next_attempt_at: Set(None),
            leased_until: Set(None),
            due_at: Set(None),
            body: Set(None),
            ..Default::default()
        })
        .col_expr(DeliveryColumn::UpdatedAt, next_version(DeliveryColumn::UpdatedAt, unit.now))
        .filter(DeliveryColumn::Id.is_in(ids))
        .filter(DeliveryColumn::Status.is_in(WAITING))
        .exec(&unit.connection)
        .await
        .map_err(failed(OPERATION))?;
    // What an attempt has finished in between is no longer waiting; there may be more all the same.
    Ok(Some(done.rows_affected))
}

/// Makes deliveries due that wait for a later time, save those that were attempted later than `since` and have failed again. Returns
/// how many there were, whoever was faster.
pub(super) async fn hasten(unit: &Unit, which: Condition, since: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const OPERATION: &str = "webhook.hasten";
    let last = DeliveryColumn::LastAttemptedAt;
    let untried = Condition::any().add(last.is_null()).add(last.lte(at(since)));
    let later = DeliveryColumn::DueAt.gt(at(unit.now));
    let waiting = which.add(later).add(untried).add(DeliveryColumn::LeasedUntil.is_null());
    let query = Deliveries::find().filter(waiting).order_by_asc(DeliveryColumn::DueAt);
    let waiting =
        batch::first_keys(&unit.connection, query, DeliveryColumn::Id, limit).await.map_err(failed(OPERATION))?;
    for some in waiting.chunks(IDS) {
        Deliveries::update_many()
            .col_expr(DeliveryColumn::NextAttemptAt, at(unit.now).into())
            .col_expr(DeliveryColumn::DueAt, at(unit.now).into())
            .col_expr(DeliveryColumn::UpdatedAt, next_version(DeliveryColumn::UpdatedAt, unit.now))
            .filter(DeliveryColumn::Id.is_in(some.iter().copied()))
            .filter(DeliveryColumn::Status.is_in(WAITING))
            .filter(DeliveryColumn::LeasedUntil.is_null())
            .exec(&unit.connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(waiting.len() as u64)
}

pub(super) async fn hasten_on(unit: &mut Unit, limit: u32) -> Result<u64, StoreError> {
    const OPERATION: &str = "webhook.hasten_on";
    let of_one: Option<(Uuid, i64)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::HastenedAt])
        .filter(Column::HastenedAt.is_not_null())
        .order_by_asc(Column::HastenedAt)
        .into_tuple()
        .one(&unit.connection)
        .await
        .map_err(failed(OPERATION))?;
    let Some((webhook, since)) = of_one else { return Ok(0) };
    unit.wake(&[id(webhook)], unit.now).await?;
    let of_webhook = Condition::all().add(DeliveryColumn::WebhookId.eq(webhook));
    let hastened = hasten(unit, of_webhook, time(since), limit).await?;
    if hastened < u64::from(limit) {
        Entity::update_many()
            .set(ActiveModel { hastened_at: Set(None), ..Default::default() })
            .filter(Column::Id.eq(webhook))
            .filter(Column::HastenedAt.eq(since))
            .exec(&unit.connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(Ord::max(hastened, 1))
}

pub(super) async fn erase_previous_secrets(unit: &Unit, limit: u32) -> Result<u64, StoreError> {
    const OPERATION: &str = "webhook.erase_previous_secrets";
    let over = Column::PreviousSigningUntil.lte(at(unit.now));
    let which = Entity::find().filter(over.clone()).order_by_asc(Column::PreviousSigningUntil);
    let those = batch::first_keys(&unit.connection, which, Column::Id, limit).await.map_err(failed(OPERATION))?;
    if those.is_empty() {
        return Ok(0);
    }
    let none =
        ActiveModel { previous_signing_sealed: Set(None), previous_signing_until: Set(None), ..Default::default() };
    let done = Entity::update_many()
        .set(none)
        .filter(Column::Id.is_in(those))
        // Another one may have become the previous one.
        .filter(over)
        .exec(&unit.connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(done.rows_affected)
}

pub(super) async fn purge_deliveries(unit: &mut Unit, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
    // What was queued anew since then has its own time.
    let old = Condition::all()
        .add(DeliveryColumn::CreatedAt.lt(at(older_than)))
        .add(DeliveryColumn::EnqueuedAt.lt(at(older_than)));
    unit.remove_deliveries(old, limit).await
}

pub(super) async fn purge_deleted(unit: &mut Unit, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let long_ago = Condition::all().add(Column::DeletedAt.lt(at(older_than)));
    let mut removed = 0;
    for webhook in unit.webhook_ids(long_ago, limit).await? {
        let room = limit.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX));
        if room == 0 {
            break;
        }
        removed += remove_whole(unit, webhook, room).await?;
    }
    Ok(removed)
}

/// Removes deliveries to a webhook and, once there are none, the webhook.
async fn remove_whole(unit: &Unit, webhook: Uuid, limit: u32) -> Result<u64, StoreError> {
    let deliveries = unit.remove_deliveries(Condition::all().add(DeliveryColumn::WebhookId.eq(webhook)), limit).await?;
    if deliveries > 0 {
        return Ok(deliveries);
    }
    let done = Entity::delete_many()
        .filter(Column::Id.eq(webhook))
        .filter(Column::Deleted.eq(true))
        .exec(&unit.connection)
        .await
        .map_err(failed("webhook.remove"))?;
    Ok(done.rows_affected)
}

pub(super) async fn delete_of_account(unit: &mut Unit, account: AccountId) -> Result<u64, StoreError> {
    let done = Entity::update_many()
        .set(deleted(unit.now))
        .col_expr(Column::UpdatedAt, Expr::col(Column::UpdatedAt).add(1))
        .filter(Column::AccountId.eq(account.uuid()))
        .filter(Column::Deleted.eq(false))
        .exec(&unit.connection)
        .await
        .map_err(failed("webhook.delete_of_account"))?;
    Ok(done.rows_affected)
}

pub(super) async fn remove_of_account(unit: &mut Unit, account: AccountId, limit: u32) -> Result<u64, StoreError> {
    let of_account = Condition::all().add(Column::AccountId.eq(account.uuid())).add(Column::Deleted.eq(true));
    let mut removed = 0;
    for webhook in unit.webhook_ids(of_account, limit).await? {
        let room = limit.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX));
        if room == 0 {
            break;
        }
        removed += remove_whole(unit, webhook, room).await?;
    }
    Ok(removed)
}
