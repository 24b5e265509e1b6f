//! Issuers in SQL.

mod children;
mod list;

use async_trait::async_trait;
use authpi_core::custom_fields::FieldDefinitions;
use authpi_core::id::{AccountId, AuthMethodId, Id, IssuerId};
use authpi_core::issuer::model::auth_method::AuthMethod;
use authpi_core::issuer::model::{Issuer, IssuerDetails, IssuerHead, MethodCounts, PublicIssuer, RuntimeIssuer};
use authpi_core::issuer::repository::{
    DeletingIssuer, IssuerChildren, IssuerFilter, IssuerListing, IssuerReads, IssuerRepository,
};
use authpi_core::organization_type::OrganizationSettings;
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{PageRequest, SearchPage};
use authpi_core::role::Roles;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType};
use sea_orm::{ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::auth_method;
use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::issuer::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_issuer";

/// The columns of [`IssuerHead`].
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct HeadRow {
    id: uuid::Uuid,
    account_id: uuid::Uuid,
    status: String,
    platform: bool,
    event_context: String,
}

/// The columns of [`PublicIssuer`].
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct PublicRow {
    id: uuid::Uuid,
    details: serde_json::Value,
    updated_at: i64,
}

fn public(row: PublicRow) -> Result<PublicIssuer, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let details: IssuerDetails = place.json("details", row.details)?;
    Ok(PublicIssuer {
        id: id(row.id),
        available_scopes: details.available_scopes,
        links: details.links,
        locales: details.settings.branding.locales,
        updated_at: time(row.updated_at),
    })
}

fn issuer(row: Model) -> Result<Issuer, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let value = place.word("status", &row.status)?;
    Ok(Issuer {
        id: id(row.id),
        account_id: id(row.account_id),
        platform: row.platform,
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: IssuerDetails { name: row.name, ..place.json("details", row.details)? },
        metadata: place.json("metadata", row.metadata)?,
        methods: MethodCounts {
            all: place.count("n_methods", row.n_methods)?,
            login: place.count("n_login_methods", row.n_login_methods)?,
            signup: place.count("n_signup_methods", row.n_signup_methods)?,
        },
        roles: place.json("roles", row.roles)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(issuer: &Issuer) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "issuer.write";
    let status = &issuer.status;
    let settings = &issuer.details.settings;
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &status.value)?),
        status_at: Set(millis(status.at)),
        status_reason: Set(status.reason.clone()),
        status_by: Set(status.by.clone()),
        name: Set(issuer.details.name.clone()),
        details: Set(to_json(OPERATION, &issuer.details)?),
        roles: Set(to_json(OPERATION, &issuer.roles)?),
        detaching: Set(issuer.roles.removed().next().is_some()),
        access_mode: Set(to_word(OPERATION, &settings.access.mode)?),
        event_context: Set(to_word(OPERATION, &settings.event_context())?),
        metadata: Set(to_json(OPERATION, &issuer.metadata)?),
        updated_at: Set(issuer.updated_at.as_millis()),
        ..Default::default()
    })
}

impl<C: ConnectionTrait> Session<C> {
    async fn details(&self, issuer: IssuerId) -> Result<Option<IssuerDetails>, StoreError> {
        let details: Option<serde_json::Value> = Entity::find_by_id(issuer.uuid())
            .select_only()
            .column(Column::Details)
            .filter(Column::Deleting.eq(false))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.details"))?;
        let place = Place { table: TABLE, id: issuer.uuid() };
        details.map(|details| place.json("details", details)).transpose()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> IssuerReads for Session<C> {
    async fn head(&self, account: AccountId, issuer: IssuerId) -> Result<Option<IssuerHead>, StoreError> {
        let row = Entity::find_by_id(issuer.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleting.eq(false))
            .into_partial_model::<HeadRow>()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.head"))?;
        let Some(row) = row else { return Ok(None) };
        let place = Place { table: TABLE, id: row.id };
        Ok(Some(IssuerHead {
            id: id(row.id),
            account_id: id(row.account_id),
            status: place.word("status", &row.status)?,
            platform: row.platform,
            event_context: place.word("event_context", &row.event_context)?,
        }))
    }

    async fn public(&self, issuer: IssuerId) -> Result<Option<PublicIssuer>, StoreError> {
        let row = Entity::find_by_id(issuer.uuid())
            .filter(Column::Deleting.eq(false))
            .into_partial_model::<PublicRow>()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.public"))?;
        row.map(public).transpose()
    }

    async fn runtime(&self, issuer_id: IssuerId) -> Result<Option<RuntimeIssuer>, StoreError> {
        let found = Entity::find_by_id(issuer_id.uuid()).filter(Column::Deleting.eq(false));
        let row = found.one(&self.connection).await.map_err(failed("issuer.runtime"))?;
        let Some(row) = row else { return Ok(None) };
        let cookie_keys = Place { table: TABLE, id: row.id }.count("cookie_keys", row.cookie_keys)?;
        let methods = auth_method::all_of(&self.connection, issuer_id).await?;
        Ok(Some(RuntimeIssuer { issuer: issuer(row)?, methods, cookie_keys }))
    }

    async fn root_key(&self, issuer: IssuerId) -> Result<Option<Vec<u8>>, StoreError> {
        Entity::find_by_id(issuer.uuid())
            .select_only()
            .column(Column::RootKey)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.root_key"))
    }

    async fn find(&self, account: AccountId, id: IssuerId) -> Result<Option<Issuer>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleting.eq(false))
            .one(&self.connection)
            .await
            .map_err(failed("issuer.find"))?;
        row.map(issuer).transpose()
    }

    async fn roles(&self, issuer: IssuerId) -> Result<Roles, StoreError> {
        let roles: Option<serde_json::Value> = Entity::find_by_id(issuer.uuid())
            .select_only()
            .column(Column::Roles)
            .filter(Column::Deleting.eq(false))
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.roles"))?;
        let place = Place { table: TABLE, id: issuer.uuid() };
        roles.map_or_else(|| Ok(Roles::default()), |roles| place.json("roles", roles))
    }

    async fn organization_settings(&self, issuer: IssuerId) -> Result<Option<OrganizationSettings>, StoreError> {
        Ok(self.details(issuer).await?.map(|details| details.settings.organizations))
    }

    async fn user_fields(&self, issuer: IssuerId) -> Result<FieldDefinitions, StoreError> {
        let details = self.details(issuer).await?;
        Ok(details.map(|details| details.settings.users.custom_fields).unwrap_or_default())
    }

    async fn detaching(&self, limit: u32) -> Result<Vec<IssuerId>, StoreError> {
        let found: Vec<uuid::Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Detaching.eq(true))
            .filter(Column::Deleting.eq(false))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("issuer.detaching"))?;
        Ok(found.into_iter().map(id).collect())
    }

    async fn list(
        &self,
        account: AccountId,
        filter: &IssuerFilter,
        page: &PageRequest<IssuerId>,
    ) -> Result<SearchPage<IssuerListing, IssuerId>, StoreError> {
        list::page(&self.connection, account, filter, page).await
    }

    async fn auth_methods(&self, issuer: IssuerId) -> Result<Vec<AuthMethod>, StoreError> {
        auth_method::all_of(&self.connection, issuer).await
    }

    async fn auth_method(&self, issuer: IssuerId, id: AuthMethodId) -> Result<Option<AuthMethod>, StoreError> {
        auth_method::find(&self.connection, issuer, id).await
    }

    async fn children(&self, issuer: IssuerId, now: Timestamp) -> Result<IssuerChildren, StoreError> {
        children::count(&self.connection, issuer, now).await
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<DeletingIssuer>, StoreError> {
        let rows = Entity::find()
            .select_only()
            .columns([Column::Id, Column::AccountId, Column::UpdatedAt])
            .filter(Column::Deleting.eq(true))
            .order_by_asc(Column::UpdatedAt)
            .limit(u64::from(limit))
            .into_tuple::<(uuid::Uuid, uuid::Uuid, i64)>()
            .all(&self.connection)
            .await
            .map_err(failed("issuer.deleting"))?;
        let deleting =
            |(issuer, account, at)| DeletingIssuer { id: id(issuer), account_id: id(account), accepted_at: time(at) };
        Ok(rows.into_iter().map(deleting).collect())
    }
}

#[async_trait]
impl IssuerRepository for Unit {
    async fn replace_cookie_key(&mut self, issuer: IssuerId) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .col_expr(Column::CookieKeys, Expr::col(Column::CookieKeys).add(1))
            .filter(Column::Id.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(false))
            .exec(&self.connection)
            .await
            .map_err(failed("issuer.replace_cookie_key"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn insert(&mut self, issuer: &Issuer, root_key: &[u8], methods: &[AuthMethod]) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(issuer.id.uuid()),
            account_id: Set(issuer.account_id.uuid()),
            deleting: Set(false),
            platform: Set(issuer.platform),
            n_methods: Set(issuer.methods.all.into()),
            n_login_methods: Set(issuer.methods.login.into()),
            n_signup_methods: Set(issuer.methods.signup.into()),
            root_key: Set(root_key.to_vec()),
            cookie_keys: Set(0),
            created_at: Set(issuer.created_at.as_millis()),
            ..written(issuer)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map_err(failed("issuer.insert"))?;
        auth_method::insert(&self.connection, methods).await
    }

    async fn lock(&mut self, issuer: IssuerId) -> Result<bool, StoreError> {
        let found: Option<uuid::Uuid> = Entity::find_by_id(issuer.uuid())
            .select_only()
            .column(Column::Id)
            .filter(Column::Deleting.eq(false))
            .lock(LockType::Update)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed("issuer.lock"))?;
        Ok(found.is_some())
    }

    async fn write_roles(&mut self, issuer: IssuerId, roles: &Roles) -> Result<(), StoreError> {
        let columns = ActiveModel {
            roles: Set(to_json("issuer.write_roles", roles)?),
            detaching: Set(roles.removed().next().is_some()),
            ..Default::default()
        };
        Entity::update_many()
            .set(columns)
            .filter(Column::Id.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("issuer.write_roles"))
    }

    async fn update(&mut self, issuer: &Issuer, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(issuer)?)
            .filter(Column::Id.eq(issuer.id.uuid()))
            .filter(Column::AccountId.eq(issuer.account_id.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("issuer.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn insert_auth_method(&mut self, method: &AuthMethod) -> Result<(), StoreError> {
        auth_method::insert(&self.connection, std::slice::from_ref(method)).await
    }

    async fn update_auth_method(&mut self, method: &AuthMethod, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        auth_method::update(&self.connection, method, before).await
    }

    async fn remove_auth_method(&mut self, method: &AuthMethod) -> Result<WriteOutcome, StoreError> {
        auth_method::remove(&self.connection, method).await
    }

    async fn write_method_counts(&mut self, issuer: IssuerId, counts: MethodCounts) -> Result<(), StoreError> {
        let columns = ActiveModel {
            n_methods: Set(counts.all.into()),
            n_login_methods: Set(counts.login.into()),
            n_signup_methods: Set(counts.signup.into()),
            ..Default::default()
        };
        Entity::update_many()
            .set(columns)
            .filter(Column::Id.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("issuer.write_method_counts"))
    }

    async fn begin_delete(
        &mut self,
        account: AccountId,
        id: IssuerId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                deleting: Set(true),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Platform.eq(false))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("issuer.begin_delete"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_children(&mut self, issuer: IssuerId, limit: u32) -> Result<u64, StoreError> {
        children::remove(self, issuer, limit).await
    }

    async fn remove(&mut self, issuer: IssuerId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(issuer.uuid()))
            .filter(Column::Deleting.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("issuer.remove"))
    }
}
