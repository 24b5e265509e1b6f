//! The queue of deliveries in SQL.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::id::{Id, WebhookId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::{Delivery, DeliveryStatus, EXPIRED, KeptBody, Webhook, WebhookStatus};
use authpi_core::webhook::repository::{DeliveryQueue, Due, WebhooksFound};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{
    Asterisk, CaseStatement, Expr, ExprTrait, Func, LockBehavior, LockType, OnConflict, Query, SelectStatement,
    UnionType,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::row::{at, delivery, found, new_delivery, progress, read_if, webhook};
use super::sweeps::WAITING;
use crate::batch::{self, padded, portions};
use crate::convert::{millis, readable, time, to_word};
use crate::entity::webhook::{ActiveModel, Column, Entity};
use crate::entity::webhook_delivery::{self, Column as DeliveryColumn, Entity as Deliveries};
use crate::error::failed;
use crate::session::Unit;
use crate::version::next_version;

/// Rows of one insert: keeps the number of bound values below every backend's limit.
const ROWS: usize = 256;

/// How soon a webhook is looked at again of whose deliveries some cannot be read.
const UNREADABLE: Duration = Duration::from_mins(1);

/// Deliveries that one statement writes: each looks for its times among those of all.
const WRITTEN: usize = 64;

type TimeOf = fn(&Delivery) -> Option<Timestamp>;

/// What deliveries that are written together differ in.
const TIMES: [(DeliveryColumn, TimeOf); 4] = [
    (DeliveryColumn::FirstAttemptedAt, |delivery| delivery.first_attempted_at),
    (DeliveryColumn::LastAttemptedAt, |delivery| delivery.last_attempted_at),
    (DeliveryColumn::NextAttemptAt, |delivery| delivery.next_attempt_at),
    (DeliveryColumn::DueAt, Delivery::due_at),
];

/// Deliveries that one statement writes, as all of them become the same but for their times.
struct Alike<'d> {
    becomes: webhook_delivery::ActiveModel,
    before: Timestamp,
    deliveries: Vec<&'d Delivery>,
}

fn grouped(deliveries: &[(Delivery, Timestamp)]) -> Vec<Alike<'_>> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for (after, before) in deliveries {
        let mut becomes = progress(after);
        for (column, _) in TIMES {
            becomes.not_set(column);
        }
        let fits = |group: &&mut Alike<'_>| {
            group.before == *before && group.deliveries.len() < WRITTEN && group.becomes == becomes
        };
        if let Some(group) = groups.iter_mut().find(fits) {
            group.deliveries.push(after);
        } else {
            groups.push(Alike { becomes, before: *before, deliveries: vec![after] });
        }
    }
    groups
}

/// One of [`TIMES`] of each of the deliveries.
fn time_of_each(time: TimeOf, deliveries: &[&Delivery]) -> Expr {
    let times = padded(deliveries.iter().map(|delivery| (delivery.id.uuid(), millis(time(delivery)))));
    let last = times.last().and_then(|(_, time)| *time);
    if times.iter().all(|(_, time)| *time == last) {
        return Expr::value(last);
    }
    let cases = times
        .into_iter()
        .fold(CaseStatement::new(), |cases, (id, time)| cases.case(DeliveryColumn::Id.eq(id), Expr::value(time)));
    cases.finally(Expr::value(last)).into()
}

/// The first deliveries to a webhook of those that wait, and bodies of those that are due: small ones, as many may wait. Not
/// locked: their webhook is, and every write compares versions.
fn first(webhook: &Webhook, limit: u64, now: Timestamp) -> SelectStatement {
    let is_small = Expr::expr(Func::cust("length").arg(Expr::col(DeliveryColumn::Body))).lte(KeptBody::SMALL);
    let is_read = Condition::all().add(DeliveryColumn::DueAt.lte(at(now))).add(is_small);
    let ordered = read_if(Deliveries::find(), is_read)
        .filter(DeliveryColumn::WebhookId.eq(webhook.id.uuid()))
        .filter(DeliveryColumn::AccountId.eq(webhook.account_id.uuid()))
        .filter(DeliveryColumn::DueAt.is_not_null())
        .order_by_asc(DeliveryColumn::DueAt)
        .order_by_asc(DeliveryColumn::EventId)
        .limit(limit)
        .into_query();
    // SQLite takes an order and a limit within a union in a named subquery alone.
    Query::select().column(Asterisk).from_subquery(ordered, "waiting").to_owned()
}

/// In nobody's hands.
pub(super) fn free(now: Timestamp) -> Condition {
    Condition::any().add(DeliveryColumn::LeasedUntil.is_null()).add(DeliveryColumn::LeasedUntil.lte(at(now)))
}

#[async_trait]
impl DeliveryQueue for Unit {
    async fn enqueue(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut due: BTreeMap<WebhookId, Timestamp> = BTreeMap::new();
        for delivery in deliveries {
            let at = delivery.due_at().unwrap_or(self.now);
            due.entry(delivery.webhook_id).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
        let mut together: BTreeMap<Timestamp, Vec<WebhookId>> = BTreeMap::new();
        for (webhook, at) in due {
            together.entry(at).or_default().push(webhook);
        }
        for (at, webhooks) in together {
            self.wake(&webhooks, at).await?;
        }
        let key = [DeliveryColumn::WebhookId, DeliveryColumn::EventId];
        for some in portions(deliveries.iter().map(new_delivery).collect(), ROWS) {
            Deliveries::insert_many(some)
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
            query = query.filter(Column::Id.is_not_in(padded(busy.iter().map(|webhook| webhook.uuid()))));
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

    async fn rest(&mut self, webhooks: &[(&Webhook, Option<Timestamp>)]) -> Result<(), StoreError> {
        let mut together: BTreeMap<Option<Timestamp>, Vec<&Webhook>> = BTreeMap::new();
        for (webhook, until) in webhooks {
            together.entry(*until).or_default().push(webhook);
        }
        for (until, webhooks) in together {
            Entity::update_many()
                .set(ActiveModel { wake_at: Set(until.map(at)), ..Default::default() })
                .filter(Column::Id.is_in(webhooks.iter().map(|webhook| webhook.id.uuid())))
                .filter(Column::AccountId.is_in(webhooks.iter().map(|webhook| webhook.account_id.uuid())))
                .exec(&self.connection)
                .await
                .map_err(failed("webhook.rest"))?;
        }
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

    async fn due(&mut self, webhooks: &[(&Webhook, u32)]) -> Result<Vec<Due>, StoreError> {
        let mut queries = webhooks.iter().map(|(webhook, limit)| first(webhook, u64::from(*limit) + 1, self.now));
        let Some(query) = queries.next() else { return Ok(Vec::new()) };
        let query = queries.fold(query, |mut all, one| all.union(UnionType::All, one).to_owned());
        let query = self.connection.get_database_backend().build(&query);
        let rows = webhook_delivery::Model::find_by_statement(query).all(&self.connection).await;
        let mut rows = rows.map_err(failed("webhook.due"))?;
        // A union has no order.
        rows.sort_unstable_by_key(|row| (row.due_at, row.event_id));
        let mut rows_of: HashMap<Uuid, Vec<webhook_delivery::Model>> = HashMap::new();
        for row in rows {
            rows_of.entry(row.webhook_id).or_default().push(row);
        }
        let due = |(webhook, limit): &(&Webhook, u32)| {
            let mut rows = rows_of.remove(&webhook.id.uuid()).unwrap_or_default();
            let is_due = |row: &&webhook_delivery::Model| row.due_at <= Some(at(self.now));
            let count = rows.iter().take(*limit as usize).take_while(is_due).count();
            let next = rows.get(count).and_then(|row| row.due_at).map(time);
            rows.truncate(count);
            let deliveries = readable(rows.into_iter().map(delivery));
            // Another version of this program may understand what this one does not.
            let again = (deliveries.len() < count).then(|| self.now.plus(UNREADABLE));
            Due { deliveries, next: next.into_iter().chain(again).min() }
        };
        Ok(webhooks.iter().map(due).collect())
    }

    async fn write(&mut self, deliveries: &[(Delivery, Timestamp)]) -> Result<u64, StoreError> {
        let mut written = 0;
        for Alike { becomes, before, deliveries } in grouped(deliveries) {
            let accounts: BTreeSet<Uuid> = deliveries.iter().map(|delivery| delivery.account_id.uuid()).collect();
            let mut update = Deliveries::update_many().set(becomes);
            for (column, time) in TIMES {
                update = update.col_expr(column, time_of_each(time, &deliveries));
            }
            let done = update
                .filter(DeliveryColumn::Id.is_in(padded(deliveries.iter().map(|delivery| delivery.id.uuid()))))
                .filter(DeliveryColumn::AccountId.is_in(accounts))
                .filter(DeliveryColumn::UpdatedAt.eq(at(before)))
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

    async fn expire(
        &mut self,
        of: Option<&[WebhookId]>,
        enqueued_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const OPERATION: &str = "webhook.expire";
        let resting = [to_word(OPERATION, &WebhookStatus::Disabled)?, to_word(OPERATION, &WebhookStatus::Failing)?];
        let mut webhooks = Entity::find().filter(Column::Status.is_in(resting)).filter(Column::Deleted.eq(false));
        let webhooks = QuerySelect::query(&mut webhooks).clear_selects().column(Column::Id).to_owned();
        let webhook = DeliveryColumn::WebhookId;
        let query = Deliveries::find()
            .filter(match of {
                Some(those) => webhook.is_in(those.iter().map(|one| one.uuid())),
                None => webhook.in_subquery(webhooks),
            })
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
