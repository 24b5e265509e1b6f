//! Events that wait, in SQL.

use std::collections::BTreeSet;
use std::iter;

use async_trait::async_trait;
use authpi_core::event::model::Event;
use authpi_core::event::repository::{Consumer, Outbox, OutboxReads, Scouted};
use authpi_core::id::{AccountId, EventId, Id};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, Select, Statement, Value,
};
use uuid::Uuid;

use crate::batch::{padded, portions};
use crate::convert::id;
use crate::entity::event;
use crate::entity::outbox::{ActiveModel, Column, Entity};
use crate::error::failed;
use crate::session::{Session, Unit};

/// Rows of one insert statement.
const INSERT_BATCH: usize = 512;

/// The ids of what waits for a consumer.
pub(super) fn waiting(consumer: Consumer) -> Select<Entity> {
    Entity::find().select_only().column(Column::EventId).filter(Column::Consumer.eq(consumer.as_str()))
}

/// The first of them behind `after`, oldest first.
pub(super) fn first(consumer: Consumer, after: Option<EventId>, limit: u32) -> Select<Entity> {
    waiting(consumer)
        .filter(Condition::all().add_option(after.map(|last| Column::EventId.gt(last.uuid()))))
        .order_by_asc(Column::EventId)
        .limit(u64::from(limit))
}

/// Nobody waits for these events any more.
pub(super) async fn forget(connection: &impl ConnectionTrait, events: &[Uuid]) -> Result<(), DbErr> {
    for consumer in Consumer::ALL {
        remove(connection, consumer, events).await?;
    }
    Ok(())
}

/// These events wait for the consumer no longer. MariaDB may look for them in all rows of the consumer, or of the table, and
/// waits for those that others hold, who may wait for ours: joined from the events it looks at their own rows alone.
async fn remove(connection: &impl ConnectionTrait, consumer: Consumer, events: &[Uuid]) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    if connection.get_database_backend() == DbBackend::MySql {
        let events = padded(events.iter().copied());
        let done = vec!["SELECT ? AS event_id"; events.len()].join(" UNION ALL ");
        let sql = format!(
            "DELETE waiting FROM ({done}) AS done STRAIGHT_JOIN authpi_outbox AS waiting \
             ON waiting.event_id = done.event_id WHERE waiting.consumer = ?"
        );
        let events = events.into_iter().map(Value::from);
        let values: Vec<Value> = events.chain(iter::once(consumer.as_str().into())).collect();
        connection.execute_raw(Statement::from_sql_and_values(DbBackend::MySql, sql, values)).await?;
        return Ok(());
    }
    Entity::delete_many()
        .filter(Column::Consumer.eq(consumer.as_str()))
        .filter(Column::EventId.is_in(padded(events.iter().copied())))
        .exec(connection)
        .await?;
    Ok(())
}

fn uuids(events: &[EventId]) -> impl Iterator<Item = Uuid> {
    events.iter().map(|event| event.uuid())
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> OutboxReads for Session<C> {
    async fn waiting(&self, consumer: Consumer, after: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError> {
        const OPERATION: &str = "event.waiting";
        let mut behind = after;
        loop {
            let waiting = first(consumer, behind, limit).into_tuple().all(&self.connection).await;
            let waiting: Vec<Uuid> = waiting.map_err(failed(OPERATION))?;
            // Where none can be read, those behind have their turn.
            let Some(last) = waiting.last().copied() else { return Ok(Vec::new()) };
            let events = self.in_order(waiting, OPERATION).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            behind = Some(id(last));
        }
    }

    async fn waiting_of_others(
        &self,
        consumer: Consumer,
        after: EventId,
        but: &BTreeSet<AccountId>,
        (scanned, limit): (u32, u32),
    ) -> Result<Scouted, StoreError> {
        const OPERATION: &str = "event.waiting_of_others";
        let account = Entity::belongs_to(event::Entity).from(Column::EventId).to(event::Column::Id);
        let seen = first(consumer, Some(after), scanned)
            .column(event::Column::AccountId)
            .join(JoinType::InnerJoin, account.into())
            .into_tuple::<(Uuid, Uuid)>()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let is_full = seen.len() >= scanned as usize;
        let mut seen_to = seen.last().map(|(event, _)| *event).filter(|_| is_full);
        let others = seen.into_iter().filter(|(_, account)| !but.contains(&id(*account)));
        let mut others: Vec<Uuid> = others.map(|(event, _)| event).collect();
        if others.len() > limit as usize {
            others.truncate(limit as usize);
            seen_to = others.last().copied();
        }
        Ok(Scouted { events: self.in_order(others, OPERATION).await?, seen_to: seen_to.map(id) })
    }

    async fn newest_waiting(
        &self,
        consumer: Consumer,
        account: AccountId,
        seen: u32,
    ) -> Result<Option<EventId>, StoreError> {
        let owner = Entity::belongs_to(event::Entity).from(Column::EventId).to(event::Column::Id);
        let newest = Entity::find()
            .select_only()
            .column(Column::EventId)
            .column(event::Column::AccountId)
            .join(JoinType::InnerJoin, owner.into())
            .filter(Column::Consumer.eq(consumer.as_str()))
            .order_by_desc(Column::EventId)
            .limit(u64::from(seen))
            .into_tuple::<(Uuid, Uuid)>()
            .all(&self.connection)
            .await
            .map_err(failed("event.newest_waiting"))?;
        let last = newest.last().filter(|_| newest.len() >= seen as usize);
        let own = newest.iter().find(|(_, of)| *of == account.uuid()).or(last);
        Ok(own.map(|(event, _)| id(*event)))
    }

    async fn waiting_since(&self, consumer: Consumer) -> Result<Option<Timestamp>, StoreError> {
        let oldest = first(consumer, None, 1).into_tuple().one(&self.connection).await;
        let oldest: Option<Uuid> = oldest.map_err(failed("event.waiting_since"))?;
        let at = oldest.and_then(|id| id.get_timestamp()).map(|at| at.to_unix());
        Ok(at.map(|(seconds, nanos)| {
            let millis = seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000));
            Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
        }))
    }
}

impl Unit {
    /// Events begin to wait for those who want them.
    pub(super) async fn queue(&self, events: &[&Event]) -> Result<(), StoreError> {
        let mut waiting = Vec::new();
        for consumer in Consumer::ALL {
            let wanted = events.iter().filter(|event| self.news.wants(consumer, event.kind));
            waiting.extend(wanted.map(|event| ActiveModel {
                consumer: Set(consumer.as_str().to_owned()),
                event_id: Set(event.id.uuid()),
                leased_until: Set(None),
            }));
        }
        let key = [Column::Consumer, Column::EventId];
        for some in portions(waiting, INSERT_BATCH) {
            Entity::insert_many(some)
                .on_conflict(OnConflict::columns(key).do_nothing_on(key).to_owned())
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed("event.append"))?;
        }
        Ok(())
    }

    /// What a query finds, without what others hold.
    async fn locked_free(&self, query: Select<Entity>, operation: &'static str) -> Result<Vec<Uuid>, StoreError> {
        let found = query.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        found.into_tuple().all(&self.connection).await.map_err(failed(operation))
    }

    /// The first events that `which` lets through and that can be read, without what others hold.
    async fn readable_free(
        &self,
        consumer: Consumer,
        after: Option<EventId>,
        limit: u32,
        which: &Condition,
        operation: &'static str,
    ) -> Result<Vec<Event>, StoreError> {
        let mut behind = after;
        loop {
            let waiting = self.locked_free(first(consumer, behind, limit).filter(which.clone()), operation).await?;
            let Some(last) = waiting.last().copied() else { return Ok(Vec::new()) };
            let events = self.in_order(waiting, operation).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            behind = Some(id(last));
        }
    }

    async fn set_lease(
        &self,
        consumer: Consumer,
        events: impl IntoIterator<Item = Uuid>,
        until: Timestamp,
        operation: &'static str,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::LeasedUntil, until.as_millis().into())
            .filter(Column::Consumer.eq(consumer.as_str()))
            .filter(Column::EventId.is_in(padded(events)))
            .exec(&self.connection)
            .await
            .map_err(failed(operation))?;
        Ok(())
    }
}

#[async_trait]
impl Outbox for Unit {
    async fn lock_waiting(
        &mut self,
        consumer: Consumer,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.readable_free(consumer, after, limit, &Condition::all(), "event.lock_waiting").await
    }

    async fn take(&mut self, consumer: Consumer, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        let among =
            waiting(consumer).filter(Column::EventId.is_in(padded(uuids(events)))).order_by_asc(Column::EventId);
        Ok(self.locked_free(among, "event.take").await?.into_iter().map(id).collect())
    }

    async fn lease(&mut self, consumer: Consumer, until: Timestamp, limit: u32) -> Result<Vec<Event>, StoreError> {
        const OPERATION: &str = "event.lease";
        let free =
            Condition::any().add(Column::LeasedUntil.is_null()).add(Column::LeasedUntil.lte(self.now.as_millis()));
        let reserved = self.readable_free(consumer, None, limit, &free, OPERATION).await?;
        if !reserved.is_empty() {
            self.set_lease(consumer, reserved.iter().map(|event| event.id.uuid()), until, OPERATION).await?;
        }
        Ok(reserved)
    }

    async fn postpone(&mut self, consumer: Consumer, event: EventId, at: Timestamp) -> Result<(), StoreError> {
        self.set_lease(consumer, [event.uuid()], at, "event.postpone").await
    }

    async fn outbox_done(&mut self, consumer: Consumer, events: &[EventId]) -> Result<(), StoreError> {
        let events: Vec<Uuid> = uuids(events).collect();
        remove(&self.connection, consumer, &events).await.map_err(failed("event.outbox_done"))
    }
}
