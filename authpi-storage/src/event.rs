//! The event trail in SQL.

mod aggregate;
mod chain;
mod chain_writes;
mod erasure;
mod outbox;

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::event::catalogue::EventType;
use authpi_core::event::model::{ContextRecord, Event, SealedContext, content};
use authpi_core::event::repository::{EventFilter, EventReads, EventRepository};
use authpi_core::id::{AccountId, EventId, Id, IssuerId, UserId};
use authpi_core::page::{Page, PageRequest, TimeAndId};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::batch::{self, padded, portions};
use crate::convert::{Place, id, readable, time, to_json, to_word, unwritable};
use crate::entity::event::{ActiveModel, Column, Entity, Model};
use crate::entity::event_context;
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_event";

/// Events of one insert statement: keeps the number of bound values below every backend's limit.
const INSERT_BATCH: usize = 512;

/// What of a row must be understood.
#[derive(Clone, Copy)]
enum Reading {
    /// What this version shows: ids that a later one has added are left out.
    Known,
    /// Everything: it is checked against the hash of what was written.
    Whole,
}

fn event(row: Model, context: Option<event_context::Model>, reading: Reading) -> Result<Event, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let (actor, subject) = match reading {
        Reading::Known => (place.json("actor", row.actor)?, place.json("subject", row.subject)?),
        Reading::Whole => (place.whole_json("actor", &row.actor)?, place.whole_json("subject", &row.subject)?),
    };
    Ok(Event {
        id: id(row.id),
        kind: EventType::parse(&row.kind).ok_or_else(|| place.corrupt("kind"))?,
        source: row.source,
        trigger: place.word("trigger_kind", &row.trigger_kind)?,
        trace: row.trace,
        actor,
        subject,
        timestamp: time(row.timestamp),
        data: place.json("data", row.data)?,
        context: ContextRecord {
            hash: place.bytes32("context_hash", &row.context_hash)?,
            sealed: context.map(|context| SealedContext {
                root: id(context.root_issuer_id),
                sealed: Sealed::from_bytes(context.sealed),
            }),
        },
    })
}

fn row(event: &Event) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "event.append";
    let subject = &event.subject;
    Ok(ActiveModel {
        id: Set(event.id.uuid()),
        account_id: Set(subject.account_id.uuid()),
        issuer_id: Set(subject.issuer_id.map(Id::uuid)),
        user_id: Set(subject.user_id.map(Id::uuid)),
        actor_user_id: Set(event.actor.user_id().map(Id::uuid)),
        client_id: Set(subject.client_id.map(Id::uuid)),
        actor_client_id: Set(event.actor.client_id().map(Id::uuid)),
        org_id: Set(subject.org_id.map(Id::uuid)),
        agent_id: Set(subject.agent_id.map(Id::uuid)),
        session_id: Set(subject.session_id.map(Id::uuid)),
        kind: Set(event.kind.as_str().to_owned()),
        per_request: Set(event.kind.is_per_request()),
        source: Set(event.source.clone()),
        trigger_kind: Set(to_word(OPERATION, &event.trigger)?),
        trace: Set(event.trace.clone()),
        actor: Set(to_json(OPERATION, &event.actor)?),
        subject: Set(to_json(OPERATION, subject)?),
        data: Set(to_json(OPERATION, &event.data)?),
        content_hash: Set(content(event).map_err(unwritable(OPERATION))?.to_vec()),
        context_hash: Set(event.context.hash.to_vec()),
        timestamp: Set(event.timestamp.as_millis()),
    })
}

fn context_row(event: &Event) -> Option<event_context::ActiveModel> {
    event.context.sealed.as_ref().map(|context| event_context::ActiveModel {
        event_id: Set(event.id.uuid()),
        root_issuer_id: Set(context.root.uuid()),
        sealed: Set(context.sealed.as_bytes().to_vec()),
    })
}

/// What every row that `filter` lets through has, whoever it is about and whoever did it.
fn conditions(account: AccountId, filter: &EventFilter) -> Condition {
    let kinds = (!filter.kinds.is_empty()).then(|| filter.kinds.iter().map(|kind| kind.as_str()));
    // Of one user there are few: no other index may be walked along instead.
    let (issuer, kind) = match filter.user_id {
        Some(_) => (unindexed(Column::IssuerId), Expr::from(Func::coalesce([indexed(Column::Kind), Expr::val("")]))),
        None => (indexed(Column::IssuerId), indexed(Column::Kind)),
    };
    Condition::all()
        .add(Column::AccountId.eq(account.uuid()))
        .add_option(filter.issuer_id.map(|id| issuer.eq(id.uuid())))
        .add_option(kinds.map(|kinds| kind.is_in(kinds)))
        .add_option(filter.after.map(|after| Column::Timestamp.gt(after.as_millis())))
        .add_option(filter.before.map(|before| Column::Timestamp.lt(before.as_millis())))
}

/// Who rows are about, or who did what they tell: for each way to be found a condition of its own, which an index
/// serves. Together they find every row once.
fn walks(filter: &EventFilter) -> Vec<Condition> {
    let user = filter.user_id.map(|user| named(indexed, (Column::UserId, Column::ActorUserId), user.uuid()));
    let found = if user.is_some() { unindexed } else { indexed };
    let client = filter.client_id.map(|client| named(found, (Column::ClientId, Column::ActorClientId), client.uuid()));
    match (user, client) {
        (None, None) => vec![Condition::all()],
        (Some(walks), None) | (None, Some(walks)) => walks.to_vec(),
        (Some(users), Some(clients)) => {
            let both = |user: &Condition| clients.clone().map(|client| Condition::all().add(user.clone()).add(client));
            users.iter().flat_map(both).collect()
        }
    }
}

/// Rows about somebody; and rows of what they did that are about somebody else.
fn named(found: fn(Column) -> Expr, (about, done_by): (Column, Column), id: Uuid) -> [Condition; 2] {
    let about_another = Condition::any().add(about.is_null()).add(about.ne(id));
    [Condition::all().add(found(about).eq(id)), Condition::all().add(found(done_by).eq(id)).add(about_another)]
}

/// A column as indices serve it.
fn indexed(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// An id in a form that no index serves; nil where there is none.
fn unindexed(column: Column) -> Expr {
    Expr::from(Func::coalesce([indexed(column), Expr::val(Uuid::nil())]))
}

fn page_of(
    walk: Condition,
    account: AccountId,
    filter: &EventFilter,
    page: &PageRequest<TimeAndId<EventId>>,
) -> Select<Entity> {
    let mut query = Entity::find().filter(conditions(account, filter)).filter(walk);
    if let Some(last) = &page.after {
        let (at, id) = (last.at.as_millis(), last.id.uuid());
        let same_time = Condition::all().add(Column::Timestamp.eq(at)).add(Column::Id.lt(id));
        query = query
            // The first condition alone is what the index serves.
            .filter(Column::Timestamp.lte(at))
            .filter(Condition::any().add(Column::Timestamp.lt(at)).add(same_time));
    }
    query.order_by_desc(Column::Timestamp).order_by_desc(Column::Id).limit(u64::from(page.limit.get()) + 1)
}

impl<C: ConnectionTrait> Session<C> {
    async fn in_order(&self, ids: Vec<Uuid>, operation: &'static str) -> Result<Vec<Event>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::find().filter(Column::Id.is_in(padded(ids))).order_by_asc(Column::Id).all(&self.connection);
        Ok(readable(self.joined(rows.await.map_err(failed(operation))?, Reading::Known).await?))
    }

    async fn with_contexts(&self, rows: Vec<Model>) -> Result<Vec<Event>, StoreError> {
        self.joined(rows, Reading::Known).await?.collect()
    }

    /// Events with their contexts.
    async fn joined(
        &self,
        rows: Vec<Model>,
        reading: Reading,
    ) -> Result<impl Iterator<Item = Result<Event, StoreError>> + use<C>, StoreError> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let contexts = if ids.is_empty() {
            Vec::new()
        } else {
            let contexts = event_context::Entity::find().filter(event_context::Column::EventId.is_in(padded(ids)));
            contexts.all(&self.connection).await.map_err(failed("event.contexts"))?
        };
        let mut contexts: HashMap<_, _> = contexts.into_iter().map(|context| (context.event_id, context)).collect();
        Ok(rows.into_iter().map(move |row| {
            let context = contexts.remove(&row.id);
            event(row, context, reading)
        }))
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> EventReads for Session<C> {
    async fn find(&self, account: AccountId, id: EventId) -> Result<Option<Event>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("event.find"))?;
        Ok(self.with_contexts(row.into_iter().collect()).await?.pop())
    }

    async fn list(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &PageRequest<TimeAndId<EventId>>,
    ) -> Result<Page<Event>, StoreError> {
        let mut rows = Vec::new();
        let walks = walks(filter);
        let is_merge = walks.len() > 1;
        for walk in walks {
            let query = page_of(walk, account, filter, page);
            rows.extend(query.all(self.patient()).await.map_err(failed("event.list"))?);
        }
        if is_merge {
            rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.timestamp, row.id)));
        }
        let cut = Page::cut(rows, page.limit);
        Ok(Page { has_more: cut.has_more, items: self.with_contexts(cut.items).await? })
    }
}

impl Unit {
    /// Adds the events that are not in yet: the outcome of an earlier attempt may be unknown.
    pub(crate) async fn append_missing(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let known: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(padded(events.iter().map(|event| event.id.uuid()))))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("event.append"))?;
        let missing: Vec<&Event> = events.iter().filter(|event| !known.contains(&event.id.uuid())).collect();
        // The attempt whose outcome is unknown may end just now.
        let skip = OnConflict::column(Column::Id).do_nothing_on([Column::Id]).to_owned();
        self.insert(&missing, Some(skip)).await
    }

    async fn insert(&mut self, events: &[&Event], on_conflict: Option<OnConflict>) -> Result<(), StoreError> {
        self.news.add();
        let rows = events.iter().map(|event| row(event)).collect::<Result<Vec<_>, _>>()?;
        for some in portions(rows, INSERT_BATCH) {
            let mut rows = Entity::insert_many(some);
            if let Some(skip) = &on_conflict {
                rows = rows.on_conflict(skip.clone());
            }
            rows.exec_without_returning(&self.connection).await.map_err(failed("event.append"))?;
        }
        self.queue(events).await?;
        let contexts: Vec<_> = events.iter().filter_map(|event| context_row(event)).collect();
        for some in portions(contexts, INSERT_BATCH) {
            let mut rows = event_context::Entity::insert_many(some);
            if on_conflict.is_some() {
                let id = event_context::Column::EventId;
                rows = rows.on_conflict(OnConflict::column(id).do_nothing_on([id]).to_owned());
            }
            rows.exec_without_returning(&self.connection).await.map_err(failed("event.append"))?;
        }
        Ok(())
    }
}

#[async_trait]
impl EventRepository for Unit {
    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        self.insert(&events.iter().collect::<Vec<_>>(), None).await
    }

    async fn erase_contexts_of(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError> {
        let mut found = erasure::done_by(&self.connection, user, limit).await?;
        if found.is_empty() {
            found = erasure::about(&self.connection, issuer, user, limit).await?;
        }
        let erased =
            batch::remove::<event_context::Entity>(&self.connection, event_context::Column::EventId, found).await;
        erased.map_err(failed("event.erase_contexts_of"))
    }

    async fn purge(&mut self, per_request: Timestamp, others: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (is_per_request, older_than) in [(true, per_request), (false, others)] {
            let expired: Vec<Uuid> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::PerRequest.eq(is_per_request))
                .filter(Column::Timestamp.lt(older_than.as_millis()))
                .order_by_asc(Column::Timestamp)
                .limit(u64::from(limit).saturating_sub(removed))
                .into_tuple()
                .all(&self.connection)
                .await
                .map_err(failed("event.purge"))?;
            if expired.is_empty() {
                continue;
            }
            outbox::forget(&self.connection, &expired).await.map_err(failed("event.purge"))?;
            event_context::Entity::delete_many()
                .filter(event_context::Column::EventId.is_in(expired.iter().copied()))
                .exec(&self.connection)
                .await
                .map_err(failed("event.purge"))?;
            let done = Entity::delete_many()
                .filter(Column::Id.is_in(expired))
                .exec(&self.connection)
                .await
                .map_err(failed("event.purge"))?;
            removed += done.rows_affected;
        }
        Ok(removed)
    }
}
