//! Delegations in SQL.

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::delegation::model::{Delegation, DelegationParty, DelegationState, DelegationStatus};
use authpi_core::delegation::repository::{
    DelegationFilter, DelegationOwner, DelegationReads, DelegationRepository, DepartedParty,
};
use authpi_core::id::{DelegationId, Id, IssuerId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::batch;
use crate::convert::{Place, id, millis, scopes_json, status, time, to_json, to_word};
use crate::entity::delegation::{ActiveModel, Column, Entity, Model};
use crate::entity::{agent, client, issuer, user};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_delegation";

/// What a search looks at.
#[derive(FromQueryResult)]
struct FactsRow {
    id: Uuid,
    user_id: Uuid,
    agent_id: Uuid,
    org_id: Option<Uuid>,
    status: String,
    expires_at: i64,
}

fn delegation(row: Model) -> Result<Delegation, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let value = place.word("status", &row.status)?;
    Ok(Delegation {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        agent_id: id(row.agent_id),
        client_id: row.client_id.map(id),
        org_id: row.org_id.map(id),
        scopes: place.json("scopes", row.scopes)?,
        status: status(value, row.status_at, row.status_reason, row.status_by),
        granted_by: place.word("granted_by", &row.granted_by)?,
        reason: row.reason,
        expires_at: time(row.expires_at),
        usage_count: u64::try_from(row.usage_count).map_err(|_| place.corrupt("usage_count"))?,
        last_used_at: row.last_used_at.map(time),
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn matches(row: &FactsRow, filter: &DelegationFilter) -> Result<bool, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let stored: DelegationStatus = place.word("status", &row.status)?;
    let in_state = |(state, now)| DelegationState::of(stored, time(row.expires_at), now) == state;
    Ok(filter.state.is_none_or(in_state)
        && filter.user_id.is_none_or(|user| user.uuid() == row.user_id)
        && filter.agent_id.is_none_or(|agent| agent.uuid() == row.agent_id)
        && filter.org_id.is_none_or(|organization| Some(organization.uuid()) == row.org_id))
}

/// Delegations of a user or an agent from where the page begins.
fn listed(issuer: IssuerId, owner: DelegationOwner, page: &PageRequest<DelegationId>) -> Select<Entity> {
    let mut query = Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(match owner {
        DelegationOwner::User(user) => Column::UserId.eq(user.uuid()),
        DelegationOwner::Agent(agent) => Column::AgentId.eq(agent.uuid()),
    });
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after.uuid()));
    }
    query.order_by_desc(Column::Id)
}

/// The rows of a party.
fn of_party(issuer: IssuerId, party: DelegationParty) -> Condition {
    let named: Option<SimpleExpr> = match party {
        DelegationParty::User(user) => Some(Column::UserId.eq(user.uuid())),
        DelegationParty::Agent(agent) => Some(Column::AgentId.eq(agent.uuid())),
        DelegationParty::Client(client) => Some(Column::ClientId.eq(client.uuid())),
        DelegationParty::Organization(organization) => Some(Column::OrgId.eq(organization.uuid())),
        DelegationParty::Everybody => None,
    };
    Condition::all().add(Column::IssuerId.eq(issuer.uuid())).add_option(named)
}

/// Those of them that are in force.
pub(crate) fn in_force(issuer: IssuerId, party: DelegationParty, now: Timestamp) -> Result<Condition, StoreError> {
    let active = to_word("delegation.active", &DelegationStatus::Active)?;
    Ok(of_party(issuer, party).add(Column::Status.eq(active)).add(Column::ExpiresAt.gt(now.as_millis())))
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    /// The delegations with these ids, in this order.
    async fn delegations_by_id(&self, issuer: IssuerId, ids: &[Uuid]) -> Result<Vec<Delegation>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .all(&self.connection)
            .await
            .map_err(failed("delegation.list"))?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        // One that was removed since the search is left out.
        ids.iter().filter_map(|id| rows.remove(id)).map(delegation).collect()
    }

    async fn departed_of(
        &self,
        query: Select<Entity>,
        party: Column,
        since: SimpleExpr,
        limit: u32,
    ) -> Result<Vec<(Uuid, Uuid, Uuid)>, StoreError> {
        let issuers = Entity::belongs_to(issuer::Entity).from(Column::IssuerId).to(issuer::Column::Id);
        query
            .select_only()
            .column(issuer::Column::AccountId)
            .columns([Column::IssuerId, party])
            .distinct()
            .join(JoinType::InnerJoin, issuers.into())
            .filter(since)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("delegation.departed"))
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> DelegationReads for Session<C> {
    async fn find(&self, issuer: IssuerId, id: DelegationId) -> Result<Option<Delegation>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("delegation.find"))?;
        row.map(delegation).transpose()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        owner: DelegationOwner,
        filter: &DelegationFilter,
        page: &PageRequest<DelegationId>,
    ) -> Result<SearchPage<Delegation, DelegationId>, StoreError> {
        let is_search = *filter != DelegationFilter::default();
        let examined = if is_search { EXAMINED_ROWS as u64 } else { u64::from(page.limit.get()) };
        let columns = [Column::Id, Column::UserId, Column::AgentId, Column::OrgId, Column::Status, Column::ExpiresAt];
        let rows = listed(issuer, owner, page)
            .select_only()
            .columns(columns)
            .limit(examined + 1)
            .into_model::<FactsRow>()
            .all(&self.connection)
            .await
            .map_err(failed("delegation.list"))?;
        let rows =
            rows.into_iter().map(|row| Ok((row.id, matches(&row, filter)?))).collect::<Result<Vec<_>, StoreError>>()?;
        let found = SearchPage::pick(rows, page.limit, |(key, _)| id(*key), |(_, matches)| *matches);
        let ids: Vec<_> = found.items.iter().map(|(id, _)| *id).collect();
        Ok(SearchPage { items: self.delegations_by_id(issuer, &ids).await?, next: found.next })
    }

    async fn active(
        &self,
        issuer: IssuerId,
        of: DelegationParty,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delegation>, StoreError> {
        let rows = Entity::find()
            .filter(in_force(issuer, of, now)?)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("delegation.active"))?;
        rows.into_iter().map(delegation).collect()
    }

    async fn count_active(&self, issuer: IssuerId, of: DelegationParty, now: Timestamp) -> Result<u64, StoreError> {
        Entity::find()
            .filter(in_force(issuer, of, now)?)
            .count(&self.connection)
            .await
            .map_err(failed("delegation.count_active"))
    }

    async fn departed(&self, since: Timestamp, now: Timestamp, limit: u32) -> Result<Vec<DepartedParty>, StoreError> {
        let since = since.as_millis();
        let active = to_word("delegation.departed", &DelegationStatus::Active)?;
        let in_force =
            || Condition::all().add(Column::Status.eq(active.as_str())).add(Column::ExpiresAt.gt(now.as_millis()));
        let users = Entity::belongs_to(user::Entity).from(Column::UserId).to(user::Column::Id);
        let users = Entity::find().join(JoinType::InnerJoin, users.into());
        let users = self.departed_of(users, Column::UserId, user::Column::DeletedAt.gte(since), limit).await?;
        let agents = Entity::belongs_to(agent::Entity).from(Column::AgentId).to(agent::Column::Id);
        let agents = Entity::find().join(JoinType::InnerJoin, agents.into()).filter(in_force());
        let agents = self.departed_of(agents, Column::AgentId, agent::Column::DeletedAt.gte(since), limit).await?;
        let clients = Entity::belongs_to(client::Entity).from(Column::ClientId).to(client::Column::Id);
        let clients = Entity::find().join(JoinType::InnerJoin, clients.into()).filter(in_force());
        let clients = self.departed_of(clients, Column::ClientId, client::Column::DeletedAt.gte(since), limit).await?;
        let departed =
            |(account, issuer), party| DepartedParty { account_id: id(account), issuer_id: id(issuer), party };
        let users = users.into_iter().map(|(of, issuer, user)| departed((of, issuer), DelegationParty::User(id(user))));
        let agents =
            agents.into_iter().map(|(of, issuer, agent)| departed((of, issuer), DelegationParty::Agent(id(agent))));
        let clients =
            clients.into_iter().map(|(of, issuer, client)| departed((of, issuer), DelegationParty::Client(id(client))));
        Ok(users.chain(agents).chain(clients).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}

#[async_trait]
impl DelegationRepository for Unit {
    async fn insert(&mut self, delegation: &Delegation) -> Result<(), StoreError> {
        const OPERATION: &str = "delegation.insert";
        let status = &delegation.status;
        let row = ActiveModel {
            id: Set(delegation.id.uuid()),
            issuer_id: Set(delegation.issuer_id.uuid()),
            user_id: Set(delegation.user_id.uuid()),
            agent_id: Set(delegation.agent_id.uuid()),
            client_id: Set(delegation.client_id.map(Id::uuid)),
            org_id: Set(delegation.org_id.map(Id::uuid)),
            scopes: Set(scopes_json(&delegation.scopes)),
            status: Set(to_word(OPERATION, &status.value)?),
            status_at: Set(millis(status.at)),
            status_reason: Set(status.reason.clone()),
            status_by: Set(status.by.clone()),
            granted_by: Set(to_word(OPERATION, &delegation.granted_by)?),
            reason: Set(delegation.reason.clone()),
            expires_at: Set(delegation.expires_at.as_millis()),
            usage_count: Set(i64::try_from(delegation.usage_count).unwrap_or(i64::MAX)),
            last_used_at: Set(millis(delegation.last_used_at)),
            metadata: Set(to_json(OPERATION, &delegation.metadata)?),
            created_at: Set(delegation.created_at.as_millis()),
            updated_at: Set(delegation.updated_at.as_millis()),
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed(OPERATION))
    }

    async fn update(&mut self, delegation: &Delegation, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        const OPERATION: &str = "delegation.update";
        let status = &delegation.status;
        let done = Entity::update_many()
            .set(ActiveModel {
                status: Set(to_word(OPERATION, &status.value)?),
                status_at: Set(millis(status.at)),
                status_reason: Set(status.reason.clone()),
                status_by: Set(status.by.clone()),
                updated_at: Set(delegation.updated_at.as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(delegation.id.uuid()))
            .filter(Column::IssuerId.eq(delegation.issuer_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn count_use(&mut self, issuer: IssuerId, id: DelegationId, at: Timestamp) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::UsageCount, Expr::col(Column::UsageCount).add(1_i64))
            .col_expr(Column::LastUsedAt, Expr::value(at.as_millis()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("delegation.count_use"))
    }

    async fn remove_of(&mut self, issuer: IssuerId, of: DelegationParty, limit: u32) -> Result<u64, StoreError> {
        let which = Entity::find().filter(of_party(issuer, of));
        let removed = batch::remove_first(&self.connection, which, Column::Id, limit).await;
        removed.map_err(failed("delegation.remove_of"))
    }
}
