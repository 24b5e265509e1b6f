//! Login methods of issuers in SQL.

use authpi_core::id::{Id, IssuerId};
use authpi_core::issuer::model::auth_method::AuthMethod;
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::convert::{Place, id, time, to_json, to_word};
use crate::entity::auth_method::{ActiveModel, Column, Entity, Model};
use crate::error::failed;

fn method(row: Model) -> Result<AuthMethod, StoreError> {
    let place = Place { table: "authpi_auth_method", id: row.id };
    Ok(AuthMethod {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        kind: place.word("method", &row.method)?,
        name: row.name,
        enabled: row.enabled,
        allow_login: row.allow_login,
        allow_signup: row.allow_signup,
        first_factor_only: row.first_factor_only,
        settings: place.json("settings", row.settings)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn row(method: &AuthMethod) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "auth_method.insert";
    Ok(ActiveModel {
        id: Set(method.id.uuid()),
        issuer_id: Set(method.issuer_id.uuid()),
        method: Set(to_word(OPERATION, &method.kind)?),
        name: Set(method.name.clone()),
        enabled: Set(method.enabled),
        allow_login: Set(method.allow_login),
        allow_signup: Set(method.allow_signup),
        first_factor_only: Set(method.first_factor_only),
        settings: Set(to_json(OPERATION, &method.settings)?),
        created_at: Set(method.created_at.as_millis()),
        updated_at: Set(method.updated_at.as_millis()),
    })
}

/// The login methods of an issuer, oldest first.
pub(crate) async fn all_of(connection: &impl ConnectionTrait, issuer: IssuerId) -> Result<Vec<AuthMethod>, StoreError> {
    let rows = Entity::find()
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await
        .map_err(failed("auth_method.all_of"))?;
    rows.into_iter().map(method).collect()
}

/// Adds login methods; the issuer's counters are its own matter.
pub(crate) async fn insert(connection: &impl ConnectionTrait, methods: &[AuthMethod]) -> Result<(), StoreError> {
    if methods.is_empty() {
        return Ok(());
    }
    let rows = methods.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Entity::insert_many(rows).exec_without_returning(connection).await.map(|_| ()).map_err(failed("auth_method.insert"))
}
