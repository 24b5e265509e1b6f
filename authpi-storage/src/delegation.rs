//! Delegations in SQL.

use std::collections::{BTreeSet, HashMap};

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
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use crate::batch;
use crate::convert::{Place, id, millis, scopes_json, status, time, to_json, to_word};
use crate::departed;
use crate::entity::delegation::{ActiveModel, Column, Entity, Model};
use crate::entity::issuer;
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

    /// Accounts of issuers; one that is gone is left out.
    async fn accounts_of(&self, issuers: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, Uuid>, StoreError> {
        let issuers: BTreeSet<Uuid> = issuers.collect();
        if issuers.is_empty() {
            return Ok(HashMap::new());
        }
        let found: Vec<(Uuid, Uuid)> = issuer::Entity::find()
            .select_only()
            .columns([issuer::Column::Id, issuer::Column::AccountId])
            .filter(issuer::Column::Id.is_in(issuers))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("delegation.accounts_of"))?;
        Ok(found.into_iter().collect())
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
        const OPERATION: &str = "delegation.departed";
        let active = to_word(OPERATION, &DelegationStatus::Active)?;
        let in_force =
            || Entity::find().filter(Column::Status.eq(active.as_str())).filter(Column::ExpiresAt.gt(now.as_millis()));
        let by_user = (Entity::find(), [Column::IssuerId, Column::UserId]);
        let users = departed::users(&self.connection, since, by_user, limit).await.map_err(failed(OPERATION))?;
        let by_agent = (in_force(), [Column::IssuerId, Column::AgentId]);
        let agents = departed::agents(&self.connection, since, by_agent, limit).await.map_err(failed(OPERATION))?;
        let by_client = (in_force(), [Column::IssuerId, Column::ClientId]);
        let clients = departed::clients(&self.connection, since, by_client, limit).await.map_err(failed(OPERATION))?;
        let users = users.into_iter().map(|(issuer, user)| (issuer, DelegationParty::User(id(user))));
        let agents = agents.into_iter().map(|(issuer, agent)| (issuer, DelegationParty::Agent(id(agent))));
        let clients = clients.into_iter().map(|(issuer, client)| (issuer, DelegationParty::Client(id(client))));
        let found: Vec<_> = users.chain(agents).chain(clients).take(limit as usize).collect();
        let accounts = self.accounts_of(found.iter().map(|(issuer, _)| *issuer)).await?;
        let departed = |(issuer, party)| {
            let account_id = id(*accounts.get(&issuer)?);
            Some(DepartedParty { account_id, issuer_id: id(issuer), party })
        };
        Ok(found.into_iter().filter_map(departed).collect())
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
