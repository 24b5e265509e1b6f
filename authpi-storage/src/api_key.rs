//! API keys in SQL.

mod authentication;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use authpi_core::credential::model::{
    ApiKey, ApiKeyAuthentication, ApiKeyDetails, HomeState, KeyRestrictions, TakenUses, UseWindow,
};
use authpi_core::credential::repository::{ApiKeyFilter, ApiKeyReads, ApiKeyRepository};
use authpi_core::id::{AccountId, ApiKeyId, Id, IssuerId, OrganizationId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{PageRequest, SearchPage, TimeAndId};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};

use crate::convert::{Place, id, millis, scopes_json, status, time, to_json, to_word};
use crate::entity::api_key::{ActiveModel, Column, Entity, Model};
use crate::entity::{issuer, organization};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_api_key";

/// Most rows that a filtered page examines (conventions §7).
const EXAMINED: u64 = 2_000;

/// Rows that a filtered page reads at a time.
const BATCH: u64 = 200;

/// What a caller writes besides the columns.
#[derive(Serialize, Deserialize)]
struct StoredDetails {
    description: Option<String>,
    tags: Vec<String>,
}

fn api_key(row: Model, home: HomeState) -> Result<ApiKey, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let stored: StoredDetails = place.json("details", row.details)?;
    let value = place.word("status", &row.status)?;
    let previous = (row.previous_secret_hash.as_deref(), row.previous_valid_until);
    Ok(ApiKey {
        id: id(row.id),
        account_id: id(row.account_id),
        org_id: id(row.org_id),
        issuer_id: id(row.issuer_id),
        level: place.word("level", &row.level)?,
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: ApiKeyDetails {
            name: row.name,
            description: stored.description,
            tags: stored.tags,
            restrictions: KeyRestrictions {
                scopes: place.json("scopes", row.scopes)?,
                ip_allowlist: place.json("ip_allowlist", row.ip_allowlist)?,
                rate_limit: row.rate_limit.map(|limit| place.json("rate_limit", limit)).transpose()?,
            },
            expires_at: row.expires_at.map(time),
        },
        metadata: place.json("metadata", row.metadata)?,
        secret: place.rotating_secret(&row.secret_hash, previous)?,
        secret_hint: row.secret_hint,
        rotated_at: row.rotated_at.map(time),
        expiry_announced: row.expiry_announced,
        home,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that change after creation.
fn written(key: &ApiKey) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "api_key.write";
    let details = &key.details;
    let stored = StoredDetails { description: details.description.clone(), tags: details.tags.clone() };
    let previous = key.secret.previous.as_ref();
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &key.status.value)?),
        status_at: Set(millis(key.status.at)),
        status_reason: Set(key.status.reason.clone()),
        status_by: Set(key.status.by.clone()),
        name: Set(details.name.clone()),
        details: Set(to_json(OPERATION, &stored)?),
        scopes: Set(scopes_json(&details.restrictions.scopes)),
        ip_allowlist: Set(to_json(OPERATION, &details.restrictions.ip_allowlist)?),
        rate_limit: Set(details.restrictions.rate_limit.map(|limit| to_json(OPERATION, &limit)).transpose()?),
        expires_at: Set(millis(details.expires_at)),
        expiry_announced: Set(key.expiry_announced),
        secret_hash: Set(key.secret.hash.to_bytes().to_vec()),
        secret_hint: Set(key.secret_hint.clone()),
        previous_secret_hash: Set(previous.map(|(hash, _)| hash.to_bytes().to_vec())),
        previous_valid_until: Set(previous.map(|(_, until)| until.as_millis())),
        rotated_at: Set(millis(key.rotated_at)),
        metadata: Set(to_json(OPERATION, &key.metadata)?),
        updated_at: Set(key.updated_at.as_millis()),
        ..Default::default()
    })
}

/// A missing row has no columns.
fn home_state(organization: Option<&str>, is_deleting: Option<bool>, is_issuer_deleting: Option<bool>) -> HomeState {
    match (is_deleting, is_issuer_deleting, organization) {
        (Some(false), Some(false), Some("active")) => HomeState::Active,
        (Some(false), Some(false), Some(_)) => HomeState::Suspended,
        _ => HomeState::Gone,
    }
}

/// The rows as keys, with the state of the organizations they belong to.
async fn at_home(connection: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<ApiKey>, StoreError> {
    let organizations: BTreeSet<_> = rows.iter().map(|row| row.org_id).collect();
    let homes = homes(connection, organizations).await?;
    rows.into_iter()
        .map(|row| {
            let home = homes.get(&row.org_id).copied().unwrap_or(HomeState::Gone);
            api_key(row, home)
        })
        .collect()
}

async fn homes(
    connection: &impl ConnectionTrait,
    organizations: BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, HomeState>, StoreError> {
    type Row = (Uuid, String, bool, Option<bool>);
    if organizations.is_empty() {
        return Ok(BTreeMap::new());
    }
    let of_issuer = organization::Entity::belongs_to(issuer::Entity)
        .from(organization::Column::IssuerId)
        .to(issuer::Column::Id)
        .into();
    let rows: Vec<Row> = organization::Entity::find()
        .select_only()
        .column(organization::Column::Id)
        .column(organization::Column::Status)
        .column(organization::Column::Deleting)
        .column_as(Expr::col((issuer::Entity, issuer::Column::Deleting)), "issuer_deleting")
        .join(JoinType::LeftJoin, of_issuer)
        .filter(organization::Column::Id.is_in(organizations))
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed("api_key.homes"))?;
    let state = |(id, status, deleting, issuer): Row| (id, home_state(Some(&status), Some(deleting), issuer));
    Ok(rows.into_iter().map(state).collect())
}

/// The rows behind a place in the list of an organization, newest first.
async fn rows_after(
    connection: &impl ConnectionTrait,
    account: AccountId,
    organization: OrganizationId,
    after: Option<TimeAndId<ApiKeyId>>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::OrgId.eq(organization.uuid()))
        .filter(Column::AccountId.eq(account.uuid()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        let at = after.at.as_millis();
        let earlier = Condition::any()
            .add(Column::CreatedAt.lt(at))
            .add(Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.lt(after.id.uuid())));
        // The first condition is the one an index range can serve.
        query = query.filter(Column::CreatedAt.lte(at)).filter(earlier);
    }
    query.all(connection).await.map_err(failed("api_key.list"))
}

/// Keys of an organization that were made by then, and were good for use.
fn in_use(account: AccountId, organization: OrganizationId, by: Timestamp) -> Select<Entity> {
    let unexpired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(by.as_millis()));
    Entity::find()
        .filter(Column::OrgId.eq(organization.uuid()))
        .filter(Column::AccountId.eq(account.uuid()))
        .filter(Column::CreatedAt.lte(by.as_millis()))
        .filter(Column::Status.eq("active"))
        .filter(unexpired)
}

fn place_of(key: &ApiKey) -> TimeAndId<ApiKeyId> {
    TimeAndId { at: key.created_at, id: key.id }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> ApiKeyReads for Session<C> {
    async fn authentication(&self, id: ApiKeyId) -> Result<Option<ApiKeyAuthentication>, StoreError> {
        authentication::find(&self.connection, id).await
    }

    async fn find(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("api_key.find"))?;
        Ok(at_home(&self.connection, row.into_iter().collect()).await?.pop())
    }

    async fn list(
        &self,
        account: AccountId,
        organization: OrganizationId,
        filter: &ApiKeyFilter,
        page: &PageRequest<TimeAndId<ApiKeyId>>,
        now: Timestamp,
    ) -> Result<SearchPage<ApiKey, TimeAndId<ApiKeyId>>, StoreError> {
        let limit = usize::try_from(page.limit.get()).unwrap_or(usize::MAX);
        let batch = if filter.is_empty() { u64::from(page.limit.get()) + 1 } else { BATCH };
        let (mut items, mut examined, mut last) = (Vec::new(), 0, page.after);
        loop {
            let rows = rows_after(&self.connection, account, organization, last, batch).await?;
            let is_end = (rows.len() as u64) < batch;
            for key in at_home(&self.connection, rows).await? {
                // Something is known to follow: a full page, or all that one page may examine.
                if items.len() == limit || examined == EXAMINED {
                    return Ok(SearchPage { items, next: last });
                }
                examined += 1;
                last = Some(place_of(&key));
                if filter.shows(&key, now) {
                    items.push(key);
                }
            }
            if is_end {
                return Ok(SearchPage { items, next: None });
            }
        }
    }

    async fn active(
        &self,
        account: AccountId,
        organization: OrganizationId,
        made_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let rows = in_use(account, organization, made_until)
            .order_by_asc(Column::CreatedAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("api_key.active"))?;
        at_home(&self.connection, rows).await
    }

    async fn count_active(
        &self,
        account: AccountId,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        in_use(account, organization, now).count(&self.connection).await.map_err(failed("api_key.count_active"))
    }

    async fn expired_unannounced(
        &self,
        now: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let others = without.iter().map(|issuer| issuer.uuid());
        let others = (!without.is_empty()).then(|| Column::IssuerId.is_not_in(others));
        let rows = Entity::find()
            .filter(Column::ExpiryAnnounced.eq(false))
            .filter(Column::ExpiresAt.lte(now.as_millis()))
            .filter(Condition::all().add_option(others))
            .order_by_asc(Column::ExpiresAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("api_key.expired_unannounced"))?;
        at_home(&self.connection, rows).await
    }
}

#[async_trait]
impl ApiKeyRepository for Unit {
    async fn insert(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(key.id.uuid()),
            account_id: Set(key.account_id.uuid()),
            org_id: Set(key.org_id.uuid()),
            issuer_id: Set(key.issuer_id.uuid()),
            level: Set(to_word("api_key.insert", &key.level)?),
            created_at: Set(key.created_at.as_millis()),
            ..written(key)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("api_key.insert"))
    }

    async fn update(&mut self, key: &ApiKey, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(key)?)
            .filter(Column::Id.eq(key.id.uuid()))
            .filter(Column::AccountId.eq(key.account_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("api_key.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn announce_expiry(
        &mut self,
        account: AccountId,
        id: ApiKeyId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                expiry_announced: Set(true),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .filter(Column::ExpiryAnnounced.eq(false))
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("api_key.announce_expiry"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(
        &mut self,
        account: AccountId,
        id: ApiKeyId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("api_key.remove"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn take_uses(
        &mut self,
        account: AccountId,
        id: ApiKeyId,
        window: &UseWindow,
        alert_use: u32,
    ) -> Result<TakenUses, StoreError> {
        uses::take(&self.connection, (account, id), window, alert_use).await
    }

    async fn purge_uses(&mut self, limit: u32) -> Result<u64, StoreError> {
        uses::purge(&self.connection, self.now, limit).await
    }
}
