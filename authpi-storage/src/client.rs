//! Clients in SQL.

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::client::model::{Client, ClientDetails, ClientStatus, Readiness};
use authpi_core::client::repository::{
    CLIENTS_ASKED, ClientFacts, ClientFilter, ClientListing, ClientReads, ClientRepository, DeletedClient, StatusFilter,
};
use authpi_core::id::{ClientId, Id, IssuerId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::Uuid;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::client::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_client";

fn client(row: Model) -> Result<Client, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let value = place.word("status", &row.status)?;
    let previous = (row.previous_secret_hash.as_deref(), row.previous_valid_until);
    let secret = row.secret_hash.as_deref().map(|hash| place.rotating_secret(hash, previous)).transpose()?;
    Ok(Client {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: place.json("details", row.details)?,
        secret,
        secret_rotated_at: row.secret_rotated_at.map(time),
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn listing(row: Model) -> Result<ClientListing, StoreError> {
    let deleted_at = row.deleted_at.map(time);
    Ok(ClientListing { client: client(row)?, deleted_at })
}

/// As much of a row as a search looks at: thousands are read for one page.
#[derive(FromQueryResult)]
struct FactsRow {
    id: Uuid,
    name: String,
    status: String,
    application_type: String,
    readiness: String,
}

fn facts(row: FactsRow) -> Result<ClientFacts, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    Ok(ClientFacts {
        id: id(row.id),
        status: place.word("status", &row.status)?,
        application_type: place.word("application_type", &row.application_type)?,
        readiness: place.word("readiness", &row.readiness)?,
        name: row.name,
    })
}

/// The columns that a caller's change writes.
fn written(client: &Client) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "client.write";
    let status = &client.status;
    let secret = client.secret.as_ref();
    let previous = secret.and_then(|secret| secret.previous.as_ref());
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &status.value)?),
        status_at: Set(millis(status.at)),
        status_reason: Set(status.reason.clone()),
        status_by: Set(status.by.clone()),
        name: Set(client.details.name.clone()),
        application_type: Set(to_word(OPERATION, &client.details.settings.openid.application_type)?),
        readiness: Set(to_word(OPERATION, &client.readiness())?),
        details: Set(to_json(OPERATION, &client.details)?),
        secret_hash: Set(secret.map(|secret| secret.hash.to_bytes().to_vec())),
        previous_secret_hash: Set(previous.map(|(hash, _)| hash.to_bytes().to_vec())),
        previous_valid_until: Set(previous.map(|(_, until)| until.as_millis())),
        secret_rotated_at: Set(millis(client.secret_rotated_at)),
        metadata: Set(to_json(OPERATION, &client.metadata)?),
        updated_at: Set(client.updated_at.as_millis()),
        ..Default::default()
    })
}

/// Clients of an issuer that are, or are not, deleted, from where the page begins.
fn listed(issuer: IssuerId, filter: &ClientFilter, page: &PageRequest<ClientId>) -> Select<Entity> {
    let mut query = Entity::find()
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .filter(Column::Deleted.eq(filter.status == Some(StatusFilter::Deleted)))
        .order_by_desc(Column::Id);
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after.uuid()));
    }
    query
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    /// A page behind a single condition, which has an index.
    async fn client_page(
        &self,
        mut query: Select<Entity>,
        filter: &ClientFilter,
        page: &PageRequest<ClientId>,
    ) -> Result<SearchPage<ClientListing, ClientId>, StoreError> {
        const OPERATION: &str = "client.list";
        if let Some(StatusFilter::Is(status)) = filter.status {
            query = query.filter(Column::Status.eq(to_word(OPERATION, &status)?));
        }
        if let Some(kind) = filter.application_type {
            query = query.filter(Column::ApplicationType.eq(to_word(OPERATION, &kind)?));
        }
        if let Some(readiness) = filter.readiness {
            query = query.filter(Column::Readiness.eq(to_word(OPERATION, &readiness)?));
        }
        let rows =
            query.limit(u64::from(page.limit.get()) + 1).all(&self.connection).await.map_err(failed(OPERATION))?;
        let listings = rows.into_iter().map(listing).collect::<Result<Vec<_>, _>>()?;
        Ok(SearchPage::pick(listings, page.limit, |listing| listing.client.id, |_| true))
    }

    /// A page of what matches among a bounded number of rows.
    async fn client_search(
        &self,
        issuer: IssuerId,
        query: Select<Entity>,
        filter: &ClientFilter,
        page: &PageRequest<ClientId>,
    ) -> Result<SearchPage<ClientListing, ClientId>, StoreError> {
        const OPERATION: &str = "client.search";
        let columns = [Column::Id, Column::Name, Column::Status, Column::ApplicationType, Column::Readiness];
        let rows = query
            .select_only()
            .columns(columns)
            .limit(EXAMINED_ROWS as u64 + 1)
            .into_model::<FactsRow>()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let rows = rows.into_iter().map(facts).collect::<Result<Vec<_>, _>>()?;
        let found = SearchPage::pick(rows, page.limit, |facts| facts.id, |facts| filter.matches(facts));
        if found.items.is_empty() {
            return Ok(SearchPage { items: Vec::new(), next: found.next });
        }
        let found_ids = found.items.iter().map(|facts| facts.id.uuid());
        let rows = Entity::find()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(filter.status == Some(StatusFilter::Deleted)))
            .filter(Column::Id.is_in(found_ids))
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        // One that was deleted or removed since the search is left out.
        let rows = found.items.iter().filter_map(|facts| rows.remove(&facts.id.uuid()));
        Ok(SearchPage { items: rows.map(listing).collect::<Result<_, _>>()?, next: found.next })
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> ClientReads for Session<C> {
    async fn find(&self, issuer: IssuerId, id: ClientId) -> Result<Option<Client>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .one(&self.connection)
            .await
            .map_err(failed("client.find"))?;
        row.map(client).transpose()
    }

    async fn active_details(&self, issuer: IssuerId) -> Result<Vec<ClientDetails>, StoreError> {
        const OPERATION: &str = "client.active_details";
        let rows: Vec<(Uuid, serde_json::Value)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Details])
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::Status.eq(to_word(OPERATION, &ClientStatus::Active)?))
            .order_by_desc(Column::Id)
            .limit(u64::from(CLIENTS_ASKED))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        rows.into_iter().map(|(id, details)| Place { table: TABLE, id }.json("details", details)).collect()
    }

    async fn details_of(
        &self,
        issuer: IssuerId,
        among: &[ClientId],
    ) -> Result<Vec<(ClientId, ClientDetails)>, StoreError> {
        if among.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(Uuid, serde_json::Value)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Details])
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::Id.is_in(among.iter().map(|client| client.uuid())))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("client.details_of"))?;
        let details = |(key, details)| Ok((id(key), Place { table: TABLE, id: key }.json("details", details)?));
        rows.into_iter().map(details).collect()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        filter: &ClientFilter,
        page: &PageRequest<ClientId>,
    ) -> Result<SearchPage<ClientListing, ClientId>, StoreError> {
        let query = listed(issuer, filter, page);
        if filter.is_served_by_index() {
            self.client_page(query, filter, page).await
        } else {
            self.client_search(issuer, query, filter, page).await
        }
    }

    async fn deleted_before(&self, time: Timestamp, limit: u32) -> Result<Vec<DeletedClient>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::IssuerId, Column::Id])
            .filter(Column::DeletedAt.lt(time.as_millis()))
            .order_by_asc(Column::DeletedAt)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("client.deleted_before"))?;
        Ok(rows.into_iter().map(|(issuer, client)| DeletedClient { issuer_id: id(issuer), id: id(client) }).collect())
    }
}

#[async_trait]
impl ClientRepository for Unit {
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(client.id.uuid()),
            issuer_id: Set(client.issuer_id.uuid()),
            deleted: Set(false),
            deleted_at: Set(None),
            created_at: Set(client.created_at.as_millis()),
            ..written(client)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("client.insert"))
    }

    async fn update(&mut self, client: &Client, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(client)?)
            .filter(Column::Id.eq(client.id.uuid()))
            .filter(Column::IssuerId.eq(client.issuer_id.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("client.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn delete(&mut self, issuer: IssuerId, id: ClientId, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        const OPERATION: &str = "client.delete";
        let version = before.next_version(self.now);
        let done = Entity::update_many()
            .set(ActiveModel {
                deleted: Set(true),
                deleted_at: Set(Some(self.now.as_millis())),
                readiness: Set(to_word(OPERATION, &Readiness::Inactive)?),
                secret_hash: Set(None),
                previous_secret_hash: Set(None),
                previous_valid_until: Set(None),
                updated_at: Set(version.as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(&mut self, issuer: IssuerId, id: ClientId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("client.remove"))
    }
}
