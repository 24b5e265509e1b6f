//! The hash chain in SQL: questions.

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::event::model::{Head, Link};
use authpi_core::event::repository::{ChainReads, Chained, Consumer, EventFilter, SequenceRange, Unchained};
use authpi_core::id::{AccountId, EventId, Id};
use authpi_core::store::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::outbox::{first, waiting};
use super::{Column, Entity, Reading, conditions, walks};
use crate::convert::{Place, id, time};
use crate::entity::{event_chain, event_link, outbox};
use crate::error::failed;
use crate::session::Session;

/// A link as it stands in its row.
fn link(row: &event_link::Model) -> Result<Link, StoreError> {
    let place = Place { table: "authpi_event_link", id: row.event_id };
    Ok(Link {
        account_id: id(row.account_id),
        sequence: number(place, "sequence", row.sequence)?,
        event_id: id(row.event_id),
        previous: place.bytes32("previous", &row.previous)?,
        content: place.bytes32("content", &row.content)?,
        context: place.bytes32("context", &row.context)?,
        linked_at: time(row.linked_at),
    })
}

/// The end of a chain as it stands in its row.
pub(super) fn head(row: &event_chain::Model) -> Result<Head, StoreError> {
    let place = Place { table: "authpi_event_chain", id: row.account_id };
    Ok(Head {
        account_id: id(row.account_id),
        sequence: number(place, "sequence", row.sequence)?,
        hash: place.bytes32("head", &row.head)?,
        event_id: row.event_id.map(id),
        first_sequence: number(place, "first_sequence", row.first_sequence)?,
        first_at: row.first_at.map(time),
        updated_at: time(row.updated_at),
    })
}

fn number(place: Place, column: &'static str, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| place.corrupt(column))
}

/// The column of a number; there are no chains beyond what it holds.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl<C: ConnectionTrait> Session<C> {
    async fn unnumbered(
        &self,
        waiting: Select<outbox::Entity>,
        of: Option<AccountId>,
        operation: &'static str,
    ) -> Result<Vec<Unchained>, StoreError> {
        let waiting: Vec<Uuid> = waiting.into_tuple().all(&self.connection).await.map_err(failed(operation))?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(Uuid, Uuid, i64)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::AccountId, Column::Timestamp])
            .filter(Column::Id.is_in(waiting))
            .filter(Condition::all().add_option(of.map(|account| Column::AccountId.eq(account.uuid()))))
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(operation))?;
        let unchained =
            |(event, account, at)| Unchained { event_id: id(event), account_id: id(account), timestamp: time(at) };
        Ok(rows.into_iter().map(unchained).collect())
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> ChainReads for Session<C> {
    async fn head(&self, account: AccountId) -> Result<Option<Head>, StoreError> {
        let row = event_chain::Entity::find_by_id(account.uuid()).one(&self.connection).await;
        row.map_err(failed("event.head"))?.as_ref().map(head).transpose()
    }

    async fn link_of(&self, account: AccountId, event: EventId) -> Result<Option<Link>, StoreError> {
        let row = event_link::Entity::find()
            .filter(event_link::Column::EventId.eq(event.uuid()))
            .filter(event_link::Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("event.link_of"))?;
        row.as_ref().map(link).transpose()
    }

    async fn chained(
        &self,
        account: AccountId,
        filter: &EventFilter,
        range: SequenceRange,
        limit: u32,
    ) -> Result<Vec<Chained>, StoreError> {
        const OPERATION: &str = "event.chained";
        let rows = event_link::Entity::find()
            .filter(event_link::Column::AccountId.eq(account.uuid()))
            .filter(event_link::Column::Sequence.gt(stored(range.after)))
            .filter(event_link::Column::Sequence.lte(stored(range.through)))
            .order_by_asc(event_link::Column::Sequence)
            .limit(u64::from(limit))
            .all(self.patient())
            .await
            .map_err(failed(OPERATION))?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let who = walks(filter).into_iter().fold(Condition::any(), Condition::add);
        let found = Entity::find()
            .filter(Column::Id.is_in(rows.iter().map(|row| row.event_id)))
            .filter(conditions(account, filter))
            .filter(who)
            .all(self.patient())
            .await
            .map_err(failed(OPERATION))?;
        let events: Vec<_> = self.joined(found, Reading::Whole).await?.collect::<Result<_, _>>()?;
        let mut events: HashMap<Uuid, _> = events.into_iter().map(|event| (event.id.uuid(), event)).collect();
        rows.into_iter()
            .map(|row| {
                let event = events.remove(&row.event_id);
                Ok(Chained { link: link(&row)?, event })
            })
            .collect()
    }

    async fn unchained(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Unchained>, StoreError> {
        self.unnumbered(first(Consumer::Chain, after, limit), None, "event.unchained").await
    }

    async fn unchained_of(
        &self,
        account: AccountId,
        range: (Option<EventId>, EventId),
        limit: u32,
    ) -> Result<Vec<Unchained>, StoreError> {
        // Asked for each event that waits: the account may have millions that do not.
        let own = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Expr::col((Entity, Column::Id)).equals((outbox::Entity, outbox::Column::EventId)));
        let waiting = first(Consumer::Chain, range.0, limit)
            .filter(outbox::Column::EventId.lte(range.1.uuid()))
            .filter(Expr::exists(own.into_query()));
        self.unnumbered(waiting, Some(account), "event.unchained_of").await
    }

    async fn last_unchained(&self) -> Result<Option<EventId>, StoreError> {
        const OPERATION: &str = "event.last_unchained";
        let last: Option<Uuid> = waiting(Consumer::Chain)
            .order_by_desc(outbox::Column::EventId)
            .limit(1)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(last.map(id))
    }
}
