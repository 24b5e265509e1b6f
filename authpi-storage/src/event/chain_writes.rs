//! The hash chain in SQL: links are added at the end and removed at the start.

use std::collections::BTreeSet;

use async_trait::async_trait;
use authpi_core::event::model::{EventDigest, Head, Link};
use authpi_core::event::repository::{ChainRepository, Consumer};
use authpi_core::id::{AccountId, EventId, Id};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::chain::{head, stored};
use super::outbox::waiting;
use super::{Column, Entity, TABLE};
use crate::batch::{padded, portions};
use crate::convert::{Place, id, millis};
use crate::entity::{account, event_chain, event_link, outbox};
use crate::error::failed;
use crate::session::Unit;

/// Links of one insert statement: keeps the number of bound values below every backend's limit.
const INSERT_BATCH: usize = 512;

/// Chains that are looked at for what is too old in one unit of work.
const CHAINS: u64 = 20;

const LOCK: &str = "event.lock_heads";
const PURGE: &str = "event.purge_links";

fn link_row(link: &Link) -> event_link::ActiveModel {
    event_link::ActiveModel {
        account_id: Set(link.account_id.uuid()),
        sequence: Set(stored(link.sequence)),
        event_id: Set(link.event_id.uuid()),
        previous: Set(link.previous.to_vec()),
        content: Set(link.content.to_vec()),
        context: Set(link.context.to_vec()),
        linked_at: Set(link.linked_at.as_millis()),
    }
}

fn head_row(head: &Head) -> event_chain::ActiveModel {
    event_chain::ActiveModel {
        account_id: Set(head.account_id.uuid()),
        sequence: Set(stored(head.sequence)),
        head: Set(head.hash.to_vec()),
        event_id: Set(head.event_id.map(Id::uuid)),
        first_sequence: Set(stored(head.first_sequence)),
        first_at: Set(millis(head.first_at)),
        updated_at: Set(head.updated_at.as_millis()),
    }
}

fn digest((event, account, content, context): &(Uuid, Uuid, Vec<u8>, Vec<u8>)) -> Result<EventDigest, StoreError> {
    let place = Place { table: TABLE, id: *event };
    Ok(EventDigest {
        account_id: id(*account),
        event_id: id(*event),
        content: place.bytes32("content_hash", content)?,
        context: place.bytes32("context_hash", context)?,
    })
}

/// What becomes of a chain whose start is cut.
struct Cut {
    /// Links that go.
    links: u64,
    /// The first number that stays, or is to come.
    first_sequence: i64,
    first_at: Option<i64>,
}

impl Unit {
    /// The rows of chains that have begun, in the order of their keys, locked.
    async fn locked(&self, accounts: &BTreeSet<Uuid>) -> Result<Vec<event_chain::Model>, StoreError> {
        event_chain::Entity::find()
            .filter(event_chain::Column::AccountId.is_in(accounts.iter().copied()))
            .order_by_asc(event_chain::Column::AccountId)
            .lock(LockType::Update)
            .all(&self.connection)
            .await
            .map_err(failed(LOCK))
    }

    /// Where a locked chain is cut so that at most `room` links go.
    async fn cut(&self, chain: &event_chain::Model, before: Timestamp, room: u64) -> Result<Option<Cut>, StoreError> {
        let starts: Vec<(i64, i64)> = event_link::Entity::find()
            .select_only()
            .columns([event_link::Column::Sequence, event_link::Column::LinkedAt])
            .filter(event_link::Column::AccountId.eq(chain.account_id))
            .order_by_asc(event_link::Column::Sequence)
            .limit(room + 1)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(PURGE))?;
        let is_old = |(_, linked_at): &(i64, i64)| *linked_at < before.as_millis();
        let links = starts.iter().take_while(|start| is_old(start)).count() as u64;
        let links = links.min(room);
        let stays = usize::try_from(links).ok().and_then(|links| starts.get(links));
        Ok((links > 0).then(|| Cut {
            links,
            first_sequence: stays.map_or(chain.sequence + 1, |(sequence, _)| *sequence),
            first_at: stays.map(|(_, linked_at)| *linked_at),
        }))
    }
}

#[async_trait]
impl ChainRepository for Unit {
    async fn lock_heads(&mut self, accounts: &[AccountId]) -> Result<Vec<Head>, StoreError> {
        let alive: Vec<Uuid> = account::Entity::find()
            .select_only()
            .column(account::Column::Id)
            .filter(account::Column::Id.is_in(accounts.iter().map(|account| account.uuid())))
            .filter(account::Column::Deleting.eq(false))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(LOCK))?;
        let mut missing: BTreeSet<Uuid> = alive.into_iter().collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.locked(&missing).await?;
        for row in &rows {
            missing.remove(&row.account_id);
        }
        if !missing.is_empty() {
            // Two units may begin one chain at once: the later one waits here, and finds what the other made of it.
            let begun =
                missing.iter().map(|account| head_row(&Head::beginning(AccountId::from_uuid(*account), self.now)));
            let key = [event_chain::Column::AccountId];
            event_chain::Entity::insert_many(begun)
                .on_conflict(OnConflict::columns(key).do_nothing_on(key).to_owned())
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed(LOCK))?;
            rows.extend(self.locked(&missing).await?);
        }
        rows.iter().map(head).collect()
    }

    async fn still_unchained(&mut self, among: &[EventId]) -> Result<Vec<EventDigest>, StoreError> {
        const OPERATION: &str = "event.still_unchained";
        let ids: Vec<Uuid> = waiting(Consumer::Chain)
            .filter(outbox::Column::EventId.is_in(padded(among.iter().map(|event| event.uuid()))))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        // An event that is written a second time, as the outcome of the first was unknown, waits a second time, too.
        let numbered = event_link::Entity::find()
            .select_only()
            .column(event_link::Column::EventId)
            .filter(event_link::Column::EventId.is_in(padded(ids.iter().copied())));
        let numbered: Vec<Uuid> = numbered.into_tuple().all(&self.connection).await.map_err(failed(OPERATION))?;
        let rows: Vec<(Uuid, Uuid, Vec<u8>, Vec<u8>)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::AccountId, Column::ContentHash, Column::ContextHash])
            .filter(Column::Id.is_in(padded(ids.into_iter().filter(|event| !numbered.contains(event)))))
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        rows.iter().map(digest).collect()
    }

    async fn extend_chains(&mut self, links: &[Link], heads: &[Head]) -> Result<(), StoreError> {
        const OPERATION: &str = "event.extend_chains";
        use event_chain::Column as Chain;
        for some in portions(links.iter().map(link_row).collect(), INSERT_BATCH) {
            event_link::Entity::insert_many(some)
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
        }
        let moved =
            [Chain::Sequence, Chain::Head, Chain::EventId, Chain::FirstSequence, Chain::FirstAt, Chain::UpdatedAt];
        event_chain::Entity::insert_many(heads.iter().map(head_row))
            .on_conflict(OnConflict::column(Chain::AccountId).update_columns(moved).to_owned())
            .exec_without_returning(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn purge_links(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let chains = event_chain::Entity::find()
            .filter(event_chain::Column::FirstAt.lt(before.as_millis()))
            .order_by_asc(event_chain::Column::FirstAt)
            .limit(CHAINS)
            .lock(LockType::Update)
            .all(&self.connection)
            .await
            .map_err(failed(PURGE))?;
        let mut removed = 0;
        for chain in chains {
            let room = u64::from(limit).saturating_sub(removed);
            if room == 0 {
                break;
            }
            let Some(cut) = self.cut(&chain, before, room).await? else { continue };
            event_link::Entity::delete_many()
                .filter(event_link::Column::AccountId.eq(chain.account_id))
                .filter(event_link::Column::Sequence.lt(cut.first_sequence))
                .exec(&self.connection)
                .await
                .map_err(failed(PURGE))?;
            event_chain::Entity::update_many()
                .set(event_chain::ActiveModel {
                    first_sequence: Set(cut.first_sequence),
                    first_at: Set(cut.first_at),
                    ..Default::default()
                })
                .filter(event_chain::Column::AccountId.eq(chain.account_id))
                .exec(&self.connection)
                .await
                .map_err(failed(PURGE))?;
            removed += cut.links;
        }
        Ok(removed)
    }
}
