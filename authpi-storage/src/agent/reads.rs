//! Questions about agents.

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::agent::model::{Agent, AgentVerifier, Wallet};
use authpi_core::agent::repository::{AgentFilter, AgentReads, DeletedAgent};
use authpi_core::delegation::model::DelegationParty;
use authpi_core::id::{AgentId, Id, IssuerId, VerifierId};
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage, TimeAndId};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use super::row::{agent, one, verifier};
use crate::convert::{id, time, to_word};
use crate::delegation::in_force;
use crate::entity::agent::{Column, Entity};
use crate::entity::agent_verifier::{self, Column as Held};
use crate::entity::{delegation, membership, note};
use crate::error::failed;
use crate::session::Session;

const LIST: &str = "agent.list";

/// What a search looks at.
#[derive(FromQueryResult)]
struct FactsRow {
    id: Uuid,
    status: String,
    model: Option<String>,
    provider: Option<String>,
    n_secrets: i64,
    n_wallets: i64,
    created_at: i64,
}

/// What a search looks for, as stored.
struct Wanted<'f> {
    status: Option<String>,
    filter: &'f AgentFilter,
}

impl Wanted<'_> {
    fn matches(&self, row: &FactsRow) -> bool {
        let has_verifiers = row.n_secrets + row.n_wallets > 0;
        self.status.as_ref().is_none_or(|status| *status == row.status)
            && self.filter.model.as_ref().is_none_or(|model| row.model.as_ref() == Some(model))
            && self.filter.provider.as_ref().is_none_or(|provider| row.provider.as_ref() == Some(provider))
            && self.filter.has_verifiers.is_none_or(|wanted| wanted == has_verifiers)
    }
}

/// Agents of an issuer from where the page begins.
fn listed(issuer: IssuerId, page: &PageRequest<TimeAndId<AgentId>>) -> Select<Entity> {
    let mut query = Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::Deleted.eq(false));
    if let Some(last) = &page.after {
        let (at, id) = (last.at.as_millis(), last.id.uuid());
        let same_time = Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.lt(id));
        query = query
            // The first condition alone is what the index serves.
            .filter(Column::CreatedAt.lte(at))
            .filter(Condition::any().add(Column::CreatedAt.lt(at)).add(same_time));
    }
    query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    async fn agent_of_wallet(&self, issuer: IssuerId, wallet: &Wallet) -> Result<Option<Uuid>, StoreError> {
        agent_verifier::Entity::find()
            .select_only()
            .column(Held::AgentId)
            .filter(Held::IssuerId.eq(issuer.uuid()))
            .filter(Held::Chain.eq(wallet.chain()))
            .filter(Held::Address.eq(wallet.address()))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("agent.of_wallet"))
    }

    /// Something is left that names a deleted agent, and that a worker finds by the agent's row.
    async fn names_agent(&self, gone: DeletedAgent, at: Timestamp) -> Result<bool, StoreError> {
        const OPERATION: &str = "agent.deleted_before";
        let (issuer, agent) = (gone.issuer_id.uuid(), gone.id.uuid());
        let memberships = membership::Entity::find()
            .filter(membership::Column::IssuerId.eq(issuer))
            .filter(membership::Column::MemberId.eq(agent))
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let notes = note::Entity::find()
            .filter(note::Column::SubjectId.eq(agent))
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let delegations = delegation::Entity::find()
            .filter(in_force(gone.issuer_id, DelegationParty::Agent(gone.id), at)?)
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(memberships + notes + delegations > 0)
    }

    /// The agents with these ids, in this order.
    async fn agents_by_id(&self, issuer: IssuerId, ids: &[Uuid]) -> Result<Vec<Agent>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .all(&self.connection)
            .await
            .map_err(failed(LIST))?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        // One that was deleted since the search is left out.
        ids.iter().filter_map(|id| rows.remove(id)).map(agent).collect()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> AgentReads for Session<C> {
    async fn exists(&self, issuer: IssuerId, id: AgentId) -> Result<bool, StoreError> {
        let found: Option<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(one(issuer, id))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("agent.exists"))?;
        Ok(found.is_some())
    }

    async fn find(&self, issuer: IssuerId, id: AgentId) -> Result<Option<Agent>, StoreError> {
        let row = Entity::find().filter(one(issuer, id)).one(&self.connection).await.map_err(failed("agent.find"))?;
        row.map(agent).transpose()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        filter: &AgentFilter,
        page: &PageRequest<TimeAndId<AgentId>>,
    ) -> Result<SearchPage<Agent, TimeAndId<AgentId>>, StoreError> {
        let status = filter.status.map(|status| to_word(LIST, &status)).transpose()?;
        let mut query = listed(issuer, page);
        let is_search = filter.model.is_some() || filter.provider.is_some() || filter.has_verifiers.is_some();
        if let Some(wallet) = &filter.wallet {
            match self.agent_of_wallet(issuer, wallet).await? {
                Some(agent) => query = query.filter(Column::Id.eq(agent)),
                None => return Ok(SearchPage { items: Vec::new(), next: None }),
            }
        } else if let Some(status) = &status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        let examined = if is_search { EXAMINED_ROWS as u64 } else { u64::from(page.limit.get()) };
        let columns = [
            Column::Id,
            Column::Status,
            Column::Model,
            Column::Provider,
            Column::NSecrets,
            Column::NWallets,
            Column::CreatedAt,
        ];
        let rows = query
            .select_only()
            .columns(columns)
            .limit(examined + 1)
            .into_model::<FactsRow>()
            .all(&self.connection)
            .await
            .map_err(failed(LIST))?;
        let wanted = Wanted { status, filter };
        let key = |row: &FactsRow| TimeAndId { at: time(row.created_at), id: id(row.id) };
        let found = SearchPage::pick(rows, page.limit, key, |row| wanted.matches(row));
        let ids: Vec<_> = found.items.iter().map(|row| row.id).collect();
        Ok(SearchPage { items: self.agents_by_id(issuer, &ids).await?, next: found.next })
    }

    async fn verifiers(&self, issuer: IssuerId, agent: AgentId) -> Result<Vec<AgentVerifier>, StoreError> {
        let rows = agent_verifier::Entity::find()
            .filter(Held::IssuerId.eq(issuer.uuid()))
            .filter(Held::AgentId.eq(agent.uuid()))
            .order_by_desc(Held::Id)
            .all(&self.connection)
            .await
            .map_err(failed("agent.verifiers"))?;
        rows.into_iter().map(verifier).collect()
    }

    async fn verifier(
        &self,
        issuer: IssuerId,
        agent: AgentId,
        id: VerifierId,
    ) -> Result<Option<AgentVerifier>, StoreError> {
        let row = agent_verifier::Entity::find_by_id(id.uuid())
            .filter(Held::IssuerId.eq(issuer.uuid()))
            .filter(Held::AgentId.eq(agent.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("agent.verifier"))?;
        row.map(verifier).transpose()
    }

    async fn deleted_before(&self, at: Timestamp, limit: u32) -> Result<Vec<DeletedAgent>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::IssuerId, Column::Id])
            .filter(Column::DeletedAt.lt(at.as_millis()))
            .order_by_asc(Column::DeletedAt)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("agent.deleted_before"))?;
        let mut free = Vec::new();
        for (issuer, agent) in rows {
            let gone = DeletedAgent { issuer_id: id(issuer), id: id(agent) };
            if !self.names_agent(gone, at).await? {
                free.push(gone);
            }
        }
        Ok(free)
    }
}
